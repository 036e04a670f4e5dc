package interop

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/coder/websocket"

	"github.com/rikki-go/rikki/proto/ws"
)

// coderPeers returns coder/websocket without compression, and with and without context
// takeover on both sides.
func coderPeers() (all []wsPeer) {
	for _, mode := range []struct {
		name string
		websocket.CompressionMode
	}{
		{"", websocket.CompressionDisabled},
		{"takeover", websocket.CompressionContextTakeover},
		{"no takeover", websocket.CompressionNoContextTakeover},
	} {
		all = append(all, wsPeer{
			name: "coder", deflate: mode.name,
			dial: func(url string) (wsEnd, error) {
				ctx, cancel := context.WithTimeout(context.Background(), timeout)
				c, answer, err := websocket.Dial(ctx, url, &websocket.DialOptions{
					Subprotocols: []string{"other", subprotocol}, CompressionMode: mode.CompressionMode})
				if err != nil {
					cancel()
					return nil, err
				}
				e := newCoder(ctx, cancel, c)
				e.agreed = answer.Header.Get("Sec-WebSocket-Extensions")
				return e, nil
			},
			listen: func(t *testing.T, serve func(wsEnd)) string {
				return webServer(t, func(w http.ResponseWriter, r *http.Request) {
					c, err := websocket.Accept(w, r, &websocket.AcceptOptions{
						Subprotocols: []string{subprotocol}, CompressionMode: mode.CompressionMode})
					if err == nil {
						ctx, cancel := context.WithTimeout(context.Background(), timeout)
						serve(newCoder(ctx, cancel, c))
					}
				})
			},
		})
	}
	return all
}

type coder struct {
	*websocket.Conn
	ctx    context.Context
	cancel func()
	agreed string
}

func newCoder(ctx context.Context, cancel func(), c *websocket.Conn) *coder {
	c.SetReadLimit(-1)
	return &coder{Conn: c, ctx: ctx, cancel: cancel}
}

func (e *coder) send(m wsMessage) error {
	return e.Write(e.ctx, websocket.MessageType(m.op), m.data)
}

func (e *coder) sendParts(m wsMessage) error {
	w, err := e.Writer(e.ctx, websocket.MessageType(m.op))
	if err != nil {
		return err
	}
	return parts(m.data, func(part []byte, last bool) error {
		_, err := w.Write(part) // a frame, if it is not compressed
		if last && err == nil {
			err = w.Close()
		}
		return err
	})
}

func (e *coder) receive() (wsMessage, error) {
	op, p, err := e.Read(e.ctx)
	return wsMessage{ws.OpCode(op), p}, err
}

func (e *coder) ping(turn func() error) error {
	answered := make(chan error, 1)
	go func() { answered <- e.Ping(e.ctx) }()
	for {
		select {
		case err := <-answered:
			return err
		default:
		}
		if err := turn(); err != nil {
			return err
		}
	}
}

// close sends a Close frame. The library checks that the answer has the same code, and does not
// return it.
func (e *coder) close(f closeFrame) (closeFrame, error) {
	if err := e.Close(websocket.StatusCode(f.code), f.reason); err != nil {
		return closeFrame{}, err
	}
	return closeFrame{code: f.code}, nil
}

func (e *coder) closed(err error) (closeFrame, error) {
	var c websocket.CloseError
	if !errors.As(err, &c) {
		return closeFrame{}, err
	}
	return closeFrame{ws.StatusCode(c.Code), c.Reason}, nil
}

func (e *coder) protocol() string   { return e.Subprotocol() }
func (e *coder) extensions() string { return e.agreed }

func (e *coder) end() {
	e.CloseNow()
	e.cancel()
}
