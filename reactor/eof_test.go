package reactor_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// The end of stream is no error: only EvClose.
func TestEndOfStream(t *testing.T) {
	for _, transport := range []string{"tcp4", "unix"} {
		t.Run(transport, func(t *testing.T) {
			m := newManager(t)
			server, client := &recorder{}, &recorder{}
			c := connected(t, m, transport, server.handle, client.handle)
			c.Write([]byte("last words"))
			c.Drain()
			await(t, m, "both to be closed", func() bool { return client.closed() && server.closed() })
			if string(server.got) != "last words" {
				t.Errorf("the server got %q", server.got)
			}
			if len(client.errs)+len(server.errs) > 0 {
				t.Errorf("errors: client %v, server %v", client.errs, server.errs)
			}
		})
	}
}

// A peer that has ended its sending side still gets everything that was to be
// sent, several megabytes and slowly.
func TestHalfClose(t *testing.T) {
	m := newManager(t)
	answer := noise(4 << 20)
	r := &recorder{}
	r.on = hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
		c.Recv.Reset()
		c.Write(answer)
	}}
	l := listen(t, m, "tcp://127.0.0.1:0", r.handle)
	p := dialRaw(t, l.LocalAddr())
	p.write("question")
	p.shutdown()
	await(t, m, "the end", p.ended)
	if p.err != nil || len(p.in) != len(answer) {
		t.Errorf("%d of %d bytes, error %v", len(p.in), len(answer), p.err)
	}
	await(t, m, "EvClose", r.closed)
	if len(r.errs) > 0 {
		t.Errorf("errors %v", r.errs)
	}
}

func TestReset(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	l := listen(t, m, "tcp://127.0.0.1:0", r.handle)
	p := dialRaw(t, l.LocalAddr())
	await(t, m, "EvAccept", r.saw(reactor.EvAccept))
	spin(t, m, 2)
	p.reset()
	await(t, m, "a connection to be closed", r.closed)
	err := r.err(t)
	var op *net.OpError
	if !errors.Is(err, unix.ECONNRESET) || !errors.As(err, &op) || op.Op != "read" || op.Addr == nil {
		t.Errorf("%v (%T)", err, err)
	}
	if got := eventList(r.events[len(r.events)-2:]); got != "ERROR CLOSE" {
		t.Errorf("the last events are %s", got)
	}
}

// Writing to a peer that has gone is EvError, not a signal.
func TestWriteToTheDeparted(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, p := wrap(t, m, r.handle)
	spin(t, m, 2)
	c.Pause() // so that it is the write that learns it
	spin(t, m, 1)
	p.close()
	c.Write([]byte("anybody?"))
	await(t, m, "EvClose", r.closed)
	if err := r.err(t); !errors.Is(err, unix.EPIPE) {
		t.Errorf("%v", err)
	}
}

// lines is a layer whose messages end with a newline.
type lines struct {
	got   []string
	stop  int // pause after so many, if positive
	ended int
	bye   string // appended to Send by End
	err   error  // what End returns between lines
}

func (p *lines) Accept(*reactor.Conn) reactor.Protocol { return &lines{stop: p.stop, err: p.err} }

func (p *lines) Handle(c *reactor.Conn, ev reactor.Event, _ any) {
	if ev != reactor.EvRead {
		return
	}
	for !c.Stopped() {
		i := 0
		for b := c.Recv.Bytes(); i < len(b) && b[i] != '\n'; i++ {
		}
		if i == c.Recv.Len() {
			return
		}
		p.got = append(p.got, string(c.Recv.Bytes()[:i]))
		c.Recv.Consume(i + 1)
		if len(p.got) == p.stop {
			c.Pause()
		}
	}
}

func (p *lines) End(c *reactor.Conn) error {
	p.ended++
	c.Send.AppendString(p.bye)
	if c.Recv.Len() > 0 {
		return fmt.Errorf("within a line: %w", io.ErrUnexpectedEOF)
	}
	return p.err
}

func TestEndWithinAMessage(t *testing.T) {
	for _, test := range []struct {
		input string
		fails bool
	}{{"", false}, {"one\n", false}, {"one\ntw", true}, {"o", true}} {
		t.Run(test.input, func(t *testing.T) {
			m := newManager(t)
			r, p := &recorder{on: hooks{reactor.EvRead: func(*reactor.Conn, any) {}}}, &lines{}
			c, peer := wrap(t, m, r.handle)
			c.Stack().Push(p)
			if test.input != "" {
				peer.write(test.input)
			}
			peer.shutdown()
			await(t, m, "EvClose", r.closed)
			if p.ended != 1 {
				t.Errorf("End was called %d times", p.ended)
			}
			if !test.fails {
				if len(r.errs) > 0 {
					t.Errorf("errors %v", r.errs)
				}
			} else if err := r.err(t); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%v", err)
			}
		})
	}
}

// A failure at the end of stream still sends what lies in Send, and a nil one
// all of it.
func TestEndOffersSend(t *testing.T) {
	for _, end := range []error{nil, io.ErrUnexpectedEOF} {
		m := newManager(t)
		r := &recorder{}
		c, p := wrap(t, m, r.handle)
		c.Stack().Push(&lines{err: end, bye: "farewell"})
		p.shutdown()
		await(t, m, "the peer's end of stream", p.ended)
		if string(p.in) != "farewell" {
			t.Errorf("End returned %v: the peer got %q", end, p.in)
		}
		await(t, m, "EvClose", r.closed)
	}
}
