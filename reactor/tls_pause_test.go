package reactor_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

// EvRead counts every byte once, those too that were decrypted while the connection was
// paused: Recv never grows by anything else.
func TestTLSCountsWhatCameDuringPause(t *testing.T) {
	const size = 300_000
	m := newManager(t)
	counted, paused := 0, 0
	r := &recorder{on: hooks{reactor.EvRead: func(c *reactor.Conn, data any) {
		counted += *data.(*int)
		if counted != c.Recv.Len() {
			t.Fatalf("%d bytes in Recv, %d counted", c.Recv.Len(), counted)
		}
		if n := *data.(*int); n > 0 && counted < size { // all of it stays in Recv
			paused++
			c.Pause()
			m.AddTimer(0, reactor.TimerOnce, c.Resume)
		}
	}}}
	l, _ := tlsListen(t, m, serverConfig(), r.handle)
	raw := netDial(t, l.LocalAddr().String())
	done := make(chan error)
	go func() {
		_, err := tls.Client(raw, small(authority().Client(), tls.VersionTLS13)).Write(bytes.Repeat([]byte("x"), size))
		done <- err
	}()
	await(t, m, "the bytes", func() bool { return counted == size })
	if err := <-done; err != nil || paused == 0 {
		t.Errorf("error %v, %d pauses", err, paused)
	}
}

// sipper is a layer that takes one byte at a time, asks to be offered the rest, and
// minds a stream that ends before it has it.
type sipper struct{ got []byte }

func (s *sipper) Handle(c *reactor.Conn, ev reactor.Event, _ any) {
	if ev == reactor.EvRead && c.Recv.Len() > 0 {
		s.got = append(s.got, c.Recv.Bytes()[0])
		c.Recv.Consume(1)
		c.Stack().Redispatch()
	}
}

func (s *sipper) End(c *reactor.Conn) error {
	if c.Recv.Len() > 0 {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// What a layer has asked to be offered again comes before the end of the stream, though
// both came in one piece.
func TestTLSEndBehindRedispatch(t *testing.T) {
	m := newManager(t)
	layer := &sipper{}
	r := &recorder{on: hooks{
		reactor.EvAccept: func(c *reactor.Conn, _ any) { c.Stack().Push(layer) },
		reactor.EvRead:   func(*reactor.Conn, any) {},
	}}
	l, _ := tlsListen(t, m, serverConfig(), r.handle)
	sendAndEnd(t, m, l, r, "some words")
	await(t, m, "the end", r.closed)
	if len(r.errs) > 0 || string(layer.got) != "some words" {
		t.Errorf("got %q, errors %v", layer.got, r.errs)
	}
}
