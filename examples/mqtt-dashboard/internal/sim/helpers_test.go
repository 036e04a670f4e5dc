package sim

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/examples/internal/broker"
	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/reactor"
)

var quiet = slog.New(slog.DiscardHandler)

// fixture is a device, a broker and another client on one loop.
type fixture struct {
	t      *testing.T
	m      *reactor.Manager
	b      *broker.Broker
	url    string
	d      *Device
	client *reactor.Conn
	got    []string // "topic payload" of the client's messages, without those of values
	values int
	ended  bool
	err    error
}

// newFixture makes a device that has announced itself.
func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, m: looptest.NewManager(t)}
	f.startBroker("127.0.0.1:0")
	f.connect()
	var err error
	f.d, err = New(f.m, Options{ID: "d", Root: "root", Every: time.Millisecond, Log: quiet,
		Login: session.Options{URLs: []string{f.url}, Backoff: session.Backoff{Min: time.Millisecond, Max: 10 * time.Millisecond}},
		Ended: func(err error) { f.ended, f.err = true, err }})
	looptest.Must(t, err)
	f.await(`root/d/status {"jsonrpc":"2.0","method":"status.notify","params":{"status":"online","led_status":false,"firmware_version":"1.0.0"}}`)
	return f
}

func (f *fixture) startBroker(addr string) {
	f.t.Helper()
	f.b = broker.New(f.m, quiet)
	l, err := f.b.Listen("mqtt://" + addr)
	looptest.Must(f.t, err)
	f.url = "mqtt://" + l.LocalAddr().String()
}

// connect connects the client, which subscribes to everything.
func (f *fixture) connect() {
	f.t.Helper()
	ready := false
	c, err := mqtt.Connect(f.m, f.url, &mqtt.Options{}, func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvMQTTOpen:
			mqtt.Sub(c, &mqtt.Options{Topic: "#", QoS: 1})
		case reactor.EvMQTTCmd:
			ready = ready || data.(*mqtt.Message).Cmd == mqtt.CmdSuback
		case reactor.EvMQTTMsg:
			m := data.(*mqtt.Message)
			if strings.HasSuffix(string(m.Topic), "/values") {
				f.values++
			} else {
				f.got = append(f.got, string(m.Topic)+" "+string(m.Data))
			}
		}
	}, nil)
	looptest.Must(f.t, err)
	f.client = c
	looptest.Await(f.t, f.m, "the subscription", func() bool { return ready })
}

// send sends a request to the device.
func (f *fixture) send(payload string) {
	f.t.Helper()
	_, err := mqtt.Pub(f.client, &mqtt.Options{Topic: "root/d/rx", Message: []byte(payload), QoS: 1})
	looptest.Must(f.t, err)
}

// await waits for a message. What came before it is dropped.
func (f *fixture) await(want string) {
	f.t.Helper()
	looptest.Await(f.t, f.m, want, func() bool {
		for len(f.got) > 0 {
			next := f.got[0]
			f.got = f.got[1:]
			if next == want {
				return true
			}
		}
		return false
	})
}
