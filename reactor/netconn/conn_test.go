package netconn_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/netconn"
)

var errOwn = errors.New("an error of the program")

// What arrived before the end is read first. Then Read and Write return how the connection ended.
func TestEnds(t *testing.T) {
	tests := []struct {
		name        string
		end         func(l *loop, n *netconn.Conn, peer *net.TCPConn)
		read, write error // nil: Write works
	}{
		{"the peer's end", func(_ *loop, _ *netconn.Conn, p *net.TCPConn) { p.CloseWrite() }, io.EOF, nil},
		{"a reset", func(_ *loop, _ *netconn.Conn, p *net.TCPConn) { p.SetLinger(0); p.Close() }, syscall.ECONNRESET, syscall.ECONNRESET},
		{"Fail", func(l *loop, n *netconn.Conn, _ *net.TCPConn) { l.do(func() { n.Conn().Fail(errOwn) }) }, errOwn, errOwn},
		{"Close on the loop", func(l *loop, n *netconn.Conn, _ *net.TCPConn) { l.do(n.Conn().Close) }, net.ErrClosed, net.ErrClosed},
		{"Close of the manager", func(l *loop, _ *netconn.Conn, _ *net.TCPConn) { l.m.Post(func() { l.m.Close() }) }, net.ErrClosed, net.ErrClosed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l := run(t)
			n, peer := l.wrap(nil)
			_, err := io.WriteString(peer, "hello")
			must(t, err)
			first := make([]byte, 1) // the rest has arrived then
			_, err = n.Read(first)
			must(t, err)
			test.end(l, n, peer.(*net.TCPConn))
			rest, err := io.ReadAll(n)
			if err == nil {
				err = io.EOF
			}
			if string(first)+string(rest) != "hello" || !errors.Is(err, test.read) {
				t.Errorf("read %q and %v, want hello and %v", string(first)+string(rest), err, test.read)
			}
			if _, again := n.Read(first); !errors.Is(again, test.read) {
				t.Errorf("a second Read returned %v, want %v", again, test.read)
			}
			if _, err := n.Write([]byte("x")); !errors.Is(err, test.write) {
				t.Errorf("Write returned %v, want %v", err, test.write)
			}
			must(t, n.Close())
		})
	}
}

// A TLS stream without close_notify is truncated, with close_notify it has ended.
func TestTruncatedTLS(t *testing.T) {
	ca := looptest.NewAuthority(t)
	for _, test := range []struct {
		name string
		end  func(*tls.Conn)
		want error
	}{
		{"close_notify", func(c *tls.Conn) { c.Close() }, io.EOF},
		{"no close_notify", func(c *tls.Conn) { c.NetConn().Close() }, reactor.ErrTruncated},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := run(t)
			ln := l.listen("tls://127.0.0.1:0", ca.Server(t), nil)
			cfg := ca.Client()
			cfg.ServerName = "localhost"
			peer, err := tls.Dial("tcp", ln.Addr().String(), cfg)
			must(t, err)
			n, err := ln.Accept()
			must(t, err)
			_, err = io.WriteString(peer, "hello")
			must(t, err)
			test.end(peer)
			got := make([]byte, 100)
			k, err := io.ReadFull(n, got[:5])
			must(t, err)
			if _, err := n.Read(got[5:]); string(got[:k]) != "hello" || !errors.Is(err, test.want) {
				t.Errorf("read %q and %v, want hello and %v", got[:k], err, test.want)
			}
			n.Close()
		})
	}
}

// Close and CloseWrite send what was written before. The other calls return net.ErrClosed then.
func TestCloseSendsWhatWasWritten(t *testing.T) {
	for _, name := range []string{"Close", "CloseWrite"} {
		t.Run(name, func(t *testing.T) {
			l := run(t)
			n, peer := l.wrap(nil)
			sent := pattern(300 << 10)
			var wg sync.WaitGroup
			wg.Go(func() {
				_, err := n.Write(sent)
				must(t, err)
				if name == "Close" {
					err = n.Close()
				} else {
					err = n.CloseWrite()
				}
				must(t, err)
				if _, err := n.Write(sent); !errors.Is(err, net.ErrClosed) {
					t.Errorf("Write returned %v", err)
				}
				if err := n.CloseWrite(); !errors.Is(err, net.ErrClosed) {
					t.Errorf("CloseWrite returned %v", err)
				}
			})
			got, err := io.ReadAll(peer)
			must(t, err)
			equal(t, "read by the peer", got, sent)
			wg.Wait()
			if name == "CloseWrite" {
				_, err := io.WriteString(peer, "still read")
				must(t, err)
				peer.Close()
				got, err := io.ReadAll(n)
				must(t, err)
				if string(got) != "still read" {
					t.Errorf("read %q", got)
				}
				must(t, n.Close())
			}
			for call, err := range map[string]error{
				"Close":           n.Close(),
				"SetDeadline":     n.SetDeadline(time.Time{}),
				"SetReadDeadline": n.SetReadDeadline(time.Now()),
			} {
				if !errors.Is(err, net.ErrClosed) {
					t.Errorf("%s after Close returned %v", call, err)
				}
			}
			if _, err := n.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Read after Close returned %v", err)
			}
		})
	}
}

