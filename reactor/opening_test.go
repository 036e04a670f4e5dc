package reactor_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// remark is one exchange of a script: a line of the peer, and what is said then.
type remark struct{ await, say string }

// talk is an Opening that follows a list of exchanges. It uses one line per call.
type talk struct {
	left  []remark
	calls int
}

// asking is the script of a client, and its peer's lines.
func asking() *talk {
	return &talk{left: []remark{{"", "A?\n"}, {"A!\n", "B?\n"}, {"B!\n", ""}}}
}

// answering is the script of a server.
func answering() *talk { return &talk{left: []remark{{"A?\n", "A!\n"}, {"B?\n", "B!\n"}}} }

func (s *talk) Advance(_ *reactor.Conn, in []byte) (used int, out []byte, done bool, err error) {
	s.calls++
	if s.left[0].await != "" {
		used = bytes.IndexByte(in, '\n') + 1
		if used == 0 {
			return 0, nil, false, nil
		}
		if string(in[:used]) != s.left[0].await {
			return 0, []byte("no\n"), false, fmt.Errorf("got %q, want %q", in[:used], s.left[0].await)
		}
	}
	out = []byte(s.left[0].say)
	s.left = s.left[1:]
	return used, out, len(s.left) == 0, nil
}

func (s *talk) Step() string { return fmt.Sprintf("line %q", s.left[0].await) }

// setOpening makes each connection begin with an Opening of its own.
func setOpening(t testing.TB, c *reactor.Conn, make func() reactor.Opening) {
	t.Helper()
	if err := c.Stack().SetOpening(func(*reactor.Conn) reactor.Opening { return make() }); err != nil {
		t.Fatal(err)
	}
}

// openingClient returns a connection that begins with an opening, and its peer, which has accepted
// it.
func openingClient(t testing.TB, m *reactor.Manager, o reactor.Opening, fn reactor.Handler) (*reactor.Conn, *looptest.Socket) {
	t.Helper()
	l, addr := looptest.ListenSocket(t)
	c, err := m.Connect(urlOf(addr), fn, nil)
	if err != nil {
		t.Fatal(err)
	}
	setOpening(t, c, func() reactor.Opening { return o })
	return c, l.AwaitAccept(m)
}

// openingListener returns a listener whose connections begin with an opening. fn gets the events of
// accepted connections.
func openingListener(t testing.TB, m *reactor.Manager, make func() reactor.Opening, fn reactor.Handler) *reactor.Conn {
	t.Helper()
	l, err := m.Listen("tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		if !c.IsListening() {
			fn(c, ev, data)
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	setOpening(t, l, make)
	return l
}

// pieces calls fn with each way to cut s in two, with s in one piece, and with s byte by byte.
func pieces(s string, fn func(name string, parts []string)) {
	for i := 1; i < len(s); i++ {
		fn(fmt.Sprintf("cut at %d", i), []string{s[:i], s[i:]})
	}
	fn("one piece", []string{s})
	fn("byte by byte", strings.Split(s, ""))
}

// What follows the opening belongs to the connection, wherever the input is cut.
func TestClientOpeningAtEachSplit(t *testing.T) {
	pieces("A!\nB!\nrest", func(name string, parts []string) {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			var r recorder
			c, p := openingClient(t, m, asking(), r.Handle)
			c.Write([]byte("mine")) // waits for EvConnect
			for _, part := range parts {
				p.WriteString(part)
				looptest.Settle(t, m)
			}
			await(t, m, "the rest", func() bool { return string(r.Got) == "rest" })
			await(t, m, "what was said", p.Received("A?\nB?\nmine"))
			if got := eventList(r.Events[:3]); got != "OPEN RESOLVE CONNECT" {
				t.Errorf("events %s", got)
			}
			if c.RemoteAddr().String() == "" || c.LocalAddr().Port() == 0 {
				t.Error("no addresses")
			}
		})
	})
}

func TestAcceptedOpeningAtEachSplit(t *testing.T) {
	pieces("A?\nB?\nrest", func(name string, parts []string) {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			var r recorder
			l := openingListener(t, m, func() reactor.Opening { return answering() }, r.Handle)
			p := looptest.DialSocket(t, l.LocalAddr())
			for _, part := range parts {
				p.WriteString(part)
				looptest.Settle(t, m)
			}
			await(t, m, "the rest", func() bool { return string(r.Got) == "rest" })
			await(t, m, "the answers", p.Received("A!\nB!\n"))
			if got := eventList(r.Events[:3]); got != "OPEN ACCEPT READ" {
				t.Errorf("events %s", got)
			}
			if s, ok := r.Conn.Stack().Opening().(*talk); !ok || len(s.left) > 0 {
				t.Errorf("Opening() = %v", r.Conn.Stack().Opening())
			}
			if s := m.Stats(); s.Accepted != 1 || s.Refused != 0 {
				t.Errorf("accepted %d, refused %d", s.Accepted, s.Refused)
			}
		})
	})
}

