package main

import (
	"os"
	"syscall"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

func TestMain(m *testing.M) {
	looptest.Main(main)
	os.Exit(m.Run())
}

// Wrong usage has status 2 and one line that names the flag. Nothing begins.
func TestUsage(t *testing.T) {
	looptest.WantUsage(t, run, "mqtt-dashboard", nil, []looptest.Refusal{
		looptest.Wrong("-listen ws://127.0.0.1:0: want http://host:port", "-listen", "ws://127.0.0.1:0"),
		looptest.Wrong("-mqtt ws://127.0.0.1:0: want mqtt://host:port", "-mqtt", "ws://127.0.0.1:0"),
		looptest.Wrong("-ws wss://127.0.0.1:0: this example has no TLS there", "-ws", "wss://127.0.0.1:0"),
		looptest.Wrong("-broker mqtt://h: want ws:// or wss://", "-broker", "mqtt://h"),
		looptest.Wrong("-broker: ", "-broker", "ws://h:x"),
		looptest.Wrong("everybody who opens the page would see the password", "-broker", "wss://me:s3cret@h"),
		looptest.Wrong(`-topic: "a/b" cannot be a level of a topic`, "-topic", "a/b"),
		looptest.Wrong("-origin: ", "-origin", "example.com"),
		looptest.Wrong("-devices: it is negative", "-devices", "-1"),
		looptest.Wrong("-devices 101 is more than 100", "-devices", "101"),
		looptest.Wrong("-every 1ms is less than 10ms", "-every", "1ms"),
	})
}

// If the system refuses to listen, the status is 1, and the line names the flag and the URL.
func TestExitStatus(t *testing.T) {
	used := looptest.UsedAddr(t)
	const free = "127.0.0.1:0"
	looptest.WantExit(t, []string{"-listen", "http://" + used}, 1, "-listen http://"+used+": ")
	looptest.WantExit(t, []string{"-listen", "http://" + free, "-mqtt", "mqtt://" + used}, 1, "-mqtt mqtt://"+used+": ")
	looptest.WantExit(t, []string{"-listen", "http://" + free, "-mqtt", "mqtt://" + free, "-ws", "ws://" + used}, 1, "-ws ws://"+used+": ")
}

// start starts the program on free ports. It returns the addresses of the page, and of the broker
// for devices and for the page.
func start(t *testing.T, args ...string) (p *looptest.Program, page, mqtt, ws string) {
	t.Helper()
	p = looptest.Start(t, append([]string{"-listen", "http://127.0.0.1:0", "-mqtt", "mqtt://127.0.0.1:0", "-ws", "ws://127.0.0.1:0/mqtt"}, args...)...)
	mqtt = p.Await(`listening url=mqtt://\S+ local=(\S+)`)[1]
	ws = p.Await(`listening url=ws://\S+ local=(\S+)`)[1]
	return p, p.Await(`the page is http://(\S+)/$`)[1], mqtt, ws
}

// The program ends at SIGTERM, with its devices.
func TestEnd(t *testing.T) {
	p, _, _, _ := start(t)
	p.Await(`SUBSCRIBED to mg_mqtt_dashboard/device-[12]/rx`)
	p.Await(`SUBSCRIBED to mg_mqtt_dashboard/device-[12]/rx`)
	p.Signal(syscall.SIGTERM)
	p.WantEnd()
}
