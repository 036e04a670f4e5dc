package interop

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/lxzan/gws"

	"github.com/rikki-go/rikki/proto/ws"
)

// gwsPeers returns gws without compression, and with each combination of context takeovers.
// Each appears with small windows, and the first and the last with large ones.
func gwsPeers() (all []wsPeer) {
	for _, row := range []struct {
		server, client bool
		bits           int
	}{{true, true, 9}, {true, false, 9}, {false, true, 9}, {false, false, 9}, {true, true, 15}, {false, false, 15}} {
		name := fmt.Sprintf("takeover server %t client %t, %d bits", row.server, row.client, row.bits)
		all = append(all, gwsPeer(name, gws.PermessageDeflate{Enabled: true, Threshold: 1,
			ServerContextTakeover: row.server, ClientContextTakeover: row.client,
			ServerMaxWindowBits: row.bits, ClientMaxWindowBits: row.bits}))
	}
	return append([]wsPeer{gwsPeer("", gws.PermessageDeflate{})}, all...)
}

func gwsPeer(name string, deflate gws.PermessageDeflate) wsPeer {
	return wsPeer{
		name: "gws", deflate: name,
		dial: func(url string) (wsEnd, error) {
			e := newGWS()
			c, answer, err := gws.NewClient(e, &gws.ClientOption{Addr: url, PermessageDeflate: deflate, CheckUtf8Enabled: true,
				ReadMaxPayloadSize: maxMessage, WriteMaxPayloadSize: maxMessage,
				RequestHeader: http.Header{"Sec-Websocket-Protocol": {"other, " + subprotocol}}})
			if err != nil {
				return nil, err
			}
			e.agreed = answer.Header.Get("Sec-WebSocket-Extensions")
			return e.start(c), nil
		},
		listen: func(t *testing.T, serve func(wsEnd)) string {
			return webServer(t, func(w http.ResponseWriter, r *http.Request) {
				e := newGWS()
				opts := &gws.ServerOption{PermessageDeflate: deflate, CheckUtf8Enabled: true,
					ReadMaxPayloadSize: maxMessage, WriteMaxPayloadSize: maxMessage}
				if r.Header.Get("Sec-WebSocket-Protocol") != "" { // or the library refuses clients without one
					opts.SubProtocols = []string{subprotocol}
				}
				up := gws.NewUpgrader(e, opts)
				if c, err := up.Upgrade(w, r); err == nil {
					serve(e.start(c))
				}
			})
		},
	}
}

// gwsEnd turns the library's callbacks into methods that block. The goroutine of ReadLoop
// writes its fields. They are read after the channels have synchronized.
type gwsEnd struct {
	gws.BuiltinEventHandler
	c        *gws.Conn
	agreed   string
	messages chan wsMessage // closed after err was set
	err      error
	pongs    chan string
	// closing is held during WriteClose. Otherwise ReadLoop may release the library's
	// window for compression after our answer, while WriteClose still uses it.
	closing sync.Mutex
}

func newGWS() *gwsEnd {
	return &gwsEnd{messages: make(chan wsMessage, burst), pongs: make(chan string, 1)}
}

func (e *gwsEnd) start(c *gws.Conn) *gwsEnd {
	e.c = c
	c.SetDeadline(time.Now().Add(timeout))
	go c.ReadLoop()
	return e
}

func (e *gwsEnd) OnMessage(c *gws.Conn, m *gws.Message) {
	e.messages <- wsMessage{ws.OpCode(m.Opcode), bytes.Clone(m.Bytes())}
	m.Close()
}

func (e *gwsEnd) OnPing(c *gws.Conn, p []byte) { c.WritePong(p) }
func (e *gwsEnd) OnPong(c *gws.Conn, p []byte) { e.pongs <- string(p) }

func (e *gwsEnd) OnClose(c *gws.Conn, err error) {
	e.closing.Lock()
	defer e.closing.Unlock()
	e.err = err
	close(e.messages)
}

func (e *gwsEnd) send(m wsMessage) error { return e.c.WriteMessage(gws.Opcode(m.op), m.data) }

// sendParts sends a message in several frames. The library makes a frame of the bytes of
// each Read.
func (e *gwsEnd) sendParts(m wsMessage) error {
	var readers []io.Reader
	parts(m.data, func(part []byte, _ bool) error {
		readers = append(readers, bytes.NewReader(part))
		return nil
	})
	return e.c.WriteFile(gws.Opcode(m.op), io.MultiReader(readers...))
}

func (e *gwsEnd) receive() (wsMessage, error) {
	m, ok := <-e.messages
	if !ok {
		return m, e.err
	}
	return m, nil
}

func (e *gwsEnd) ping(turn func() error) error {
	if err := e.c.WritePing([]byte("are you there?")); err != nil {
		return err
	}
	for {
		if err := turn(); err != nil {
			return err
		}
		select {
		case s := <-e.pongs:
			if s != "are you there?" {
				return fmt.Errorf("a pong with %q", s)
			}
			return nil
		default:
		}
	}
}

// close sends a Close frame. The library then closes the connection without waiting for an
// answer.
func (e *gwsEnd) close(f closeFrame) (closeFrame, error) {
	e.closing.Lock()
	defer e.closing.Unlock()
	if err := e.c.WriteClose(uint16(f.code), []byte(f.reason)); err != nil {
		return closeFrame{}, err
	}
	return f, nil
}

func (e *gwsEnd) closed(err error) (closeFrame, error) {
	var c *gws.CloseError
	if !errors.As(err, &c) {
		return closeFrame{}, err
	}
	return closeFrame{ws.StatusCode(c.Code), string(c.Reason)}, nil
}

func (e *gwsEnd) protocol() string   { return e.c.SubProtocol() }
func (e *gwsEnd) extensions() string { return e.agreed }
func (e *gwsEnd) end()               { e.c.NetConn().Close() }
