package proxy_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/proxy"
	"github.com/rikki-go/rikki/reactor"
)

func accept(t testing.TB, l *reactor.Conn, opts *proxy.AcceptOptions) {
	t.Helper()
	if err := proxy.Accept(l, opts); err != nil {
		t.Fatal(err)
	}
}

// At EvAccept RemoteAddr is the client's address, and the load balancer's is known too. What
// follows the header is the connection's, wherever the input is cut.
func TestAcceptAtEachSplit(t *testing.T) {
	for _, h := range headers {
		text := h.text + "rest"
		check := func(parts []string) {
			m := looptest.NewManager(t)
			defer m.Close()
			var r recorder
			l := listen(t, m, "tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
				if c.IsListening() {
					return
				}
				if r.Handle(c, ev, data); ev == reactor.EvAccept {
					got, peer := proxy.HeaderOf(c)
					if got == nil || !reflect.DeepEqual(*got, h.want) {
						t.Errorf("%s: header %+v", h.name, got)
					}
					want := peer
					if a := h.want.Source; a.IsValid() {
						want = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
					}
					if !peer.Addr().IsLoopback() || c.RemoteAddr() != want {
						t.Errorf("%s: RemoteAddr %v of %v, want %v", h.name, c.RemoteAddr(), peer, want)
					}
				}
			})
			accept(t, l, nil)
			p := looptest.DialSocket(t, l.LocalAddr())
			for _, part := range parts {
				p.WriteString(part)
				looptest.Spin(t, m, 3)
			}
			looptest.Await(t, m, "what follows", func() bool { return string(r.Got) == "rest" })
			if got := looptest.EventNames(r.Events[:3]); got != "OPEN ACCEPT READ" {
				t.Errorf("%s: events %s", h.name, got)
			}
		}
		check([]string{text})
		for i := 1; i < len(text); i += 1 + len(text)/40 {
			check([]string{text[:i], text[i:]})
		}
	}
}

// The header comes before TLS. The first TLS record may be in the same segment.
func TestAcceptBeforeTLS(t *testing.T) {
	m := looptest.NewManager(t)
	a := looptest.NewAuthority(t)
	var remote netip.AddrPort
	l, err := http.Listen(m, "https://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvHTTPMsg {
			remote = c.RemoteAddr()
			http.Reply(c, 200, "", "hello")
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.StartTLS(a.Server(t))
	accept(t, l, nil)
	var r recorder
	c, err := m.Connect("tls://"+l.LocalAddr().String(), r.Handle, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.StartTLS(a.Client())
	if err := proxy.Send(c, &proxy.Header{Version: 2, Source: source6, Dest: dest6}); err != nil {
		t.Fatal(err)
	}
	c.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
	looptest.Await(t, m, "the answer", func() bool { return strings.HasSuffix(string(r.Got), "hello") || r.Closed() })
	if remote != source6 {
		t.Errorf("RemoteAddr %v, want %v (%v)", remote, source6, r.LastErr())
	}

	raw, err := net.Dial("tcp", l.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(time.Minute))
	got := make(chan string, 1)
	go func() {
		cfg := a.Client()
		cfg.ServerName = "localhost"
		s := tls.Client(&joined{raw, headers[0].text}, cfg)
		io.WriteString(s, "GET / HTTP/1.0\r\n\r\n")
		b, _ := io.ReadAll(s)
		got <- string(b)
	}()
	looptest.Await(t, m, "the answer", func() bool { return len(got) > 0 })
	if answer := <-got; !strings.HasSuffix(answer, "hello") || remote != source4 {
		t.Errorf("answer %q, RemoteAddr %v", answer, remote)
	}
}

// joined is a net.Conn whose first Write has a header in front of it.
type joined struct {
	net.Conn
	header string
}

func (j *joined) Write(b []byte) (int, error) {
	_, err := j.Conn.Write(append([]byte(j.header), b...))
	j.header = ""
	return len(b), err
}

// A peer without a header, with a bad one, or that is not trusted, is refused without an event. The
// log says why.
func TestAcceptRefuses(t *testing.T) {
	elsewhere := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("::/0")}
	for _, test := range []struct {
		text    string
		trusted []netip.Prefix
		says    string
	}{
		{"GET / HTTP/1.1\r\n\r\n", nil, `proxy: no PROXY protocol header: the first bytes are`},
		{"PROXY TCP4 1.1.1.1\r\n", nil, "proxy: bad PROXY protocol header: version 1: 2 fields after PROXY, want 5"},
		{headers[0].text, elsewhere, "proxy: 127.0.0.1 is not in AcceptOptions.Trusted"},
	} {
		var log looptest.Warnings
		m := looptest.NewManager(t, reactor.WithLogger(log.Logger()))
		var r recorder
		l := listen(t, m, "tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
			if !c.IsListening() {
				r.Handle(c, ev, data)
			}
		})
		accept(t, l, &proxy.AcceptOptions{Trusted: test.trusted})
		p := looptest.DialSocket(t, l.LocalAddr())
		p.WriteIfOpen(test.text)
		looptest.Await(t, m, "the end", p.Ended)
		r.Want(t, "")
		log.WantOne(t, test.says, "remote=127.0.0.1:")
		if s := m.Stats(); s.Refused != 1 || s.Accepted != 0 {
			t.Errorf("refused %d, accepted %d", s.Refused, s.Accepted)
		}
	}
}

