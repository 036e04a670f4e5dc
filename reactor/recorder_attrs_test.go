package reactor_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// attrKeys are the attribute keys that the package uses.
var attrKeys = map[string]bool{
	"id": true, "network": true, "local": true, "remote": true, "protocol": true,
	"url": true, "listener": true, "bytes": true, "dump": true, "error": true,
}

// attrLog is a slog.Handler that keeps the records of all levels and checks their attributes.
type attrLog struct {
	t       *testing.T
	records []map[string]string // the message has the key "msg"
}

func (*attrLog) Enabled(context.Context, slog.Level) bool { return true }
func (l *attrLog) WithAttrs([]slog.Attr) slog.Handler     { return l }
func (l *attrLog) WithGroup(string) slog.Handler          { return l }
func (l *attrLog) Handle(_ context.Context, r slog.Record) error {
	record := map[string]string{"msg": r.Message}
	r.Attrs(func(a slog.Attr) bool {
		value := fmt.Sprint(a.Value.Any())
		_, twice := record[a.Key]
		switch {
		case !attrKeys[a.Key]:
			l.t.Errorf("%q has an attribute with the unknown key %q", r.Message, a.Key)
		case twice:
			l.t.Errorf("%q has two attributes with the key %q", r.Message, a.Key)
		case value == "" || strings.Contains(value, "invalid AddrPort"):
			l.t.Errorf("%q: the attribute %s is %q", r.Message, a.Key, value)
		}
		record[a.Key] = value
		return true
	})
	l.records = append(l.records, record)
	return nil
}

// of returns the records of one connection with that message.
func (l *attrLog) of(c *reactor.Conn, msg string) (all []map[string]string) {
	for _, r := range l.records {
		if r["id"] == fmt.Sprint(c.ID()) && r["msg"] == msg {
			all = append(all, r)
		}
	}
	return all
}

// logSubject is a connection whose log records a test looks at, and the addresses that they
// must have, "" for none.
type logSubject struct {
	c             *reactor.Conn
	local, remote string
}

// threeConns returns the three connections of a listener on url and a client.
func threeConns(t *testing.T, m *reactor.Manager, url string) (listener, accepted, client *reactor.Conn) {
	t.Helper()
	listener = listen(t, m, url, func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvAccept {
			accepted = c
		}
	})
	if a := listener.LocalAddr(); a.IsValid() {
		url = "tcp://" + a.String()
	}
	is := false
	client = dial(t, m, url, func(_ *reactor.Conn, ev reactor.Event, _ any) { is = is || ev == reactor.EvConnect })
	await(t, m, "EvConnect and EvAccept", func() bool { return is && accepted != nil })
	return listener, accepted, client
}

// wrapFD makes a connection from fd, and opens it.
func wrapFD(t *testing.T, m *reactor.Manager, fd int) *reactor.Conn {
	t.Helper()
	c, err := m.WrapFD(fd, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	spin(t, m, 1)
	return c
}

// boundUnix makes a UNIX-domain socket that is bound to path, if that is not "".
func boundUnix(t *testing.T, kind int, path string) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, kind, 0)
	if err == nil && path != "" {
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: path})
	}
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// logSubjects makes a connection of each kind. path is a path for a socket.
var logSubjects = []struct {
	name, network string
	make          func(t *testing.T, m *reactor.Manager, path string) logSubject
}{
	{"tcp listener", "tcp", func(t *testing.T, m *reactor.Manager, _ string) logSubject {
		l := listen(t, m, "tcp://127.0.0.1:0", nil)
		return logSubject{l, l.LocalAddr().String(), ""}
	}},
	{"tcp accepted", "tcp", func(t *testing.T, m *reactor.Manager, _ string) logSubject {
		l, c, client := threeConns(t, m, "tcp://127.0.0.1:0")
		return logSubject{c, l.LocalAddr().String(), client.LocalAddr().String()}
	}},
	{"tcp client", "tcp", func(t *testing.T, m *reactor.Manager, _ string) logSubject {
		l, _, c := threeConns(t, m, "tcp://127.0.0.1:0")
		return logSubject{c, c.LocalAddr().String(), l.LocalAddr().String()}
	}},
	{"tcp client before connect", "tcp", func(t *testing.T, m *reactor.Manager, _ string) logSubject {
		return logSubject{c: dial(t, m, "tcp://127.0.0.1:1", nil)}
	}},
	{"udp client", "udp", func(t *testing.T, m *reactor.Manager, _ string) logSubject {
		l := listen(t, m, "udp://127.0.0.1:0", nil)
		c := dial(t, m, "udp://"+l.LocalAddr().String(), nil)
		await(t, m, "the connection", func() bool { return c.RemoteAddr().IsValid() })
		return logSubject{c, c.LocalAddr().String(), l.LocalAddr().String()}
	}},
	{"udp listener", "udp", func(t *testing.T, m *reactor.Manager, _ string) logSubject {
		l := listen(t, m, "udp://127.0.0.1:0", nil)
		c := dial(t, m, "udp://"+l.LocalAddr().String(), nil)
		c.Write([]byte("hello"))
		await(t, m, "a datagram", func() bool { return l.RemoteAddr().IsValid() })
		return logSubject{l, l.LocalAddr().String(), c.LocalAddr().String()}
	}},
	{"udp listener without a peer", "udp", func(t *testing.T, m *reactor.Manager, _ string) logSubject {
		l := listen(t, m, "udp://127.0.0.1:0", nil)
		return logSubject{l, l.LocalAddr().String(), ""}
	}},
	{"unix listener", "unix", func(t *testing.T, m *reactor.Manager, path string) logSubject {
		return logSubject{listen(t, m, "unix://"+path, nil), path, ""}
	}},
	{"unix accepted", "unix", func(t *testing.T, m *reactor.Manager, path string) logSubject {
		_, c, _ := threeConns(t, m, "unix://"+path)
		return logSubject{c, path, ""}
	}},
	{"unix client", "unix", func(t *testing.T, m *reactor.Manager, path string) logSubject {
		_, _, c := threeConns(t, m, "unix://"+path)
		return logSubject{c, "", path}
	}},
	{"unix client before connect", "unix", func(t *testing.T, m *reactor.Manager, path string) logSubject {
		return logSubject{c: dial(t, m, "unix://"+path, nil)}
	}},
	{"unix listener of ListenFD", "unix", func(t *testing.T, m *reactor.Manager, path string) logSubject {
		fd := boundUnix(t, unix.SOCK_STREAM, path)
		if err := unix.Listen(fd, 1); err != nil {
			t.Fatal(err)
		}
		l, err := m.ListenFD(fd, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return logSubject{l, path, ""}
	}},
	{"wrapped socketpair", "fd", func(t *testing.T, m *reactor.Manager, _ string) logSubject {
		c, _ := wrap(t, m, nil)
		return logSubject{c: c}
	}},
	{"wrapped pipe", "fd", func(t *testing.T, m *reactor.Manager, _ string) logSubject {
		var fds [2]int
		if err := unix.Pipe(fds[:]); err != nil {
			t.Fatal(err)
		}
		looptest.NewSocket(t, fds[0])
		return logSubject{c: wrapFD(t, m, fds[1])}
	}},
	{"wrapped tcp", "fd", func(t *testing.T, m *reactor.Manager, _ string) logSubject {
		l := listen(t, m, "tcp://127.0.0.1:0", nil)
		fd := looptest.Open(t, l.LocalAddr().Addr(), unix.SOCK_STREAM)
		looptest.Connect(t, fd, l.LocalAddr())
		c := wrapFD(t, m, fd)
		return logSubject{c, c.LocalAddr().String(), l.LocalAddr().String()}
	}},
	{"wrapped unix stream", "fd", func(t *testing.T, m *reactor.Manager, path string) logSubject {
		listen(t, m, "unix://"+path, nil)
		fd := boundUnix(t, unix.SOCK_STREAM, path+".client")
		if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
			t.Fatal(err)
		}
		return logSubject{wrapFD(t, m, fd), path + ".client", path}
	}},
	{"wrapped unix datagrams", "fd", func(t *testing.T, m *reactor.Manager, path string) logSubject {
		looptest.NewSocket(t, boundUnix(t, unix.SOCK_DGRAM, path))
		fd := boundUnix(t, unix.SOCK_DGRAM, "")
		if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
			t.Fatal(err)
		}
		return logSubject{wrapFD(t, m, fd), "", path}
	}},
}

