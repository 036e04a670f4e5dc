package interop

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/rikki-go/rikki/proto/ws"
)

// gorillaPeers returns gorilla/websocket without compression, and with compression without
// context takeover.
func gorillaPeers() (all []wsPeer) {
	for _, deflate := range []string{"", "on"} {
		all = append(all, wsPeer{
			name: "gorilla", deflate: deflate,
			dial: func(url string) (wsEnd, error) {
				d := websocket.Dialer{EnableCompression: deflate != "", Subprotocols: []string{"other", subprotocol}}
				c, answer, err := d.Dial(url, nil)
				if err != nil {
					return nil, err
				}
				e := newGorilla(c)
				e.agreed = answer.Header.Get("Sec-WebSocket-Extensions")
				return e, nil
			},
			listen: func(t *testing.T, serve func(wsEnd)) string {
				up := websocket.Upgrader{EnableCompression: deflate != "", Subprotocols: []string{subprotocol}}
				return webServer(t, func(w http.ResponseWriter, r *http.Request) {
					if c, err := up.Upgrade(w, r, nil); err == nil {
						serve(newGorilla(c))
					}
				})
			},
		})
	}
	return all
}

type gorilla struct {
	*websocket.Conn
	agreed string
	pongs  int
}

func newGorilla(c *websocket.Conn) *gorilla {
	e := &gorilla{Conn: c}
	late := time.Now().Add(timeout)
	c.SetReadDeadline(late)
	c.SetWriteDeadline(late)
	c.SetPongHandler(func(s string) error {
		if s != "are you there?" {
			return fmt.Errorf("a pong with %q", s)
		}
		e.pongs++
		return nil
	})
	return e
}

func (e *gorilla) send(m wsMessage) error { return e.WriteMessage(int(m.op), m.data) }

func (e *gorilla) sendParts(m wsMessage) error {
	w, err := e.NextWriter(int(m.op)) // makes a frame per 4096 bytes
	if err == nil {
		_, err = w.Write(m.data)
	}
	if err == nil {
		err = w.Close()
	}
	return err
}

func (e *gorilla) receive() (wsMessage, error) {
	op, p, err := e.ReadMessage()
	return wsMessage{ws.OpCode(op), p}, err
}

func (e *gorilla) ping(turn func() error) error {
	err := e.WriteControl(websocket.PingMessage, []byte("are you there?"), time.Now().Add(timeout))
	for e.pongs == 0 && err == nil {
		err = turn()
	}
	return err
}

func (e *gorilla) close(f closeFrame) (closeFrame, error) {
	p := websocket.FormatCloseMessage(int(f.code), f.reason)
	if err := e.WriteControl(websocket.CloseMessage, p, time.Now().Add(timeout)); err != nil {
		return closeFrame{}, err
	}
	for {
		if _, _, err := e.ReadMessage(); err != nil {
			return e.closed(err)
		}
	}
}

func (e *gorilla) closed(err error) (closeFrame, error) {
	var c *websocket.CloseError
	if !errors.As(err, &c) || c.Code == websocket.CloseAbnormalClosure {
		return closeFrame{}, err
	}
	return closeFrame{ws.StatusCode(c.Code), c.Text}, nil
}

func (e *gorilla) protocol() string   { return e.Subprotocol() }
func (e *gorilla) extensions() string { return e.agreed }
func (e *gorilla) end()               { e.Close() }
