package reactor_test

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

func TestDatagramTooLong(t *testing.T) {
	m := newManager(t)
	p, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
	c := dial(t, m, "udp://"+at.String(), nil)
	if _, err := c.Write(make([]byte, 65508)); !errors.Is(err, unix.EMSGSIZE) {
		t.Errorf("%v", err)
	}
	largest := bytes.Repeat([]byte("x"), 65507)
	if _, err := c.Write(largest); err != nil {
		t.Fatal(err)
	}
	var got []string
	await(t, m, "the datagram", func() bool { got = append(got, datagrams(t, p)...); return len(got) > 0 })
	if len(got) != 1 || got[0] != string(largest) {
		t.Errorf("%d datagrams, the first of %d bytes", len(got), len(got[0]))
	}
}

// An ICMP error for a datagram fails a client, because it has one peer.
func TestICMPErrorFailsAClient(t *testing.T) {
	m := newManager(t)
	p, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
	p.Close()
	r := &recorder{}
	c := dial(t, m, "udp://"+at.String(), r.Handle)
	c.Write([]byte("anybody?"))
	await(t, m, "EvClose", r.Closed)
	if err := r.Err(t); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("%v", err)
	}
}

// An ICMP error does not close a listener, because it has other peers.
func TestICMPErrorDoesNotCloseAListener(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	r.On = hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
		r.Got = append(r.Got, c.Recv.Bytes()...)
		c.Write([]byte("answer"))
	}}
	l := listen(t, m, "udp://127.0.0.1:0", r.Handle)
	for i := range 3 {
		gone, _ := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
		if err := unix.Sendto(gone.FD, []byte("x"), 0, looptest.Sockaddr(l.LocalAddr())); err != nil {
			t.Fatal(err)
		}
		gone.Close()
		await(t, m, "the datagram", func() bool { return len(r.Got) == i+1 })
	}
	p, _ := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
	if err := unix.Sendto(p.FD, []byte("!"), 0, looptest.Sockaddr(l.LocalAddr())); err != nil {
		t.Fatal(err)
	}
	var got []string
	await(t, m, "the answer", func() bool { got = append(got, datagrams(t, p)...); return len(got) == 1 })
	if len(r.Errs) > 0 || r.Closed() {
		t.Errorf("errors %v, closed %v", r.Errs, r.Closed())
	}
}

// A listener that has received nothing has no peer to write to.
func TestListenerWritesToNobody(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	u := listen(t, m, "udp://127.0.0.1:0", r.Handle)
	if _, err := u.Write([]byte("x")); !errors.Is(err, unix.EDESTADDRREQ) {
		t.Errorf("udp: %v", err)
	}
	u.Send.AppendString("nobody's")
	spin(t, m, 3)
	r.Want(t, "OPEN WRITE")
	l := listen(t, m, "tcp://127.0.0.1:0", nil)
	if _, err := l.Write([]byte("x")); !errors.Is(err, unix.ENOTCONN) {
		t.Errorf("tcp: %v", err)
	}
}

// An error names its operation and its peer once.
func TestDatagramErrorsAreWrappedOnce(t *testing.T) {
	m := newManager(t)
	p, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
	r := &recorder{}
	c := dial(t, m, "udp://"+at.String(), r.Handle)
	await(t, m, "EvConnect", r.Saw(reactor.EvConnect))
	p.Close()
	for i := 0; i < turns && len(r.Errs) == 0; i++ {
		c.Write([]byte("x"))
		spin(t, m, 1)
	}
	var op *net.OpError
	err := r.Err(t)
	if !errors.As(err, &op) {
		t.Fatalf("error %v", err)
	}
	if _, twice := op.Err.(*net.OpError); twice || strings.Count(err.Error(), "udp") != 1 {
		t.Errorf("error %v", err)
	}
}

// A message that does not fit is an error. No part of it is delivered.
func TestMessageTooLong(t *testing.T) {
	for _, pair := range []string{"dgram", "seqpacket"} {
		t.Run(pair, func(t *testing.T) {
			m := newManager(t)
			r := &recorder{}
			_, p := wrapPackets(t, m, pair, r.Handle)
			looptest.Must(t, unix.SetsockoptInt(p.FD, unix.SOL_SOCKET, unix.SO_SNDBUF, 1<<20))
			p.WriteString(string(noise(300_000)))
			await(t, m, "EvClose", r.Closed)
			if err := r.Err(t); !strings.Contains(err.Error(), "longer than") || len(r.Got) > 0 {
				t.Errorf("error %v, %d bytes delivered", err, len(r.Got))
			}
		})
	}
}
