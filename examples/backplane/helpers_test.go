package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"os"
	"testing"

	"github.com/gobwas/ws/wsutil"
	"github.com/rikki-go/rikki/examples/internal/broker"
	"github.com/rikki-go/rikki/examples/internal/testclient"
	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

func TestMain(m *testing.M) {
	looptest.Main(main)
	os.Exit(m.Run())
}

var quiet = slog.New(slog.DiscardHandler)

// startBroker runs a broker beside the test, at an address such as 127.0.0.1:0.
func startBroker(t *testing.T, addr string) (at string, stop func()) {
	t.Helper()
	m, err := reactor.New(reactor.WithLogger(quiet))
	looptest.Must(t, err)
	b := broker.New(m, quiet)
	l, err := b.Listen("mqtt://" + addr)
	looptest.Must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.Run(ctx)
		b.Close()
		m.Poll(0)
		m.Close()
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return l.LocalAddr().String(), stop
}

// process is a running program.
type process struct {
	*looptest.Program
	addr string
}

func startProcess(t *testing.T, name, broker string, args ...string) *process {
	t.Helper()
	p := looptest.Start(t, append(args, "-name", name, "-listen", "http://127.0.0.1:0", "-broker", "mqtt://"+broker)...)
	return &process{p, p.Await(`listening name=` + name + ` url=http://(\S+)$`)[1]}
}

// client is a browser of a process.
type client struct {
	t *testing.T
	net.Conn
}

// dial opens a WebSocket. A browser gets the hello first.
func dial(t *testing.T, addr string) *client {
	t.Helper()
	return &client{t, testclient.DialWebSocket(t, "ws://"+addr+"/ws")}
}

// send sends a message, whatever it is.
func (c *client) send(message string) {
	c.t.Helper()
	testclient.WriteText(c.t, c, message)
}

// until reads up to an answer that is as wanted.
func (c *client) until(what string, wanted func(*answer) bool) *answer {
	c.t.Helper()
	for {
		p, err := wsutil.ReadServerText(c)
		if err != nil {
			c.t.Fatalf("%s: %v", what, err)
		}
		var a answer
		looptest.Must(c.t, json.Unmarshal(p, &a))
		if wanted(&a) {
			return &a
		}
	}
}

// broker waits until the broker is connected, or is not.
func (c *client) broker(up bool) {
	c.t.Helper()
	c.until("the state of the broker", func(a *answer) bool { return a.Type == "broker" && (*a.Why == "") == up })
}

// message waits for a message with a text.
func (c *client) message(text string) *message {
	c.t.Helper()
	return c.until("the message "+text, func(a *answer) bool { return a.Type == "message" && a.Message.Text == text }).Message
}

// outcome waits for the outcome of a message and returns the error.
func (c *client) outcome(id int64) string {
	c.t.Helper()
	return c.until("the outcome", func(a *answer) bool { return a.Type == "outcome" && a.ID == id }).Error
}

// servers waits until the list of the processes is as wanted.
func (c *client) servers(want ...memberInfo) {
	c.t.Helper()
	c.until("the list of processes", func(a *answer) bool {
		if a.Type != "servers" || len(a.Servers) != len(want) {
			return false
		}
		for i := range want {
			if a.Servers[i] != want[i] {
				return false
			}
		}
		return true
	})
}
