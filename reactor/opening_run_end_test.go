package reactor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// rude is an Opening that returns what it is told to.
type rude struct {
	advance func(c *reactor.Conn, in []byte) (int, []byte, bool, error)
}

func (r rude) Advance(c *reactor.Conn, in []byte) (int, []byte, bool, error) { return r.advance(c, in) }
func (rude) Step() string                                                    { return "rude step" }

var errRude = errors.New("rude error")

// badPeers are ways in which an opening fails, with what the error says.
var badPeers = []struct {
	name    string
	opening func() reactor.Opening
	peer    func(p *looptest.Socket)
	is      error
	says    string
}{
	{"end in the first line", func() reactor.Opening { return asking() },
		func(p *looptest.Socket) { p.WriteString("A"); p.Shutdown() }, io.ErrUnexpectedEOF, `line "A!\n"`},
	{"end between lines", func() reactor.Opening { return asking() },
		func(p *looptest.Socket) { p.WriteString("A!\n"); p.Shutdown() }, io.ErrUnexpectedEOF, `line "B!\n"`},
	{"another line", func() reactor.Opening { return asking() },
		func(p *looptest.Socket) { p.WriteString("C!\n") }, nil, `got "C!\n", want "A!\n"`},
	{"endless line", func() reactor.Opening { return asking() },
		func(p *looptest.Socket) { p.WriteIfOpen(strings.Repeat("x", 70<<10)) }, nil, "more than 66560 bytes"},
	{"reset", func() reactor.Opening { return asking() },
		func(p *looptest.Socket) { p.WriteString("A!\n"); p.Reset() }, nil, "line"},
	{"more used than there is", func() reactor.Opening {
		return rude{func(_ *reactor.Conn, in []byte) (int, []byte, bool, error) { return len(in) + 1, nil, false, nil }}
	}, func(p *looptest.Socket) { p.WriteString("x") }, nil, "has used"},
	{"less used than before", func() reactor.Opening {
		return rude{func(_ *reactor.Conn, in []byte) (int, []byte, bool, error) { return 0, nil, len(in) > 1, nil }}
	}, func(p *looptest.Socket) { p.WriteString("x"); p.AwaitDelivery() }, nil, "has used"},
	{"Fail in Advance", func() reactor.Opening {
		return rude{func(c *reactor.Conn, in []byte) (int, []byte, bool, error) {
			if len(in) > 0 {
				c.Fail(errRude)
			}
			return len(in), nil, len(in) > 0, nil
		}}
	}, func(p *looptest.Socket) { p.WriteString("x") }, errRude, "rude"},
}

func TestClientOpeningFails(t *testing.T) {
	for _, b := range badPeers {
		t.Run(b.name, func(t *testing.T) {
			m := newManager(t)
			var r recorder
			_, p := openingClient(t, m, b.opening(), r.Handle)
			looptest.Settle(t, m)
			b.peer(p)
			looptest.Settle(t, m)
			if p.FD >= 0 {
				p.WriteIfOpen("y") // for the one that needs two reads
			}
			await(t, m, "EvClose", r.Closed)
			r.Want(t, "OPEN RESOLVE ERROR CLOSE")
			err := r.Err(t)
			if b.is != nil && !errors.Is(err, b.is) {
				t.Errorf("error %v, want %v", err, b.is)
			}
			if !strings.Contains(err.Error(), b.says) {
				t.Errorf("error %v, want %q in it", err, b.says)
			}
			if b.is != errRude && !strings.HasPrefix(err.Error(), "dial tcp 127.0.0.1:") {
				t.Errorf("error %v does not name the peer", err)
			}
		})
	}
}

