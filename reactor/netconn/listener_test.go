package netconn_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/netconn"
)

// net/http's server runs on a Listener, with and without TLS by the loop, and its client on Dialer.
func TestNetHTTP(t *testing.T) {
	ca := looptest.NewAuthority(t)
	for _, cfg := range []*tls.Config{nil, ca.Server(t)} {
		l := run(t)
		scheme := "tcp"
		if cfg != nil {
			scheme = "tls"
		}
		ln := l.listen(scheme+"://127.0.0.1:0", cfg, nil)
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			must(t, http.NewResponseController(w).EnableFullDuplex())
			io.Copy(w, r.Body)
		})}
		served := make(chan error)
		go func() { served <- srv.Serve(ln) }()
		transport := &http.Transport{TLSClientConfig: ca.Client(), DialContext: netconn.Dialer(l.m, nil)}
		url := "http://" + ln.Addr().String()
		if cfg != nil { // crypto/tls over a Conn, to TLS by the loop
			url = "https://" + ln.Addr().String()
		}
		sent := pattern(1 << 20)
		for i := range 3 {
			body, w := io.Pipe()
			go func() {
				w.Write(sent)
				w.Close()
			}()
			resp, err := (&http.Client{Transport: transport}).Post(url, "application/octet-stream", body)
			must(t, err)
			got, err := io.ReadAll(resp.Body)
			must(t, err)
			resp.Body.Close()
			equal(t, fmt.Sprint("answer ", i), got, sent)
		}
		transport.CloseIdleConnections()
		must(t, srv.Shutdown(t.Context()))
		if err := <-served; err != http.ErrServerClosed {
			t.Errorf("Serve returned %v", err)
		}
	}
}

// crypto/tls runs over a Conn as a server and as a client.
func TestCryptoTLS(t *testing.T) {
	ca := looptest.NewAuthority(t)
	l := run(t)
	ln := l.listen("tcp://127.0.0.1:0", nil, nil)
	secure := tls.NewListener(ln, ca.Server(t))
	defer secure.Close()
	go func() {
		c, err := secure.Accept()
		must(t, err)
		io.Copy(c, c)
		c.Close()
	}()
	dialed, err := netconn.Dial(t.Context(), l.m, "tcp://"+ln.Addr().String(), nil, nil)
	must(t, err)
	cfg := ca.Client()
	cfg.ServerName = "localhost"
	c := tls.Client(dialed, cfg)
	sent := pattern(2 << 20)
	go func() {
		_, err := c.Write(sent)
		must(t, err)
		must(t, c.CloseWrite())
	}()
	got, err := io.ReadAll(c)
	must(t, err)
	equal(t, "echo", got, sent)
	must(t, c.Close())
}

// While 128 connections wait for Accept, the loop accepts no more. Later all are
// accepted, in order.
func TestBacklog(t *testing.T) {
	const backlog, clients = 128, 128 + 70
	l := run(t)
	ln := l.listen("tcp://127.0.0.1:0", nil, nil)
	var peers []net.Conn
	for range clients {
		c, err := net.Dial("tcp", ln.Addr().String())
		must(t, err)
		defer c.Close()
		peers = append(peers, c)
	}
	for conns := 0; conns < backlog; {
		l.do(func() { conns = l.m.Stats().Conns })
		if conns > backlog {
			t.Fatalf("%d connections accepted", conns)
		}
	}
	for _, peer := range peers {
		c, err := ln.Accept()
		must(t, err)
		if c.RemoteAddr().String() != peer.LocalAddr().String() || c.LocalAddr().String() != ln.Addr().String() {
			t.Fatalf("accepted %v at %v, want %v", c.RemoteAddr(), c.LocalAddr(), peer.LocalAddr())
		}
		c.Close()
	}
}

// Close ends calls of Accept and the connections that nobody has taken. Others stay open.
func TestListenerEnds(t *testing.T) {
	for _, test := range []struct {
		name  string
		close func(l *loop, ln *netconn.Listener, c *reactor.Conn)
		want  error
	}{
		{"Close", func(_ *loop, ln *netconn.Listener, _ *reactor.Conn) { must(t, ln.Close()) }, net.ErrClosed},
		{"Close on the loop", func(l *loop, _ *netconn.Listener, c *reactor.Conn) { l.do(c.Close) }, net.ErrClosed},
		{"Fail", func(l *loop, _ *netconn.Listener, c *reactor.Conn) { l.do(func() { c.Fail(errOwn) }) }, errOwn},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := run(t)
			var c *reactor.Conn
			var ln *netconn.Listener
			l.do(func() {
				var err error
				c, err = l.m.Listen("tcp://127.0.0.1:0", nil, nil)
				must(t, err)
				ln, err = netconn.NewListener(c, nil)
				must(t, err)
			})
			taken, peer := l.accept(ln)
			ended := make(chan error)
			go func() {
				_, err := ln.Accept()
				ended <- err
			}()
			test.close(l, ln, c)
			if err := <-ended; !errors.Is(err, test.want) {
				t.Errorf("Accept returned %v, want %v", err, test.want)
			}
			go io.Copy(taken, taken)
			_, err := io.WriteString(peer, "still open\n")
			must(t, err)
			line, err := bufio.NewReader(peer).ReadString('\n')
			if err != nil || line != "still open\n" {
				t.Errorf("read %q and %v", line, err)
			}
			taken.Close()
			ln.Close()
			if err := ln.Close(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("a second Close returned %v", err)
			}
		})
	}
	t.Run("not taken", func(t *testing.T) {
		l := run(t)
		ln := l.listen("tcp://127.0.0.1:0", nil, nil)
		peer, err := net.Dial("tcp", ln.Addr().String())
		must(t, err)
		defer peer.Close()
		for conns := 0; conns == 0; {
			l.do(func() { conns = l.m.Stats().Conns })
		}
		must(t, ln.Close())
		if _, err := io.ReadAll(peer); err != nil {
			t.Errorf("the peer got %v", err)
		}
	})
}
