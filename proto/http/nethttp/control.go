package nethttp

import (
	"bufio"
	"context"
	"io"
	"net"
	stdhttp "net/http"
	"time"

	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/netconn"
)

// The methods that http.ResponseController uses.

// SetReadDeadline sets the deadline of reads from the request's body.
func (w *response) SetReadDeadline(t time.Time) error { return w.x.setDeadline(&w.x.readLimit, t) }

// SetWriteDeadline sets the deadline of writes. After it, the response cannot be completed, and the
// connection ends.
func (w *response) SetWriteDeadline(t time.Time) error { return w.x.setDeadline(&w.x.writeLimit, t) }

// EnableFullDuplex lets the handler read the request's body after the response has begun.
func (w *response) EnableFullDuplex() error {
	w.fullDuplex = true
	return nil
}

// Hijack implements http.Hijacker. The connection is a *netconn.Conn. What the client has sent
// after the request is in its buffer, not in that of the bufio.ReadWriter; the rest of the
// request's body that has arrived is in the latter. A header that WriteHeader has set is sent
// before. It panics after the handler has returned.
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if w.done {
		panic("nethttp: Hijack called after the handler has returned")
	}
	if w.x.isHijacked() {
		return nil, nil, stdhttp.ErrHijacked
	}
	x := w.x
	if w.status != 0 && !w.begun {
		if err := w.flushBuffer(nil, false); err != nil {
			return nil, nil, err
		}
	}
	var conn *netconn.Conn
	var err error
	doErr := x.m.Do(context.Background(), func() {
		err = x.hijack(func(layer reactor.Protocol) (err error) {
			conn, err = netconn.New(x.c, &netconn.Options{Replaces: layer})
			return err
		})
	})
	switch {
	case doErr != nil:
		return nil, nil, doErr
	case err != nil:
		return nil, nil, err
	}
	x.b.release(x)
	return conn, bufio.NewReadWriter(bufio.NewReader(io.MultiReader(&rest{x}, conn)), bufio.NewWriter(conn)), nil
}

// rest reads what has arrived of the request's body when the connection was hijacked.
type rest struct{ x *exchange }

// Read implements io.Reader.
func (r *rest) Read(p []byte) (int, error) {
	r.x.mu.Lock()
	n := r.x.in.Take(p)
	r.x.unlockAndPost(r.x.in.NeedsLoop())
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}