// An accepted connection whose opening fails raises no event. The log says why.
func TestAcceptedOpeningFails(t *testing.T) {
	for _, b := range badPeers {
		t.Run(b.name, func(t *testing.T) {
			var log looptest.Warnings
			m := newManager(t, reactor.WithLogger(log.Logger()))
			var r recorder
			l := openingListener(t, m, b.opening, r.Handle)
			p := looptest.DialSocket(t, l.LocalAddr())
			looptest.Settle(t, m)
			b.peer(p)
			looptest.Settle(t, m)
			if p.FD >= 0 {
				p.WriteIfOpen("y")
				await(t, m, "the end", p.Ended)
			}
			await(t, m, "Refused", func() bool { return m.Stats().Refused == 1 && m.Stats().Conns == 0 })
			r.Want(t, "")
			log.WantOne(t, "connection refused in its opening", "remote=127.0.0.1:")
			if s := m.Stats(); s.Accepted != 0 || s.Failed != 0 {
				t.Errorf("accepted %d, failed %d", s.Accepted, s.Failed)
			}
		})
	}
}

// What an Opening says about its error reaches the peer.
func TestOpeningErrorIsOffered(t *testing.T) {
	m := newManager(t)
	var r recorder
	l := openingListener(t, m, func() reactor.Opening { return answering() }, r.Handle)
	p := looptest.DialSocket(t, l.LocalAddr())
	p.WriteString("what?\n")
	await(t, m, "the answer", p.Received("no\n"))
	await(t, m, "the end", p.Ended)
	if p.Err != nil {
		t.Errorf("peer got %v, want the end of the stream", p.Err)
	}
}

// A full listener closes a connection that is still in its opening. Bytes do not protect it.
func TestOpeningsAreEvicted(t *testing.T) {
	m := looptest.NewStillManager(t)
	var r recorder
	l := openingListener(t, m, func() reactor.Opening { return answering() }, r.Handle)
	if err := l.SetLimits(reactor.Limits{Conns: 2}); err != nil {
		t.Fatal(err)
	}
	first := looptest.DialSocket(t, l.LocalAddr())
	looptest.Settle(t, m)
	second := looptest.DialSocket(t, l.LocalAddr())
	looptest.Settle(t, m)
	first.WriteString("A?\nB")
	looptest.Settle(t, m)
	third := looptest.DialSocket(t, l.LocalAddr())
	third.WriteString("A?\nB?\n")
	await(t, m, "EvAccept", r.Saw(reactor.EvAccept))
	await(t, m, "the end of the first", first.Ended)
	second.Receive()
	if second.EOF || second.Err != nil || m.Stats().Evicted != 1 || m.Stats().Refused != 1 {
		t.Errorf("second ended: %v %v, stats %+v", second.EOF, second.Err, m.Stats())
	}
	r.Want(t, "OPEN ACCEPT")
	if err := reactor.CheckAccounts(m); err != nil {
		t.Error(err)
	}
}

// An opening that is done moves the connection to the end of the list.
func TestFinishedOpeningIsUsedLast(t *testing.T) {
	m := looptest.NewStillManager(t)
	var r recorder
	l := openingListener(t, m, func() reactor.Opening { return answering() }, r.Handle)
	if err := l.SetLimits(reactor.Limits{Conns: 2}); err != nil {
		t.Fatal(err)
	}
	first := looptest.DialSocket(t, l.LocalAddr())
	looptest.Settle(t, m)
	second := looptest.DialSocket(t, l.LocalAddr())
	looptest.Settle(t, m)
	first.WriteString("A?\nB?\n")
	await(t, m, "EvAccept", r.Saw(reactor.EvAccept))
	looptest.DialSocket(t, l.LocalAddr())
	await(t, m, "the end of the second", second.Ended)
	r.Want(t, "OPEN ACCEPT")
}

// While it is in its opening, nobody sees an accepted connection.
func TestOpeningIsHidden(t *testing.T) {
	m := looptest.NewStillManager(t)
	var r recorder
	l := openingListener(t, m, func() reactor.Opening { return answering() }, r.Handle)
	p := looptest.DialSocket(t, l.LocalAddr())
	await(t, m, "accept", func() bool { return m.Stats().Conns == 1 })
	for c := range m.Conns() {
		if c != l {
			t.Errorf("Conns returns %d", c.ID())
		}
	}
	m.Wakeup(l.ID()+1, []byte("x"))
	looptest.Settle(t, m)
	r.Want(t, "")
	p.WriteString("A?\nB?\n")
	await(t, m, "EvAccept", r.Saw(reactor.EvAccept))
	n := 0
	for range m.Conns() {
		n++
	}
	if n != 2 {
		t.Errorf("Conns returns %d, want 2", n)
	}
}