// With Direct, only those that are trusted have a header.
func TestAcceptDirect(t *testing.T) {
	for _, trusted := range []bool{false, true} {
		m := looptest.NewManager(t)
		var r recorder
		l := listen(t, m, "tcp://127.0.0.1:0", r.Handle)
		opts := &proxy.AcceptOptions{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Direct: true}
		if trusted {
			opts.Trusted = append(opts.Trusted, netip.MustParsePrefix("127.0.0.0/8"))
		}
		accept(t, l, opts)
		opts.Trusted[0] = netip.MustParsePrefix("127.0.0.0/8") // they were copied
		p := looptest.DialSocket(t, l.LocalAddr())
		p.WriteString(headers[0].text)
		looptest.Await(t, m, "EvAccept", r.Saw(reactor.EvAccept))
		looptest.Settle(t, m)
		if h, _ := proxy.HeaderOf(r.Conn); (h != nil) != trusted || (r.Conn.RemoteAddr() == source4) != trusted {
			t.Errorf("trusted %v: header %+v, RemoteAddr %v", trusted, h, r.Conn.RemoteAddr())
		}
		if want := map[bool]string{false: headers[0].text}[trusted]; string(r.Got) != want {
			t.Errorf("trusted %v: input %q", trusted, r.Got)
		}
	}
}

// On a UNIX-domain socket the peer has no address, and is trusted.
func TestAcceptOverUnixSocket(t *testing.T) {
	m := looptest.NewManager(t)
	url := "unix://" + filepath.Join(t.TempDir(), "s")
	var r recorder
	l := listen(t, m, url, r.Handle)
	accept(t, l, &proxy.AcceptOptions{Trusted: []netip.Prefix{}})
	c, err := m.Connect(url, func(*reactor.Conn, reactor.Event, any) {}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := proxy.Send(c, &proxy.Header{Version: 1, Source: source4, Dest: dest4}); err != nil {
		t.Fatal(err)
	}
	c.Write([]byte("x"))
	looptest.Await(t, m, "input", func() bool { return string(r.Got) == "x" })
	if h, peer := proxy.HeaderOf(r.Conn); h == nil || peer.IsValid() || r.Conn.RemoteAddr() != source4 {
		t.Errorf("header %+v of %v, RemoteAddr %v", h, peer, r.Conn.RemoteAddr())
	}
}

// The values of TLVs stay, although the memory of the input is used again.
func TestAcceptKeepsTLVs(t *testing.T) {
	m := looptest.NewManager(t)
	var r recorder
	l := listen(t, m, "tcp://127.0.0.1:0", r.Handle)
	accept(t, l, nil)
	p := looptest.DialSocket(t, l.LocalAddr())
	p.WriteString(v2(0x21, 0x11, inet4+authority))
	looptest.Await(t, m, "EvAccept", r.Saw(reactor.EvAccept))
	p.WriteString(strings.Repeat("x", 100000))
	looptest.Await(t, m, "input", func() bool { return len(r.Got) == 100000 })
	h, _ := proxy.HeaderOf(r.Conn)
	if v, ok := h.TLV(proxy.TypeAuthority); !ok || string(v) != "host" {
		t.Errorf("authority %q", v)
	}
}

func TestAcceptErrors(t *testing.T) {
	m := looptest.NewManager(t)
	none := func(*reactor.Conn, reactor.Event, any) {}
	l := listen(t, m, "tcp://127.0.0.1:0", none)
	for says, opts := range map[string]*proxy.AcceptOptions{
		"Direct without Trusted": {Direct: true},
		"invalid prefix":         {Trusted: []netip.Prefix{{}}},
	} {
		if err := proxy.Accept(l, opts); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
	if err := proxy.Accept(listen(t, m, "udp://127.0.0.1:0", none), nil); err == nil {
		t.Error("a udp listener: no error")
	}
	c, err := m.Connect("tcp://"+l.LocalAddr().String(), none, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := proxy.Accept(c, nil); err == nil || !strings.Contains(err.Error(), "want a listener") {
		t.Errorf("a client: %v", err)
	}
	if err := proxy.Send(c, &proxy.Header{}); err == nil {
		t.Error("Send of a bad header: no error")
	}
	if h, _ := proxy.HeaderOf(c); h != nil {
		t.Errorf("HeaderOf a client: %+v", h)
	}
}
