package main

import (
	"errors"
	"os"

	"github.com/rikki-go/rikki/examples/internal/relay"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// exchange is a request of a client that is forwarded, and its response.
//
//	client                  backend
//	EvHTTPHdrs       ->     Client.Do
//	                 <-     the first EvWrite: the request is being sent
//	EvHTTPBody…      ->     Chunk…        EvHighWater pauses the client
//	EvHTTPMsg        ->     EndChunks
//	ReplyStart       <-     EvHTTPHdrs
//	Chunk…           <-     EvHTTPBody…   EvHighWater pauses the backend
//	EndChunks        <-     EvHTTPMsg
//
// Either side may come first: a backend may answer before it has read the request.
type exchange struct {
	*proxy
	client  *reactor.Conn // nil when it has closed
	backend *reactor.Conn // nil until the request has a connection, and after the last event
	req     *http.Request
	upgrade bool // the client asks for a WebSocket
	begun   bool // the header of the response was forwarded
}

// begin forwards a request whose header has arrived.
func (p *proxy) begin(c *reactor.Conn, hm *http.Message) {
	if string(hm.Method) == "CONNECT" || string(hm.URI) == "*" {
		http.Reply(c, 501, "", "This proxy forwards requests for paths only\n")
		return
	}
	x := &exchange{proxy: p, client: c, upgrade: asksForWebSocket(hm)}
	size := hm.BodySize()
	x.req = &http.Request{
		Method:  string(hm.Method),
		URL:     p.url(hm),
		Headers: requestHeaders(c, hm, x.upgrade),
		Stream:  size != 0,
		Size:    size,
	}
	if err := p.backend.Do(x.req, x.fromBackend, nil); err != nil {
		status := 400 // the request has something that cannot be forwarded
		if errors.Is(err, http.ErrQueueFull) || errors.Is(err, reactor.ErrClosed) {
			status = 503
		}
		http.Reply(c, status, "", "%v\n", err)
		return
	}
	c.FnData = x
	if x.req.Stream {
		http.StreamBody(c, -1)
		c.Pause() // until the backend takes the body
	}
	p.log.Debug("forward", "id", c.ID(), "method", x.req.Method, "url", x.req.URL)
}

// fromClient handles the other events of the client's connection.
func (x *exchange) fromClient(ev reactor.Event, data any) {
	if ev == reactor.EvClose {
		x.client = nil
		x.proxy.backend.Cancel(x.req)
		return
	}
	b := x.backend
	if b == nil {
		return
	}
	switch ev {
	case reactor.EvHTTPBody:
		http.Chunk(b, data.(*http.Piece).Data)
	case reactor.EvHTTPMsg:
		if x.req.Stream {
			http.EndChunks(b)
		}
	case reactor.EvHighWater:
		b.Pause()
	case reactor.EvLowWater:
		b.Resume()
	}
}

// fromBackend is the handler of the request to the backend.
func (x *exchange) fromBackend(b *reactor.Conn, ev reactor.Event, data any) {
	if x.client == nil && ev != reactor.EvError { // it has closed, and Cancel was called
		return
	}
	switch ev {
	case reactor.EvWrite:
		if x.backend == nil {
			x.backend = b
			x.client.Resume()
		}
	case reactor.EvHTTPHdrs:
		x.respond(b, data.(*http.Message))
	case reactor.EvHTTPBody:
		http.Chunk(x.client, data.(*http.Piece).Data)
	case reactor.EvHTTPMsg:
		x.complete(b, data.(*http.Message))
	case reactor.EvError:
		x.failed(data.(error))
	case reactor.EvHighWater:
		x.client.Pause()
	case reactor.EvLowWater:
		x.client.Resume()
	}
}

// respond forwards the header of a response.
func (x *exchange) respond(b *reactor.Conn, hm *http.Message) {
	if hm.Status/100 == 1 { // interim; 101 is handled when it is complete
		return
	}
	http.StreamBody(b, -1)
	err := http.ReplyStart(x.client, hm.Status, responseHeaders(hm, false), hm.BodySize())
	if err != nil {
		b.Close() // EvError follows
		return
	}
	x.begun = true
}

// complete ends the response.
func (x *exchange) complete(b *reactor.Conn, hm *http.Message) {
	c := x.client
	x.backend = nil
	c.FnData = nil
	c.Resume()
	switch {
	case hm.Status != 101:
		http.EndChunks(c)
	case !x.upgrade:
		b.Close()
		http.Reply(c, 502, "", "The backend has changed the protocol\n")
	default:
		x.tunnel(c, b, hm)
	}
}

// tunnel forwards a response with status 101. From then on both connections are joined.
func (x *exchange) tunnel(c, b *reactor.Conn, hm *http.Message) {
	c.Write([]byte("HTTP/1.1 101 Switching Protocols\r\n" + responseHeaders(hm, true) + "\r\n"))
	layer, _ := http.Layer(c)
	c.Stack().Replace(layer, nil)
	relay.Join(c, b, x.idle, x.log).Start()
	c.Stack().Redispatch() // the client may have sent frames already
}

// failed ends the exchange after an error of the backend.
func (x *exchange) failed(err error) {
	c := x.client
	x.backend = nil
	if c == nil {
		_ = err.Error() // Cancel was called: this marks it as handled
		return
	}
	x.log.Info("backend failed", "id", c.ID(), "url", x.req.URL, "error", err)
	c.FnData = nil
	c.Resume()
	switch {
	case x.begun:
		c.Abort() // with an end of stream, an incomplete response might look complete
	case errors.Is(err, os.ErrDeadlineExceeded):
		http.Reply(c, 504, "", "The backend does not answer\n")
	default:
		http.Reply(c, 502, "", "The backend has failed\n")
	}
}