// If the listener or the manager ends, so do the connections in their opening, without an event.
func TestListenerEndsWithOpenings(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, m *reactor.Manager, l *reactor.Conn){
		"listener": func(t *testing.T, m *reactor.Manager, l *reactor.Conn) { l.Close(); looptest.Settle(t, m) },
		"drain": func(t *testing.T, m *reactor.Manager, l *reactor.Conn) {
			if left, err := m.Drain(time.Minute); err != nil || len(left) > 0 {
				t.Errorf("Drain: %v %v", left, err)
			}
		},
		"manager": func(t *testing.T, m *reactor.Manager, l *reactor.Conn) { m.Close() },
		"listener that has no openings any more": func(t *testing.T, m *reactor.Manager, l *reactor.Conn) {
			looptest.Must(t, l.Stack().SetOpening(nil))
			l.Close()
			looptest.Settle(t, m)
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			var r recorder
			l := openingListener(t, m, func() reactor.Opening { return answering() }, r.Handle)
			p := looptest.DialSocket(t, l.LocalAddr())
			await(t, m, "accept", func() bool { return m.Stats().Conns == 1 })
			end(t, m, l)
			for range looptest.Turns {
				if p.Ended() {
					break
				}
			}
			if !p.EOF {
				t.Errorf("the peer has no end of stream (%v)", p.Err)
			}
			r.Want(t, "")
			if s := m.Stats(); s.Accepted != 0 || s.Refused != 1 {
				t.Errorf("accepted %d, refused %d", s.Accepted, s.Refused)
			}
		})
	}
}

// What a program calls on a client before its opening is done.
func TestCallsInClientOpening(t *testing.T) {
	for _, test := range []struct {
		name   string
		call   func(c *reactor.Conn)
		events string // after the peer has answered
		heard  string // by the peer
	}{
		{"Close", (*reactor.Conn).Close, "OPEN RESOLVE CLOSE", "A?\n"},
		{"Abort", (*reactor.Conn).Abort, "OPEN RESOLVE CLOSE", "A?\n"},
		{"Fail", func(c *reactor.Conn) { c.Fail(errRude) }, "OPEN RESOLVE ERROR CLOSE", "A?\n"},
		{"Drain", (*reactor.Conn).Drain, "OPEN RESOLVE CLOSE", "A?\n"},
		{"Write and Drain", func(c *reactor.Conn) { c.Write([]byte("x")); c.Drain() }, "OPEN RESOLVE CONNECT WRITE CLOSE", "A?\nB?\nx"},
		{"CloseWrite", func(c *reactor.Conn) { c.Write([]byte("x")); c.CloseWrite() }, "OPEN RESOLVE CONNECT WRITE READ CLOSE", "A?\nB?\nx"},
		{"Pause and Resume", func(c *reactor.Conn) {
			c.Pause()
			c.Fn = func(c *reactor.Conn, ev reactor.Event, data any) {
				if ev == reactor.EvConnect {
					c.Resume()
				}
				c.FnData.(*recorder).Handle(c, ev, data)
			}
		}, "OPEN RESOLVE CONNECT READ CLOSE", "A?\nB?\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newManager(t)
			var r recorder
			c, p := openingClient(t, m, asking(), r.Handle)
			c.FnData = &r
			await(t, m, "the first line", p.Received("A?\n"))
			test.call(c)
			looptest.Settle(t, m)
			p.WriteIfOpen("A!\nB!\nlast")
			looptest.Settle(t, m)
			if !r.Closed() {
				p.Shutdown()
			}
			await(t, m, "EvClose", r.Closed)
			await(t, m, "what was said", func() bool { p.Receive(); return p.EOF || p.Err != nil })
			if string(p.In) != test.heard {
				t.Errorf("the peer heard %q, want %q", p.In, test.heard)
			}
			r.Want(t, test.events)
		})
	}
}

