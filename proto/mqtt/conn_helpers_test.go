package mqtt_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// transports are what every rule of the connection layer is tried over.
var transports = []string{"mqtt", "ws"}

// overBoth runs a test over each transport.
func overBoth(t *testing.T, test func(t *testing.T, scheme string)) {
	for _, scheme := range transports {
		t.Run(scheme, func(t *testing.T) { test(t, scheme) })
	}
}

func newManager(t *testing.T, opts ...reactor.Option) *reactor.Manager {
	t.Helper()
	return looptest.NewManager(t, opts...)
}

const turns = looptest.Turns

func await(t *testing.T, m *reactor.Manager, what string, done func() bool) {
	t.Helper()
	looptest.Await(t, m, what, done)
}

// spin gives the loop time for what must not happen.
func spin(t *testing.T, m *reactor.Manager) {
	t.Helper()
	looptest.Spin(t, m, 10)
}

// recorder is a handler that writes down what it hears, one word per event:
// its name, topic=data of EvMQTTMsg, and the packet's name in lower case of
// EvMQTTCmd. Reading, writing and WebSocket messages it leaves out.
type recorder struct {
	t    *testing.T
	c    *reactor.Conn
	log  []string
	errs []error
	read int // bytes that EvRead told of
	on   map[reactor.Event]func(c *reactor.Conn, data any)
}

type hooks = map[reactor.Event]func(c *reactor.Conn, data any)

func (r *recorder) handle(c *reactor.Conn, ev reactor.Event, data any) {
	if c.IsListening() {
		return
	}
	r.c = c
	switch ev {
	case reactor.EvRead:
		r.read += *data.(*int)
	case reactor.EvWrite, reactor.EvHTTPHdrs, reactor.EvWSMsg, reactor.EvWSCtl:
	default:
		r.note(ev, data)
	}
	if f := r.on[ev]; f != nil {
		f(c, data)
	}
}

// note holds each event's data against its documented type.
func (r *recorder) note(ev reactor.Event, data any) {
	word, ok := ev.String(), true
	switch ev {
	case reactor.EvError:
		var err error
		err, ok = data.(error)
		r.errs = append(r.errs, err)
	case reactor.EvMQTTOpen:
		var code mqtt.ReasonCode
		code, ok = data.(mqtt.ReasonCode)
		word += fmt.Sprintf(":%d", code)
	case reactor.EvMQTTCmd:
		var m *mqtt.Message
		if m, ok = data.(*mqtt.Message); ok {
			word = strings.ToLower(m.Cmd.String())
		}
	case reactor.EvMQTTMsg:
		var m *mqtt.Message
		if m, ok = data.(*mqtt.Message); ok {
			word = fmt.Sprintf("%s=%s", m.Topic, m.Data)
		}
	case reactor.EvHTTPMsg, reactor.EvWSOpen:
		_, ok = data.(*http.Message)
	default:
		ok = data == nil
	}
	if !ok {
		r.t.Errorf("%v came with a %T", ev, data)
	}
	r.log = append(r.log, word)
}

func (r *recorder) saw(word string) func() bool {
	return func() bool {
		for _, w := range r.log {
			if w == word {
				return true
			}
		}
		return false
	}
}

func (r *recorder) closed() bool { return r.saw("CLOSE")() }

// since returns the words behind the first n.
func (r *recorder) since(n int) string { return strings.Join(r.log[n:], " ") }

// packets returns the words but those that introduce a connection.
func (r *recorder) packets() string {
	var list []string
	for _, w := range r.log {
		switch w {
		case "OPEN", "RESOLVE", "CONNECT", "ACCEPT", "WS_OPEN", "HTTP_MSG":
		default:
			list = append(list, w)
		}
	}
	return strings.Join(list, " ")
}

func (r *recorder) wantPackets(words string) {
	r.t.Helper()
	if got := r.packets(); got != words {
		r.t.Errorf("events\n got %s\nwant %s\nerrors %v", got, words, r.errs)
	}
}

// err returns the one error that was raised.
func (r *recorder) err() error {
	r.t.Helper()
	if len(r.errs) != 1 {
		r.t.Fatalf("%d errors %v among %v, want 1", len(r.errs), r.errs, r.log)
	}
	return r.errs[0]
}

func wantErr(t *testing.T, err, is error, words ...string) {
	t.Helper()
	looptest.WantErr(t, err, is, words...)
}

// setLimit sets the only limit there is.
func setLimit(t *testing.T, c *reactor.Conn, packet int) {
	t.Helper()
	if err := mqtt.SetLimits(c, mqtt.Limits{Packet: packet}); err != nil {
		t.Error(err)
	}
}

// publishing is a Pub in one line.
func publishing(qos uint8) *mqtt.Options {
	return &mqtt.Options{Topic: "a/b", Message: []byte("hi"), QoS: qos}
}
