package interop

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/gorilla/websocket"
	mochi "github.com/mochi-mqtt/server/v2"
)

// startMochiWS makes the broker accept clients over WebSocket. It returns the URLs without
// and with TLS, and a function that ends it before the broker closes. The path selects how the
// broker's writes are sent:
//
//	/whole      each in a message
//	/split      each in several messages, cut anywhere
//	/fragments  each in a message of several frames
//	/bare       as /whole, without a subprotocol
func startMochiWS(s *mochi.Server) (plain, secure string, stop func()) {
	w := &web{broker: s, conns: map[net.Conn]struct{}{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/whole", w.accept("mqtt", 4096, whole))
	mux.HandleFunc("/split", w.accept("mqtt", 4096, split))
	mux.HandleFunc("/fragments", w.accept("mqtt", 4, fragments))
	mux.HandleFunc("/bare", w.accept("", 4096, whole))
	srv, srvs := httptest.NewServer(mux), httptest.NewUnstartedServer(mux)
	srvs.TLS = identities().server()
	srvs.StartTLS()
	stop = func() {
		srv.Close()
		srvs.Close()
		w.close()
	}
	return "ws" + strings.TrimPrefix(srv.URL, "http"), "ws" + strings.TrimPrefix(srvs.URL, "http"), stop
}

// web passes WebSockets to the broker as net.Conns.
type web struct {
	broker *mochi.Server
	mu     sync.Mutex
	conns  map[net.Conn]struct{} // nil after close
	busy   sync.WaitGroup
}

// accept returns the handler of a path. buffer is the number of bytes that a writer
// collects in a frame.
func (w *web) accept(subprotocol string, buffer int, cut cutter) http.HandlerFunc {
	up := websocket.Upgrader{WriteBufferSize: buffer}
	if subprotocol != "" {
		up.Subprotocols = []string{subprotocol}
	}
	return func(rw http.ResponseWriter, r *http.Request) {
		c, err := up.Upgrade(rw, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		if w.add(c.NetConn()) {
			defer w.remove(c.NetConn())
			w.broker.EstablishConnection("ws", &wsConn{Conn: c.NetConn(), ws: c, cut: cut})
		}
	}
}

func (w *web) add(c net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conns == nil {
		return false
	}
	w.conns[c] = struct{}{}
	w.busy.Add(1)
	return true
}

func (w *web) remove(c net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.conns, c)
	w.busy.Done()
}

// close closes all connections and waits until the broker has released them.
func (w *web) close() {
	w.mu.Lock()
	for c := range w.conns {
		c.Close()
	}
	w.conns = nil
	w.mu.Unlock()
	w.busy.Wait()
}

// wsConn is a net.Conn over a WebSocket. The methods that it does not have are those of the
// connection below.
type wsConn struct {
	net.Conn
	ws  *websocket.Conn
	r   io.Reader // the current message; nil between messages
	cut cutter
}

// Read reads the messages as one stream.
func (c *wsConn) Read(p []byte) (int, error) {
	for {
		if c.r == nil {
			kind, r, err := c.ws.NextReader()
			if err != nil {
				return 0, err
			}
			if kind != websocket.BinaryMessage {
				return 0, errors.New("not a binary message")
			}
			c.r = r
		}
		n, err := c.r.Read(p)
		if err == io.EOF {
			c.r, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (c *wsConn) Write(p []byte) (int, error) {
	if err := c.cut(c.ws, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// cutter sends bytes in one or more messages.
type cutter func(c *websocket.Conn, p []byte) error

func whole(c *websocket.Conn, p []byte) error {
	return c.WriteMessage(websocket.BinaryMessage, p)
}

// pieces calls fn for short and long pieces of p.
func pieces(p []byte, fn func([]byte) error) error {
	for i := 0; len(p) > 0; i++ {
		n := min(len(p), []int{1, 2, 5, 126, 65536}[i%5])
		if err := fn(p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

func split(c *websocket.Conn, p []byte) error {
	return pieces(p, func(piece []byte) error { return whole(c, piece) })
}

// fragments sends one message. Its frames are as small as the writer's buffer, or as large
// as a piece that is larger.
func fragments(c *websocket.Conn, p []byte) error {
	w, err := c.NextWriter(websocket.BinaryMessage)
	if err != nil {
		return err
	}
	if err := pieces(p, func(piece []byte) error {
		_, err := w.Write(piece)
		return err
	}); err != nil {
		return err
	}
	return w.Close()
}
