//go:build linux

package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// tlsLoad is a load over TLS. It runs on rikki's loop, which never blocks here.
type tlsLoad struct {
	work
	m        *reactor.Manager
	conns    []*reactor.Conn
	request  []byte // one message
	reply    []byte // the answer to it
	sending  bool
	replies  int
	inFlight int
	open     int
	err      error
}

// newTLSLoad opens the connections and exchanges one message on each.
func newTLSLoad(w work, to string) (*tlsLoad, error) {
	l := &tlsLoad{work: w}
	l.request, l.reply = frames(w.size)
	var err error
	l.m, err = reactor.New(reactor.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))), reactor.WithTLSHandshakes(reactor.TLSHandshakes{}))
	if err != nil {
		return nil, err
	}
	for range w.conns {
		c, err := l.m.Connect("tls://"+to, l.handle, false)
		if err != nil {
			l.m.Close()
			return nil, err
		}
		c.StartTLS(&tls.Config{InsecureSkipVerify: true})
		c.Write(handshake)
		l.conns = append(l.conns, c)
		if err := l.await(func() bool { return l.open == len(l.conns) && l.inFlight == 0 }); err != nil {
			l.m.Close()
			return nil, err
		}
	}
	return l, nil
}

func (l *tlsLoad) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvError:
		l.err = data.(error)
	case reactor.EvClose:
		if l.err == nil {
			l.err = io.ErrUnexpectedEOF
		}
	case reactor.EvRead:
		if c.FnData == false {
			end := bytes.Index(c.Recv.Bytes(), []byte("\r\n\r\n"))
			if end < 0 {
				return
			}
			c.Recv.Consume(end + 4)
			c.FnData = true
			l.open++
			l.send(c, 1)
		}
		n := c.Recv.Len() / len(l.reply)
		for p := c.Recv.Bytes(); len(p) >= len(l.reply); p = p[len(l.reply):] {
			if !bytes.Equal(p[:len(l.reply)], l.reply) {
				l.err = errors.New("the reply is not the message")
			}
		}
		c.Recv.Consume(n * len(l.reply))
		l.inFlight -= n
		l.replies += n
		if l.sending {
			l.send(c, n)
		}
	}
}

func (l *tlsLoad) send(c *reactor.Conn, n int) {
	l.inFlight += n
	for range n {
		c.Write(l.request)
	}
}

// await polls until done returns true. After timeout, and after a wrong reply, it returns an error.
func (l *tlsLoad) await(done func() bool) error {
	for end := time.Now().Add(timeout); !done(); {
		if l.err != nil {
			return l.err
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d connections open, %d messages did not come back", l.open, l.inFlight)
		}
		if err := l.m.Poll(0); err != nil {
			return err
		}
	}
	return l.err // the last reply may be wrong
}

func (l *tlsLoad) start() error {
	l.sending = true
	for _, c := range l.conns {
		l.send(c, l.depth)
	}
	return nil
}

func (l *tlsLoad) run(d time.Duration) (int, error) {
	before := l.replies
	for end := time.Now().Add(d); time.Now().Before(end); {
		if err := l.m.Poll(0); err != nil {
			return 0, err
		}
		if l.err != nil {
			return 0, l.err
		}
	}
	return l.replies - before, nil
}

func (l *tlsLoad) stop() error {
	l.sending = false
	return l.await(func() bool { return l.inFlight == 0 })
}

func (l *tlsLoad) close() { l.m.Close() }
