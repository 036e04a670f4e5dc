package main

import (
	"bytes"
	"io"
	"os"
	"slices"
	"syscall"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
)

func TestMain(m *testing.M) {
	looptest.Main(main)
	os.Exit(m.Run())
}

// Wrong usage has status 2 and one line that names the flag. The program does not listen before.
func TestUsage(t *testing.T) {
	looptest.WantUsage(t, run, "mqtt-server", nil, []looptest.Refusal{
		looptest.Wrong("for flag -passwords: it is empty", "-passwords", ""),
		looptest.Wrong(`-listen: reactor: bad URL "127.0.0.1:0"`, "-listen", "mqtt://127.0.0.1:0", "-listen", "127.0.0.1:0"),
		looptest.Wrong("-listen bogus://127.0.0.1:0: want mqtt://", "-listen", "mqtt://127.0.0.1:0", "-listen", "bogus://127.0.0.1:0"),
		looptest.Wrong("-listen http://127.0.0.1:0: want mqtt://", "-listen", "http://127.0.0.1:0"),
		looptest.Wrong("-listen ws://example.com: the host must be an IP address", "-listen", "ws://127.0.0.1:0", "-listen", "ws://example.com"),
		looptest.Wrong("mqtts://127.0.0.1:0 needs -cert and -key", "-listen", "mqtt://127.0.0.1:0", "-listen", "mqtts://127.0.0.1:0"),
		looptest.Wrong("-cert and -key must be given together", "-cert", "x"),
		looptest.Wrong("-cert and -key must be given together", "-key", "x"),
		looptest.Wrong("-cert: open no/such: no such file or directory", "-cert", "no/such", "-key", "file"),
		looptest.Wrong("-client-ca need a URL with TLS, such as https://… or wss://…; there is none in ws://127.0.0.1", "-client-ca", "x", "-listen", "ws://127.0.0.1:0"),
		looptest.Wrong(`-origin: ws: bad pattern "example"`, "-origin", "example"),
		looptest.Wrong("-origin is for ws:// and wss://", "-origin", "*", "-listen", "mqtt://127.0.0.1:0"),
		looptest.Wrong("-passwords: open no/such: no such file or directory", "-passwords", "no/such"),
		looptest.Wrong("-expiry 0: want a time", "-expiry", "0"),
		looptest.Wrong("for flag -expiry", "-expiry", "5"),
		looptest.Wrong("for flag -conns: want a number", "-conns", "x"),
		looptest.Wrong("for flag -conns: want a positive number, or a negative one for no limit", "-conns", "0"),
		looptest.Wrong("for flag -packet: want a positive number, or a negative one for no limit", "-packet", "0"),
		looptest.Wrong("for flag -client: want a positive number, or a negative one for no limit", "-client", "0"),
		looptest.Wrong("for flag -queue: want a positive number, or a negative one for no limit", "-queue", "0"),
		looptest.Wrong("for flag -sessions: want a positive number, or a negative one for no limit", "-sessions", "0"),
		looptest.Wrong("for flag -kept: want a positive number, or a negative one for no limit", "-kept", "0"),
		looptest.Wrong("for flag -retained: want a positive number, or a negative one for no limit", "-retained", "0"),
	})
}

// If the system refuses to listen, the status is 1, and the line names the flag and the URL.
func TestExitStatus(t *testing.T) {
	used := looptest.UsedAddr(t)
	looptest.WantExit(t, []string{"-listen", "mqtt://" + used}, 1, "-listen mqtt://"+used+": ")
	looptest.WantExit(t, []string{"-listen", "mqtt://" + used}, 1, "address already in use\n")
	looptest.WantExit(t, []string{"-listen", "ws://127.0.0.1:0", "-listen", "mqtt://" + used}, 1, "-listen mqtt://"+used+": ")
}

func TestListenOn(t *testing.T) {
	plain := []string{"mqtt://127.0.0.1:1883", "ws://127.0.0.1:8083/mqtt"}
	for _, tc := range []struct {
		args []string
		cert bool
		want []string
	}{
		{nil, false, plain},
		{nil, true, append(plain, "mqtts://127.0.0.1:8883", "wss://127.0.0.1:8084/mqtt")},
		{[]string{"x", "y"}, true, []string{"x", "y"}},
	} {
		if got := listenOn(tc.args, tc.cert); !slices.Equal(got, tc.want) {
			t.Errorf("%q: %q", tc.args, got)
		}
	}
}

// TestServe logs in over TCP, connects to the WebSocket port, and ends the program with a
// signal.
func TestServe(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			p := looptest.Start(t, "-listen", "mqtt://127.0.0.1:0", "-listen", "ws://127.0.0.1:0/mqtt", "-v")
			client := looptest.Dial(t, "tcp", address(p, "mqtt"))
			if _, err := looptest.Dial(t, "tcp", address(p, "ws")).Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
				t.Error(err)
			}
			packet, err := mqtt.AppendConnect(nil, 5, &mqtt.ConnectPacket{ClientID: "a", CleanStart: true})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := client.Write(packet); err != nil {
				t.Fatal(err)
			}
			p.Await(`^\d\d:\d\d:\d\d\.\d{3} INFO  client\.go:\d+  connected .*client=a`)
			p.Signal(sig)
			answers, err := io.ReadAll(client)
			if want := []byte{byte(mqtt.CmdDisconnect) << 4, 2, byte(mqtt.ReasonServerShuttingDown), 0}; err != nil || !bytes.HasSuffix(answers, want) {
				t.Errorf("the client reads %x, %v, want %x at the end", answers, err, want)
			}
			p.Await(`INFO .* stopping`)
			p.WantEnd()
		})
	}
}

// address reads the log up to the line with the address for a scheme, and returns that.
func address(p *looptest.Program, scheme string) string {
	return p.Await(`^\d\d:\d\d:\d\d\.\d{3} INFO  broker\.go:\d+  listening url=` + scheme + `://127\.0\.0\.1:0\S* local=(\S+)$`)[1]
}