// A goroutine that waits in Read or Write is released by Close, by a deadline, and by the manager.
func TestWaitsEnd(t *testing.T) {
	release := map[string]struct {
		do   func(l *loop, n *netconn.Conn)
		want error
	}{
		"Close":         {func(_ *loop, n *netconn.Conn) { n.Close() }, net.ErrClosed},
		"deadline":      {func(_ *loop, n *netconn.Conn) { n.SetDeadline(time.Now().Add(time.Millisecond)) }, os.ErrDeadlineExceeded},
		"past deadline": {func(_ *loop, n *netconn.Conn) { n.SetDeadline(time.Unix(1, 0)) }, os.ErrDeadlineExceeded},
		"Manager.Close": {func(l *loop, _ *netconn.Conn) { l.m.Post(func() { l.m.Close() }) }, net.ErrClosed},
		"Fail":          {func(l *loop, n *netconn.Conn) { l.do(func() { n.Conn().Fail(errOwn) }) }, errOwn},
	}
	for name, test := range release {
		for _, call := range []string{"Read", "Write"} {
			t.Run(name+" "+call, func(t *testing.T) {
				l := run(t)
				n, _ := l.wrap(nil)
				begun, ended := make(chan struct{}), make(chan error)
				go func() {
					var err error
					once := sync.OnceFunc(func() { close(begun) })
					for err == nil {
						if call == "Read" {
							once()
							_, err = n.Read(make([]byte, 1))
						} else {
							_, err = n.Write(make([]byte, 100<<10))
							once()
						}
					}
					ended <- err
				}()
				<-begun
				test.do(l, n)
				err := <-ended
				if !errors.Is(err, test.want) {
					t.Errorf("%s returned %v, want %v", call, err, test.want)
				}
				if e, ok := err.(net.Error); test.want == os.ErrDeadlineExceeded && (!ok || !e.Timeout()) {
					t.Errorf("%v is not a net.Error that timed out", err)
				}
				n.Close()
			})
		}
	}
}

// After a deadline another one can be set, and no byte is lost.
func TestDeadlineCanBeMoved(t *testing.T) {
	l := run(t)
	n, peer := l.wrap(nil)
	defer n.Close()
	p := make([]byte, 10)
	for range 3 {
		must(t, n.SetReadDeadline(time.Now().Add(-time.Second)))
		if _, err := n.Read(p); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("Read returned %v", err)
		}
		must(t, n.SetReadDeadline(time.Time{}))
		_, err := io.WriteString(peer, "x")
		must(t, err)
		if k, err := n.Read(p); k != 1 || err != nil {
			t.Fatalf("Read returned %d and %v", k, err)
		}
	}
	must(t, n.SetWriteDeadline(time.Now().Add(-time.Second)))
	if k, err := n.Write(p); k != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Write returned %d and %v", k, err)
	}
}

// New takes connections of the loop only where a stream of bytes is possible.
func TestNewRefuses(t *testing.T) {
	l := run(t)
	l.do(func() {
		udp, err := l.m.Listen("udp://127.0.0.1:0", nil, nil)
		must(t, err)
		tcp, err := l.m.Listen("tcp://127.0.0.1:0", nil, nil)
		must(t, err)
		closed, err := l.m.Listen("tcp://127.0.0.1:0", nil, nil)
		must(t, err)
		closed.Close()
		for _, test := range []struct {
			c    *reactor.Conn
			want error
		}{{udp, netconn.ErrDatagram}, {tcp, netconn.ErrListener}, {closed, reactor.ErrClosed}} {
			if _, err := netconn.New(test.c, nil); err != test.want {
				t.Errorf("New returned %v, want %v", err, test.want)
			}
		}
		if _, err := netconn.NewListener(udp, nil); err != netconn.ErrNotListener {
			t.Errorf("NewListener returned %v", err)
		}
		if _, err := netconn.NewListener(closed, nil); err != reactor.ErrClosed {
			t.Errorf("NewListener returned %v", err)
		}
	})
}

// What lies in Recv when New is called, and an end that was read before, reach Read.
func TestNewInTheMiddle(t *testing.T) {
	for _, ended := range []bool{false, true} {
		l := run(t)
		made := make(chan *netconn.Conn, 1)
		ours, theirs := looptest.Socketpair(t)
		peer := looptest.NewSocket(t, theirs)
		l.do(func() {
			c, err := l.m.WrapFD(ours, func(c *reactor.Conn, ev reactor.Event, _ any) {
				if ev != reactor.EvRead && ev != reactor.EvEnd || ended && ev == reactor.EvRead {
					return
				}
				if n, err := netconn.New(c, nil); err == nil {
					made <- n
				} else if err != netconn.ErrTaken {
					t.Error(err)
				}
			}, nil)
			must(t, err)
			c.SetHalfClose(ended)
		})
		peer.WriteString("before")
		peer.Shutdown()
		n := <-made
		got, err := io.ReadAll(n)
		if must(t, err); string(got) != "before" {
			t.Errorf("read %q", got)
		}
		n.Close()
	}
}

// A call that would make the loop wait for itself panics.
func TestWaitInHandlerPanics(t *testing.T) {
	l := run(t)
	n, _ := l.wrap(nil)
	defer n.Close()
	ln := l.listen("tcp://127.0.0.1:0", nil, nil)
	l.do(func() {
		for name, call := range map[string]func(){
			"Read":   func() { n.Read(make([]byte, 1)) },
			"Write":  func() { n.Write(make([]byte, 1<<20)) },
			"Accept": func() { ln.Accept() },
		} {
			func() {
				defer func() {
					if text, _ := recover().(string); !strings.Contains(text, name+" has to wait within a handler") {
						t.Errorf("%s: panic %q", name, text)
					}
				}()
				call()
			}()
		}
	})
}
