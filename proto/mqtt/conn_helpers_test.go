package mqtt_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

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

// newManager makes a manager that is closed with the test, which fails if it
// leaves descriptors or goroutines behind.
func newManager(t *testing.T) *reactor.Manager {
	t.Helper()
	return newLoggingManager(t, slog.New(slog.DiscardHandler))
}

func newLoggingManager(t *testing.T, log *slog.Logger) *reactor.Manager {
	t.Helper()
	checkLeaks(t)
	m, err := reactor.New(reactor.WithLogger(log))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// turns bounds every wait: with the 5 ms that each turn may block, 5 s.
const turns = 1000

// await runs the loop until done reports true.
func await(t *testing.T, m *reactor.Manager, what string, done func() bool) {
	t.Helper()
	for range turns {
		if done() {
			return
		}
		if err := m.Poll(5 * time.Millisecond); err != nil {
			t.Fatalf("awaiting %s: Poll: %v", what, err)
		}
	}
	t.Fatalf("awaited %s in vain", what)
}

// spin gives the loop time for what must not happen.
func spin(t *testing.T, m *reactor.Manager) {
	t.Helper()
	for range 10 {
		if err := m.Poll(0); err != nil {
			t.Fatalf("Poll: %v", err)
		}
	}
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

// wantErr looks for an error, which may be nil, and for words in its text.
func wantErr(t *testing.T, err, is error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if is != nil && !errors.Is(err, is) {
		t.Errorf("error %q is not %q", err, is)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}

// warmUp lets the runtime open what it keeps open, before anything is counted.
var warmUp = sync.OnceFunc(func() {
	if r, w, err := os.Pipe(); err == nil {
		r.SetReadDeadline(time.Now())
		r.Close()
		w.Close()
	}
})

// checkLeaks fails the test if there are more descriptors or goroutines at
// its end than now.
func checkLeaks(t *testing.T) {
	t.Helper()
	warmUp()
	files, routines := openFiles(), runtime.NumGoroutine()
	t.Cleanup(func() {
		for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > routines; runtime.Gosched() {
			if time.Now().After(deadline) {
				t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), routines)
				break
			}
		}
		if now := openFiles(); now > files {
			t.Errorf("%d descriptors, %d before", now, files)
		}
	})
}

func openFiles() int {
	entries, _ := os.ReadDir("/dev/fd")
	return len(entries)
}

// publishing is a Pub in one line.
func publishing(qos uint8) *mqtt.Options {
	return &mqtt.Options{Topic: "a/b", Message: []byte("hi"), QoS: qos}
}