// A function that ends the connection, and an Advance that closes it, are harmless.
func TestOpeningFunctionEndsTheConnection(t *testing.T) {
	for name, fn := range map[string]func(c *reactor.Conn) reactor.Opening{
		"Close": func(c *reactor.Conn) reactor.Opening { c.Close(); return asking() },
		"Fail":  func(c *reactor.Conn) reactor.Opening { c.Fail(errRude); return nil },
		"in Advance": func(*reactor.Conn) reactor.Opening {
			return rude{func(c *reactor.Conn, _ []byte) (int, []byte, bool, error) { c.Drain(); return 0, nil, false, nil }}
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := looptest.NewStillManager(t)
			var server, client recorder
			l := openingListener(t, m, nil, server.Handle)
			if err := l.Stack().SetOpening(fn); err != nil {
				t.Fatal(err)
			}
			p := looptest.DialSocket(t, l.LocalAddr())
			await(t, m, "the end", p.Ended)
			server.Want(t, "")
			if s := m.Stats(); s.Conns != 0 || s.Accepted != 0 || s.Refused != 1 {
				t.Errorf("%d connections left, accepted %d, refused %d", s.Conns, s.Accepted, s.Refused)
			}
			plain := listen(t, m, "tcp://127.0.0.1:0", func(*reactor.Conn, reactor.Event, any) {})
			c := dial(t, m, urlOf(plain.LocalAddr().String()), client.Handle)
			if err := c.Stack().SetOpening(fn); err != nil {
				t.Fatal(err)
			}
			await(t, m, "EvClose", client.Closed)
			if client.Count(reactor.EvConnect) > 0 {
				t.Errorf("events %s", eventList(client.Events))
			}
		})
	}
}

// A look-up that is answered during the opening starts no attempt.
func TestLateLookUpInOpening(t *testing.T) {
	late := make(chan struct{})
	m := newManager(t, reactor.WithResolver(lateIPv4(late)))
	s, addr := looptest.BindSocket(t, "::1", 1, 16)
	var r recorder
	c, err := m.Connect(fmt.Sprintf("tcp://name.test:%d", addr.Port()), r.Handle, nil)
	if err != nil {
		t.Fatal(err)
	}
	setOpening(t, c, func() reactor.Opening { return asking() })
	p := s.AwaitAccept(m)
	await(t, m, "the first line", p.Received("A?\n"))
	close(late)
	for !looptest.Busy(m) { // until the answer is posted
		runtime.Gosched()
	}
	looptest.Settle(t, m)
	p.WriteString("A!\nB!\nx")
	await(t, m, "input", func() bool { return string(r.Got) == "x" || r.Closed() })
	r.Want(t, "OPEN RESOLVE CONNECT READ")
	if c.RemoteAddr() != addr || s.Accept() != nil {
		t.Errorf("RemoteAddr %v, want %v", c.RemoteAddr(), addr)
	}
}

// lateIPv4 is a Resolver that has IPv4 addresses only when the channel is closed.
type lateIPv4 chan struct{}

func (l lateIPv4) LookupNetIP(_ context.Context, network, _ string) ([]netip.Addr, error) {
	if network == "ip4" {
		<-l
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}
	return []netip.Addr{netip.IPv6Loopback()}, nil
}

// The other attempts of a dialer end when one has succeeded, and a late look-up starts none.
func TestOpeningEndsOtherAttempts(t *testing.T) {
	m := newManager(t, reactor.WithResolver(addresses("127.0.0.1", "127.0.0.2", "::1")))
	s, addr := looptest.BindSocket(t, "127.0.0.1", 1, 16)
	var r recorder
	c, err := m.Connect(fmt.Sprintf("tcp://name.test:%d", addr.Port()), r.Handle, nil)
	if err != nil {
		t.Fatal(err)
	}
	setOpening(t, c, func() reactor.Opening { return asking() })
	p := s.AwaitAccept(m)
	looptest.Settle(t, m)
	p.WriteString("A!\nB!\nx")
	await(t, m, "input", func() bool { return string(r.Got) == "x" })
	r.Want(t, "OPEN RESOLVE CONNECT READ")
	if s.Accept() != nil {
		t.Error("a second connection")
	}
}
