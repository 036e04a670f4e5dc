package reactor_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// The end of stream raises EvClose and no EvError.
func TestEndOfStream(t *testing.T) {
	for _, transport := range []string{"tcp4", "unix"} {
		t.Run(transport, func(t *testing.T) {
			m := newManager(t)
			server, client := &recorder{}, &recorder{}
			c := connected(t, m, transport, server.Handle, client.Handle)
			c.Write([]byte("final bytes"))
			c.Drain()
			await(t, m, "both to be closed", func() bool { return client.Closed() && server.Closed() })
			if string(server.Got) != "final bytes" {
				t.Errorf("the server got %q", server.Got)
			}
			if len(client.Errs)+len(server.Errs) > 0 {
				t.Errorf("errors: client %v, server %v", client.Errs, server.Errs)
			}
		})
	}
}

// A peer that has ended its sending side still gets all bytes, although the socket takes
// only a part of them at once.
func TestEndOfStreamBeforeTheAnswer(t *testing.T) {
	m := newManager(t)
	answer := noise(2 * moreThanFits)
	r := &recorder{}
	r.On = hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
		c.Recv.Reset()
		c.Write(answer)
	}}
	l := listen(t, m, "tcp://127.0.0.1:0", r.Handle)
	p := dialNarrow(t, l.LocalAddr())
	p.WriteString("question")
	p.Shutdown()
	await(t, m, "the end of stream", p.Ended)
	if p.Err != nil || len(p.In) != len(answer) {
		t.Errorf("the peer got %d of %d bytes, error %v", len(p.In), len(answer), p.Err)
	}
	await(t, m, "EvClose", r.Closed)
	if len(r.Errs) > 0 {
		t.Errorf("errors %v", r.Errs)
	}
}

// lines is a layer whose messages end with a newline.
type lines struct {
	got   []string
	stop  int // pause after that many lines, if positive
	ended int
	bye   string // appended to Send by End
	err   error  // what End returns between lines
}

func (p *lines) Accept(*reactor.Conn) reactor.Protocol { return &lines{stop: p.stop, err: p.err} }

func (p *lines) Handle(c *reactor.Conn, ev reactor.Event, _ any) {
	if ev != reactor.EvRead {
		return
	}
	for !c.InputStopped() {
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

// The end of stream between messages is no error; within a message it is
// io.ErrUnexpectedEOF.
func TestEndOfStreamWithinAMessage(t *testing.T) {
	for _, test := range []struct {
		input string
		fails bool
	}{{"", false}, {"one\n", false}, {"one\ntw", true}, {"o", true}} {
		t.Run(test.input, func(t *testing.T) {
			m := newManager(t)
			r, p := &recorder{On: hooks{reactor.EvRead: func(*reactor.Conn, any) {}}}, &lines{}
			c, peer := wrap(t, m, r.Handle)
			c.Stack().Push(p)
			if test.input != "" {
				peer.WriteString(test.input)
			}
			peer.Shutdown()
			await(t, m, "EvClose", r.Closed)
			if p.ended != 1 {
				t.Errorf("End was called %d times, want once", p.ended)
			}
			if !test.fails {
				if len(r.Errs) > 0 {
					t.Errorf("errors %v", r.Errs)
				}
			} else if err := r.Err(t); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("error %v, want io.ErrUnexpectedEOF", err)
			}
		})
	}
}

// What a layer appends to Send in End is sent, whether End returns an error or not.
func TestEndOfStreamWritesSend(t *testing.T) {
	for _, end := range []error{nil, io.ErrUnexpectedEOF} {
		m := newManager(t)
		r := &recorder{}
		c, p := wrap(t, m, r.Handle)
		c.Stack().Push(&lines{err: end, bye: "bye"})
		p.Shutdown()
		await(t, m, "the peer's end of stream", p.Ended)
		if string(p.In) != "bye" {
			t.Errorf("End returned %v: the peer got %q", end, p.In)
		}
		await(t, m, "EvClose", r.Closed)
	}
}

// A handler that calls Pause and Resume in every EvRead still gets new input and the end of
// stream, although bytes stay in Recv.
func TestPauseAndResumeInEveryEvRead(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	r.On = hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
		if c.Recv.Len() >= 4 {
			r.Got = append(r.Got, c.Recv.Bytes()...)
			c.Recv.Reset()
		}
		c.Pause()
		c.Resume()
	}}
	_, p := wrap(t, m, r.Handle)
	for _, part := range []string{"a", "b", "c", "d"} {
		p.WriteString(part)
		spin(t, m, 5)
	}
	if string(r.Got) != "abcd" {
		t.Fatalf("got %q, want \"abcd\"", r.Got)
	}
	p.WriteString("rest")
	p.WriteString("e")
	p.Shutdown()
	await(t, m, "EvClose", r.Closed)
}

// A program that consumes a message after EvRead, and not within it, causes no allocation.
func TestRecvConsumedLaterDoesNotAllocate(t *testing.T) {
	m := newManager(t)
	held := 0
	c, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvRead {
			held = c.Recv.Len()
		}
	})
	poll(t, m)
	message := make([]byte, 3000)
	wantNoAllocs(t, func() {
		c.Recv.Reset()
		held = 0
		if n, err := unix.Write(p.FD, message); err != nil || n != len(message) {
			t.Fatalf("wrote %d: %v", n, err)
		}
		poll(t, m)
		if held != len(message) || c.Recv.Len() != held {
			t.Fatalf("Recv held %d bytes at EvRead, and holds %d now", held, c.Recv.Len())
		}
	})
}