// An Opening may return nil, and one that is done at once costs nothing of the input.
func TestOpeningThatNeedsNothing(t *testing.T) {
	for name, o := range map[string]reactor.Opening{"nil": nil, "done": &talk{left: []remark{{"", ""}}}} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			var server, client recorder
			l := openingListener(t, m, func() reactor.Opening {
				if o == nil {
					return nil
				}
				return &talk{left: []remark{{"", ""}}}
			}, server.Handle)
			c := dial(t, m, urlOf(l.LocalAddr().String()), client.Handle)
			setOpening(t, c, func() reactor.Opening { return o })
			c.Write([]byte("x"))
			await(t, m, "input", func() bool { return string(server.Got) == "x" })
			if got := eventList(server.Events); got != "OPEN ACCEPT READ" {
				t.Errorf("events %s", got)
			}
		})
	}
}

// Over a UNIX-domain socket it is the same.
func TestOpeningOverUnixSocket(t *testing.T) {
	m := newManager(t)
	url := listenURL(t, "unix")
	var server, client recorder
	l, err := m.Listen(url, server.Handle, nil)
	if err != nil {
		t.Fatal(err)
	}
	setOpening(t, l, func() reactor.Opening { return answering() })
	c := dial(t, m, url, client.Handle)
	setOpening(t, c, func() reactor.Opening { return asking() })
	c.Write([]byte("x"))
	await(t, m, "input", func() bool { return string(server.Got) == "x" })
	if got := eventList(client.Events); !strings.HasPrefix(got, "OPEN CONNECT") {
		t.Errorf("events %s", got)
	}
}

// What the socket does not take at once is written later, and done waits for that.
func TestOpeningWritesInParts(t *testing.T) {
	const size = 8 << 20
	long := strings.Repeat("x", size)
	m := newManager(t)
	var r recorder
	c, p := openingClient(t, m, &talk{left: []remark{{"", long}, {"\n", long}}}, r.Handle)
	c.Write([]byte("end"))
	looptest.Settle(t, m)
	p.Receive()
	if len(p.In) == 0 || len(p.In) == size {
		t.Fatalf("the socket took %d bytes at once, want a part", len(p.In))
	}
	p.WriteString("\n")
	looptest.Settle(t, m)
	if r.Count(reactor.EvConnect) > 0 {
		t.Fatal("EvConnect before all is written")
	}
	await(t, m, "all bytes", func() bool { p.Receive(); return len(p.In) == 2*size+3 })
	if !bytes.HasSuffix(p.In, []byte("xend")) || r.Count(reactor.EvConnect) != 1 {
		t.Errorf("ends with %q, %s", p.In[len(p.In)-4:], eventList(r.Events))
	}
}

// SetOpening says when it cannot help.
func TestSetOpeningErrors(t *testing.T) {
	m := newManager(t)
	var r recorder
	set := func(c *reactor.Conn) error {
		return c.Stack().SetOpening(func(*reactor.Conn) reactor.Opening { return asking() })
	}
	want := func(what string, err error, text string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v, want %q", what, err, text)
		}
	}
	u, err := m.Listen("udp://127.0.0.1:0", r.Handle, nil)
	if err != nil {
		t.Fatal(err)
	}
	want("udp listener", set(u), "want a stream")
	want("udp client", set(dial(t, m, "udp://127.0.0.1:9", r.Handle)), "want a stream")
	w, _ := wrap(t, m, r.Handle)
	want("WrapFD", set(w), "want a stream")
	c, p := openingClient(t, m, asking(), r.Handle)
	looptest.Settle(t, m)
	want("in the opening", set(c), "too late")
	p.WriteString("A!\nB!\n")
	await(t, m, "EvConnect", r.Saw(reactor.EvConnect))
	want("connected", set(c), "too late")
	c.Close()
	if err := set(c); !errors.Is(err, reactor.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// SetRemoteAddr changes what RemoteAddr and the log say, in the Opening already.
func TestSetRemoteAddrInOpening(t *testing.T) {
	m := newManager(t)
	var r recorder
	real := netipAddrPort("192.0.2.7", 4711)
	l := openingListener(t, m, nil, r.Handle)
	if err := l.Stack().SetOpening(func(c *reactor.Conn) reactor.Opening {
		if !c.RemoteAddr().Addr().IsLoopback() {
			t.Errorf("RemoteAddr %v before the opening", c.RemoteAddr())
		}
		c.Stack().SetRemoteAddr(real)
		return answering()
	}); err != nil {
		t.Fatal(err)
	}
	looptest.DialSocket(t, l.LocalAddr()).WriteString("A?\nB?\n")
	await(t, m, "EvAccept", r.Saw(reactor.EvAccept))
	if r.Conn.RemoteAddr() != real {
		t.Errorf("RemoteAddr %v, want %v", r.Conn.RemoteAddr(), real)
	}
}
