package reactor_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// SetDialURL changes where the connection goes, and nothing else.
func TestSetDialURL(t *testing.T) {
	for _, transport := range []string{"tcp4", "unix"} {
		t.Run(transport, func(t *testing.T) {
			m := newManager(t)
			var server, client recorder
			url := listenURL(t, transport)
			l := listen(t, m, url, server.Handle)
			if transport != "unix" {
				url = urlOf(l.LocalAddr().String())
			}
			c := dial(t, m, "tcp://nobody.invalid:1", client.Handle)
			if err := c.SetDialURL(url); err != nil {
				t.Fatal(err)
			}
			if u, ok := c.Stack().Target(); !ok || u.HostPort() != "nobody.invalid:1" {
				t.Errorf("Target %v %v", u, ok)
			}
			await(t, m, "EvConnect", client.Saw(reactor.EvConnect))
			if c.RemoteAddr() != l.LocalAddr() {
				t.Errorf("RemoteAddr %v, want %v", c.RemoteAddr(), l.LocalAddr())
			}
			c.Write([]byte("x"))
			await(t, m, "input", func() bool { return string(server.Got) == "x" })
			if _, ok := c.Stack().Target(); ok {
				t.Error("Target after EvConnect")
			}
			if err := c.SetDialURL(url); err == nil || !strings.Contains(err.Error(), "too late") {
				t.Errorf("SetDialURL after EvConnect: %v", err)
			}
			c.Close()
			if err := c.SetDialURL(url); !errors.Is(err, reactor.ErrClosed) {
				t.Errorf("SetDialURL after Close: %v", err)
			}
		})
	}
}

// A connection may be made with a unix:// URL and dial TCP. In EvOpen it is not too late.
func TestSetDialURLInEvOpen(t *testing.T) {
	m := newManager(t)
	var client recorder
	l := listen(t, m, "tcp://127.0.0.1:0", func(*reactor.Conn, reactor.Event, any) {})
	dial(t, m, "unix:///nowhere", func(c *reactor.Conn, ev reactor.Event, data any) {
		client.Handle(c, ev, data)
		if ev == reactor.EvOpen {
			if err := c.SetDialURL(urlOf(l.LocalAddr().String())); err != nil {
				t.Error(err)
			}
		}
	})
	await(t, m, "EvConnect", client.Saw(reactor.EvConnect))
	client.Want(t, "OPEN RESOLVE CONNECT")
}

// The error of an attempt names the address that was dialed.
func TestSetDialURLErrorNamesIt(t *testing.T) {
	m := newManager(t)
	var r recorder
	c := dial(t, m, "tcp://nobody.invalid:1", r.Handle)
	if err := c.SetDialURL("unix:///nowhere/at/all"); err != nil {
		t.Fatal(err)
	}
	await(t, m, "EvClose", r.Closed)
	if err := r.Err(t); !strings.Contains(err.Error(), "dial unix /nowhere/at/all") {
		t.Errorf("error %v", err)
	}
}

func TestSetDialURLErrors(t *testing.T) {
	m := newManager(t)
	none := func(*reactor.Conn, reactor.Event, any) {}
	c := dial(t, m, "tcp://127.0.0.1:1", none)
	for url, says := range map[string]string{
		"udp://127.0.0.1:1":  "want tcp://",
		"tls://127.0.0.1:1":  "want tcp://",
		"tcp://127.0.0.1:0":  "want tcp://",
		"tcp://:1":           "want tcp://",
		"http://127.0.0.1:1": "unknown scheme http",
		"127.0.0.1:1":        "no scheme",
	} {
		if err := c.SetDialURL(url); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", url, err, says)
		}
	}
	w, _ := looptest.Wrap(t, m, none)
	if err := w.SetDialURL("tcp://127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "made by Connect") {
		t.Errorf("WrapFD: %v", err)
	}
	if err := dial(t, m, "udp://127.0.0.1:1", none).SetDialURL("tcp://127.0.0.1:1"); err == nil {
		t.Error("udp: no error")
	}
	c.Close()
}