// All log records of a connection name it in the same way. An address that is not known has no
// attribute. The address of a UNIX-domain socket is its path. attrLog checks the attributes of
// every record.
func TestLogNamesAddresses(t *testing.T) {
	for _, test := range logSubjects {
		t.Run(test.name, func(t *testing.T) {
			log := &attrLog{t: t}
			m := newManager(t, reactor.WithLogger(slog.New(log)))
			s := test.make(t, m, filepath.Join(t.TempDir(), "s"))
			if s.local+s.remote != "" || test.network == "fd" {
				s.c.SetHexdump(true)
				s.c.Send.AppendString("hello") // a listener of datagrams without a peer cannot send it
				spin(t, m, 2)
			}
			s.c.Fail(errors.New("the reason")) // no handler looks at it
			spin(t, m, 3)

			for _, msg := range []string{"accepted", "connected", "write", "datagram not sent", "closed"} {
				for _, r := range log.of(s.c, msg) {
					if r["local"] != s.local || r["remote"] != s.remote {
						t.Errorf("%q has local %q and remote %q, want %q and %q", msg, r["local"], r["remote"], s.local, s.remote)
					}
				}
			}
			if len(log.of(s.c, "closed")) != 1 {
				t.Errorf("no record says that it is closed: %v", log.records)
			}
			for _, r := range log.of(s.c, "listening") { // no peer yet
				if r["local"] != s.local || r["remote"] != "" || r["url"] == "" {
					t.Errorf("listening: %v", r)
				}
			}
			after := log.of(s.c, "error not handled")
			if len(after) != 1 || after[0]["network"] != test.network || after[0]["error"] != "the reason" {
				t.Errorf("after close: %v", after)
			}
		})
	}
}

// Records about datagrams that have no peer, or are too long, have no empty attribute.
func TestLogNamesPeersOfDatagrams(t *testing.T) {
	log := &attrLog{t: t}
	m := newManager(t, reactor.WithLogger(slog.New(log)))
	path := filepath.Join(t.TempDir(), "s")
	l, err := m.ListenFD(boundUnix(t, unix.SOCK_DGRAM, path), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.Send.AppendString("to nobody")
	spin(t, m, 2)
	if r := log.of(l, "datagram not sent"); len(r) != 1 || r[0]["local"] != path || r[0]["remote"] != "" {
		t.Errorf("datagram not sent: %v", r)
	}
	p := looptest.NewSocket(t, boundUnix(t, unix.SOCK_DGRAM, ""))
	looptest.Must(t, unix.SetsockoptInt(p.FD, unix.SOL_SOCKET, unix.SO_SNDBUF, 1<<20))
	if err := unix.Sendto(p.FD, make([]byte, 300_000), 0, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Skip("the system takes no datagram that is longer than the receive buffer:", err)
	}
	await(t, m, "a record", func() bool { return len(log.of(l, "datagram not received")) == 1 })
	if r := log.of(l, "datagram not received")[0]; r["local"] != path || r["remote"] != "" {
		t.Errorf("datagram not received: %v", r)
	}
}
