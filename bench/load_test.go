//go:build linux

package main

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// fakeServer performs the handshake and then answers every read with the result of answer.
// It closes if that is nil.
func fakeServer(t *testing.T, answer func(in []byte) []byte) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _, _, err := ws.UpgradeHTTP(r, w)
		if err != nil {
			return
		}
		defer c.Close()
		buf := make([]byte, 1<<10)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			out := answer(buf[:n])
			if out == nil {
				return
			}
			c.Write(out)
		}
	})}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// The load detects wrong echoes.
func TestLoadNotices(t *testing.T) {
	_, reply := frames(64)
	wrong := bytes.Clone(reply)
	wrong[40] ^= 1
	for _, tc := range []struct {
		name   string
		first  []byte
		later  []byte
		reason string
	}{
		{"another payload", wrong, nil, "not the message"},
		{"closed at once", nil, nil, "closed a connection"},
		{"closed later", reply, nil, "closed a connection"},
		{"another payload later", reply, wrong, "not the message"},
		{"two for one", reply, bytes.Repeat(reply, 2), "more came back"},
		{"a byte too many", reply, append(bytes.Clone(reply), 0), "more came back"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			calls := 0
			to := fakeServer(t, func([]byte) []byte {
				if calls++; calls == 1 {
					return tc.first
				}
				return tc.later
			})
			l, err := newLoad(work{1, 64, 1}, to)
			if err == nil {
				defer l.close()
				if err = l.start(); err == nil {
					err = l.stop()
				}
			}
			if err == nil || !strings.Contains(err.Error(), tc.reason) {
				t.Errorf("%v, want one with %q", err, tc.reason)
			}
		})
	}
}

// A wrong reply over TLS counts too if it is the last one.
func TestTLSLoadNoticesLastReply(t *testing.T) {
	wrong := errors.New("the reply is not the message")
	l := &tlsLoad{inFlight: 0, err: wrong}
	if err := l.stop(); err != wrong {
		t.Errorf("%v, want %v", err, wrong)
	}
}

// A reply may differ where it is allowed to, and nowhere else.
func TestLoadVarying(t *testing.T) {
	l := &load{work: work{depth: 2}, reply: []byte("ab1cab1c"), varying: [2]int{2, 3}}
	for _, tc := range []struct {
		at   int
		p    string
		want bool
	}{{0, "ab2c", true}, {2, "2cab3c", true}, {6, "9", true}, {4, "aB1c", false}, {3, "1", false}} {
		if got := l.varies([]byte(tc.p), tc.at); got != tc.want {
			t.Errorf("%q at %d: %v", tc.p, tc.at, got)
		}
	}
	if string(l.reply) != "ab2cab9c" {
		t.Errorf("%q is expected next", l.reply)
	}
}
