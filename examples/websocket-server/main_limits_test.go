package main

import (
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// defaults returns the options of a command line.
func defaults(t *testing.T, args ...string) *options {
	t.Helper()
	var o options
	f := flag.NewFlagSet("", flag.ContinueOnError)
	o.flags(f)
	if err := f.Parse(args); err != nil {
		t.Fatal(err)
	}
	return &o
}

// listening returns a manager with a server that has these flags, its address, and the clock of
// the manager.
func listening(t *testing.T, args ...string) (*reactor.Manager, netip.AddrPort, *looptest.Clock) {
	t.Helper()
	o, clock := defaults(t, args...), looptest.NewClock()
	m := looptest.NewManager(t, reactor.WithClock(clock.Now), reactor.WithDeadlines(o.deadlines()))
	if err := o.server(slog.New(slog.DiscardHandler)).listen(m, "ws://127.0.0.1:0", nil); err != nil {
		t.Fatal(err)
	}
	for c := range m.Conns() {
		return m, c.LocalAddr(), clock
	}
	panic("no listener")
}

// opened returns a client with an open WebSocket.
func opened(t *testing.T, m *reactor.Manager, at netip.AddrPort) *looptest.Socket {
	t.Helper()
	client := looptest.DialSmallSocket(t, at, 32<<10)
	client.WriteString(handshake)
	looptest.Await(t, m, "the response", func() bool {
		client.Receive()
		return strings.HasSuffix(string(client.In), "\r\n\r\n")
	})
	client.In = nil
	return client
}

// Each time limit is enforced when it has passed and not before. 0 turns it off.
func TestTimes(t *testing.T) {
	for _, row := range []struct {
		flag  string
		after time.Duration // by default
		begin func(t *testing.T, m *reactor.Manager, at netip.AddrPort, clock *looptest.Clock) *looptest.Socket
	}{
		{"-handshake", 10 * time.Second, func(t *testing.T, m *reactor.Manager, at netip.AddrPort, _ *looptest.Clock) *looptest.Socket {
			client := looptest.DialSocket(t, at)
			client.WriteString(handshake[:30])
			return client
		}},
		{"-ping", 30 * time.Second, func(t *testing.T, m *reactor.Manager, at netip.AddrPort, clock *looptest.Clock) *looptest.Socket {
			client := opened(t, m, at)
			clock.Advance(30 * time.Second) // the ping
			return client
		}},
		{"-stall", 30 * time.Second, func(t *testing.T, m *reactor.Manager, at netip.AddrPort, _ *looptest.Clock) *looptest.Socket {
			client, message := opened(t, m, at), []byte(looptest.Frame(0x82, true, -1, strings.Repeat("x", 1<<16)))
			rest := message
			looptest.Await(t, m, "a full socket", func() bool {
				if rest = rest[client.WriteSome(rest):]; len(rest) == 0 {
					rest = message
				}
				return m.Stats().Paused > 0
			})
			return client
		}},
	} {
		for _, off := range []bool{false, true} {
			t.Run(fmt.Sprint(row.flag, ", off: ", off), func(t *testing.T) {
				args := []string{"-ping", "0"} // a client that reads nothing answers no ping
				if row.flag == "-ping" {
					args = nil
				}
				if off {
					args = append(args, row.flag, "0")
				}
				m, at, clock := listening(t, args...)
				client := row.begin(t, m, at, clock)
				looptest.Settle(t, m)
				clock.Advance(row.after - time.Millisecond)
				looptest.Settle(t, m)
				if m.Stats().Conns != 1 {
					t.Fatal("the connection is closed before the time has passed")
				}
				if off {
					clock.Advance(time.Hour)
					looptest.Settle(t, m)
					if m.Stats().Conns != 1 {
						t.Error("the connection is closed")
					}
					return
				}
				stop := looptest.EachTurn(m, func() { clock.Advance(time.Second) }) // the socket may have taken more
				looptest.Await(t, m, "the end", func() bool { return m.Stats().Conns == 0 })
				stop()
				looptest.Await(t, m, "the end", client.Ended)
			})
		}
	}
}

// A client that answers pings stays connected.
func TestPing(t *testing.T) {
	m, at, clock := listening(t)
	client := opened(t, m, at)
	for range 5 {
		clock.Advance(30 * time.Second)
		looptest.Await(t, m, "a ping", client.Received("\x89\x00"))
		client.In = nil
		client.WriteString(looptest.Frame(0x8a, true, -1, ""))
		looptest.Settle(t, m)
	}
	if m.Stats().Conns != 1 {
		t.Error("the connection is closed")
	}
}

// With -conns 2 a third client takes the place of one that has sent no request. If there are
// only WebSockets, it is refused.
func TestConns(t *testing.T) {
	m, at, _ := listening(t, "-conns", "2")
	first := opened(t, m, at)
	idle := looptest.DialSocket(t, at)
	looptest.Await(t, m, "the second client", func() bool { return m.Stats().Conns == 2 })
	second := opened(t, m, at)
	looptest.Await(t, m, "the end of the idle client", idle.Ended)
	third := looptest.DialSocket(t, at)
	looptest.Await(t, m, "the end of the third client", third.Ended)
	for _, client := range []*looptest.Socket{first, second} {
		client.WriteString(looptest.Frame(0x81, true, -1, "hi"))
		looptest.Await(t, m, "the echo", client.Received("\x81\x02hi"))
	}
}

// Web pages of this server may open WebSockets, those of other servers only with -origin.
func TestOrigin(t *testing.T) {
	for _, row := range []struct {
		args   []string
		origin string
		status string
	}{
		{nil, "http://x", "101"},
		{nil, "http://y", "403"},
		{[]string{"-origin", "https://y", "-origin", "https://*.z"}, "https://y", "101"},
		{[]string{"-origin", "https://y", "-origin", "https://*.z"}, "https://a.z", "101"},
		{[]string{"-origin", "https://y", "-origin", "https://*.z"}, "https://z", "403"},
		{[]string{"-origin", "*"}, "http://y", "101"},
	} {
		m, at, _ := listening(t, row.args...)
		client := looptest.DialSocket(t, at)
		client.WriteString(strings.Replace(handshake, "\r\n\r\n", "\r\nOrigin: "+row.origin+"\r\n\r\n", 1))
		looptest.Await(t, m, "the response", func() bool { client.Receive(); return strings.Contains(string(client.In), "\r\n\r\n") })
		if got := string(client.In[9:12]); got != row.status {
			t.Errorf("%q: origin %s is answered %s, want %s", row.args, row.origin, got, row.status)
		}
	}
}

// A client that sends many bad requests causes one answer and one line in the log.
func TestBadRequestsInTheLog(t *testing.T) {
	r := start(t)
	const bad = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
	for range 3 {
		if got := r.ask(strings.Repeat(bad, 100)); strings.Count(got, "HTTP/1.1 405 ") != 1 {
			t.Fatalf("answered %q", got)
		}
	}
	r.Signal(syscall.SIGTERM)
	status, stdout, _ := r.Wait()
	if n := strings.Count(stdout, "not upgraded"); status != 0 || n != 3 {
		t.Errorf("status %d, %d records, want 3", status, n)
	}
}
