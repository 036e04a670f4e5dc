package reactor_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// prefixed is a net.Conn whose first Write has a prefix in front of it, in the same call. So both
// arrive in one segment.
type prefixed struct {
	net.Conn
	prefix string
}

func (p *prefixed) Write(b []byte) (int, error) {
	all := slices.Concat([]byte(p.prefix), b)
	p.prefix = ""
	if _, err := p.Conn.Write(all); err != nil {
		return 0, err
	}
	return len(b), nil
}

// overTLS talks TLS on another goroutine, after the prefix. It reads what the other side says, and
// sends it back.
func overTLS(raw net.Conn, prefix string, config *tls.Config, server bool) <-chan error {
	result := make(chan error, 1)
	go func() {
		defer raw.Close()
		raw.SetDeadline(time.Now().Add(time.Minute))
		var c *tls.Conn
		if wire := (&prefixed{raw, prefix}); server {
			c = tls.Server(wire, config)
		} else {
			c = tls.Client(wire, config)
		}
		var b [4]byte
		if !server {
			if _, err := c.Write([]byte("ping")); err != nil {
				result <- err
				return
			}
		}
		_, err := io.ReadFull(c, b[:])
		if err == nil && server {
			_, err = c.Write(b[:])
		}
		result <- err
	}()
	return result
}

// TLS begins behind the opening, also if its first records are in the same segment.
func TestOpeningBeforeTLSOnListener(t *testing.T) {
	m := newManager(t)
	var r recorder
	l, err := m.Listen("tls://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		if !c.IsListening() {
			r.Record(c, ev, data)
			if ev == reactor.EvRead {
				sendBack(c, data)
			}
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.StartTLS(serverConfig())
	setOpening(t, l, func() reactor.Opening { return &talk{left: []remark{{"A?\n", ""}, {"B?\n", ""}}} })
	cfg := clientConfig()
	cfg.ServerName = "localhost"
	raw := netDial(t, l.LocalAddr().String())
	result := overTLS(raw, "A?\nB?\n", cfg, false)
	var got error
	await(t, m, "the echo", func() bool {
		select {
		case got = <-result:
			return true
		default:
			return false
		}
	})
	if got != nil {
		t.Fatal(got)
	}
	if got := eventList(r.Events[:4]); got != "OPEN ACCEPT TLS_HS READ" {
		t.Errorf("events %s", got)
	}
}

// A tls:// client, one that calls StartTLS before the opening is done, and one that calls it at
// EvConnect are the same. The name in the certificate is that of the URL, not of what was dialed.
func TestOpeningBeforeTLSOnClient(t *testing.T) {
	ways := map[string]func(c *reactor.Conn, ev reactor.Event){
		"tls URL": func(*reactor.Conn, reactor.Event) {},
		"before": func(c *reactor.Conn, ev reactor.Event) {
			if ev == reactor.EvOpen {
				c.StartTLS(clientConfig())
			}
		},
		"EvConnect": func(c *reactor.Conn, ev reactor.Event) {
			if ev == reactor.EvConnect {
				c.StartTLS(clientConfig())
			}
		},
	}
	named := &tls.Config{Certificates: []tls.Certificate{authority().Issue(t, func(c *x509.Certificate) { c.IPAddresses = nil })}}
	for name, start := range ways {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			result := make(chan error, 1)
			go func() {
				raw, err := l.Accept()
				if err != nil {
					result <- err
					return
				}
				raw.SetDeadline(time.Now().Add(time.Minute))
				io.ReadFull(raw, make([]byte, 3))
				raw.Write([]byte("A!\nB!\n"))
				io.ReadFull(raw, make([]byte, 3))
				result <- <-overTLS(raw, "", named, true)
			}()
			var r recorder
			url := "tcp://localhost:1"
			if name == "tls URL" {
				url = "tls://localhost:1"
			}
			c := dial(t, m, url, func(c *reactor.Conn, ev reactor.Event, data any) {
				r.Handle(c, ev, data)
				start(c, ev)
			})
			if name == "tls URL" {
				c.StartTLS(clientConfig())
			}
			if err := c.SetDialURL(urlOf(l.Addr().String())); err != nil {
				t.Fatal(err)
			}
			setOpening(t, c, func() reactor.Opening { return asking() })
			c.Write([]byte("ping"))
			await(t, m, "the echo", func() bool { return string(r.Got) == "ping" || r.Closed() })
			if err := <-result; err != nil || r.LastErr() != nil {
				t.Fatal(err, r.LastErr())
			}
			if got := eventList(r.Events[:4]); got != "OPEN RESOLVE CONNECT TLS_HS" {
				t.Errorf("events %s", got)
			}
		})
	}
}

// A connection in its opening takes no slot of TLS handshakes.
func TestOpeningTakesNoHandshakeSlot(t *testing.T) {
	m := looptest.NewStillManager(t, reactor.WithTLSHandshakes(reactor.TLSHandshakes{Concurrent: 1}))
	l, _ := tlsListen(t, m, serverConfig(), nil)
	setOpening(t, l, func() reactor.Opening { return answering() })
	p := looptest.DialSocket(t, l.LocalAddr())
	p.WriteString("A?\n")
	looptest.Settle(t, m)
	if n := m.Stats().TLSHandshaking; n != 0 {
		t.Fatalf("%d slots taken", n)
	}
	p.WriteString("B?\n\x16\x03\x01\x02\x00")
	await(t, m, "a handshake", func() bool { return m.Stats().TLSHandshaking == 1 })
}
