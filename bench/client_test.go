//go:build linux

package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"

	peer "github.com/rikki-go/rikki/internal/frames"
)

// gobwas/ws makes the same frames as the load.
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

// Signals, as Go's runtime sends them, do not break a handshake.
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
	for range 20 { // while it waits for the answer
		waitBlocked(t, id)
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

// waitBlocked waits until a thread of this process is blocked in a system call.
func waitBlocked(t *testing.T, tid int) {
	t.Helper()
	for {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/stat", tid))
		if err != nil {
			t.Fatal(err)
		}
		if i := bytes.LastIndexByte(stat, ')'); bytes.HasPrefix(stat[i+1:], []byte(" S ")) {
			return
		}
		runtime.Gosched()
	}
}

// dial fails if the server does not speak WebSocket.
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
