//go:build linux

package main

import (
	"bytes"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"

	peer "github.com/rikki-go/rikki/internal/frames"
)

// The frames of the load are what gobwas/ws makes of such messages.
func TestFrames(t *testing.T) {
	for _, n := range []int{0, 64, 125, 126, 16 << 10, 65535, 65536} {
		request, reply := frames(n)
		f, err := peer.Read(bytes.NewReader(reply))
		if err != nil || len(f.Payload) != n || f.Header.Masked {
			t.Fatalf("%d: reply is %+v, %v", n, f.Header, err)
		}
		var want bytes.Buffer
		if err := ws.WriteFrame(&want, ws.MaskFrameWith(f, key)); err != nil || !bytes.Equal(want.Bytes(), request) {
			t.Errorf("%d: the request is not the reply, masked; %v", n, err)
		}
	}
}

func TestMeasure(t *testing.T) {
	eachServer(t, func(t *testing.T, p *process, to netip.AddrPort) {
		for _, w := range []work{{3, 64, 1}, {3, 64, 16}, {3, 16 << 10, 1}, {2, 300 << 10, 8}} {
			l, err := newLoad(w, to)
			if err != nil {
				t.Fatal(w, err)
			}
			got, err := measure(l, p, 20*time.Millisecond, 80*time.Millisecond)
			if err != nil || got.perMessage <= 0 || got.rate <= 0 || got.busy <= 0 {
				t.Errorf("%v: %+v, %v", w, got, err)
			}
			if l.replies < w.conns*w.depth {
				t.Errorf("%v: %d replies", w, l.replies)
			}
			l.close()
		}
	})
}

// liar answers the handshake and then every read with what it is told.
func liar(t *testing.T, answer func(in []byte) []byte) netip.AddrPort {
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

// The load does not take just anything for an echo.
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
		{"closed at once", nil, nil, "end of stream"},
		{"closed later", reply, nil, "closed a connection"},
		{"two for one", reply, bytes.Repeat(reply, 2), "more came back"},
		{"a byte too many", reply, append(bytes.Clone(reply), 0), "more came back"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			calls := 0
			to := liar(t, func([]byte) []byte {
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

// Signals, of which Go's runtime sends some, do not break a handshake.
func TestHandshakeInterrupted(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	tid, done := make(chan int, 1), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		tid <- unix.Gettid()
		fd, err := dial(netip.AddrFrom4([4]byte{127, 0, 0, 2}), l.Addr().(*net.TCPAddr).AddrPort())
		if err == nil {
			unix.Close(fd)
		}
		done <- err
	}()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	id := <-tid
	for range 20 { // while it reads, since nobody answers
		time.Sleep(2 * time.Millisecond)
		if err := unix.Tgkill(unix.Getpid(), id, unix.SIGURG); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ws.Upgrade(c); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A server that is no WebSocket server is not measured.
func TestHandshakeIsChecked(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.NotFoundHandler()}
	go s.Serve(l)
	defer s.Close()
	if fd, err := dial(netip.AddrFrom4([4]byte{127, 0, 0, 2}), l.Addr().(*net.TCPAddr).AddrPort()); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("%d, %v", fd, err)
	}
}
