package ws_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// nameHost sends a client the Host that it has asked for.
func nameHost(c *reactor.Conn, ev reactor.Event, data any) {
	if ev == reactor.EvWSOpen && !c.IsClient() {
		ws.Send(c, data.(*http.Message).Header("Host"), ws.OpText)
	}
}

// host connects and returns the first message of the server. dial, if not empty, is dialed instead.
func host(t *testing.T, m *reactor.Manager, url, dial, headers string) (got string) {
	t.Helper()
	c, err := ws.Connect(m, url, func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvWSMsg {
			got = string(data.(*ws.Message).Data)
			c.Close()
		}
	}, nil, headers)
	if err != nil {
		t.Fatal(err)
	}
	if dial != "" {
		if err := c.SetDialURL(dial); err != nil {
			t.Fatal(err)
		}
	}
	looptest.Await(t, m, "a message from "+url, func() bool { return got != "" })
	return got
}

func TestUnixURL(t *testing.T) {
	m := looptest.NewManager(t)
	path := "unix://" + filepath.Join(t.TempDir(), "a b")
	if _, err := ws.Listen(m, path, nameHost, nil); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ url, dial, headers, want string }{
		{path, "", "", "localhost"},
		{path, "", "Host: app.test\r\n", "app.test"},
		{"ws://app.test:81/x", path, "", "app.test:81"},
	} {
		if got := host(t, m, row.url, row.dial, row.headers); got != row.want {
			t.Errorf("%+v: Host %q", row, got)
		}
	}
}

func TestListenFD(t *testing.T) {
	m := looptest.NewManager(t)
	s, addr := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_STREAM, 4)
	if _, err := ws.ListenFD(m, s.FD, nameHost, nil, nil, nil); err == nil || !strings.Contains(err.Error(), "ListenFD takes one") {
		t.Errorf("two Options: %v", err)
	}
	if _, err := ws.ListenFD(m, s.FD, nameHost, nil, &ws.Options{Ping: 1}); err == nil {
		t.Error("bad Options: no error")
	}
	fd := s.FD
	s.FD = -1 // it belongs to the listener
	if _, err := ws.ListenFD(m, fd, nameHost, nil); err != nil {
		t.Fatal(err)
	}
	if got := host(t, m, "ws://"+addr.String(), "", ""); got != addr.String() {
		t.Errorf("Host %q", got)
	}
	udp, _ := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
	if _, err := ws.ListenFD(m, udp.FD, nameHost, nil); err == nil || !strings.Contains(err.Error(), "want a stream socket") {
		t.Errorf("udp: %v", err)
	}
}
