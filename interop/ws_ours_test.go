package interop

import (
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// ourWay is a setting of our end for compression.
type ourWay struct {
	name    string // "" is no compression
	deflate *ws.Deflate
}

func (w ourWay) options() *ws.Options {
	return &ws.Options{Limits: ws.Limits{Message: maxMessage}, Deflate: w.deflate, Protocols: []string{"unknown", subprotocol}}
}

// wsOurs is our end of a WebSocket and what it received.
type wsOurs struct {
	*loop
	opts       *ws.Options
	c          *reactor.Conn
	extensions string // in the server's answer
	protocol   string
	opened     bool
	got        []wsMessage // if it is a client
	pongs      []string
	messages   int
	payload    int // bytes of messages received
	raw        int // bytes received
	last       closeFrame
	err        error
	closed     bool
}

// handle is the part of the handler that client and server share.
func (o *wsOurs) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvRead:
		o.raw += *data.(*int)
	case reactor.EvWSOpen:
		o.c, o.opened, o.raw = c, true, 0
	case reactor.EvWSCtl:
		switch m := data.(*ws.Message); m.Op {
		case ws.OpPong:
			o.pongs = append(o.pongs, string(m.Data))
		case ws.OpClose:
			code, reason := m.CloseStatus()
			o.last = closeFrame{code, string(reason)}
		}
	case reactor.EvError:
		o.err = data.(error)
	case reactor.EvClose:
		o.closed = o.opened
	}
}

// serveWS starts our echo server for one connection.
func (l *loop) serveWS(way ourWay) (o *wsOurs, url string) {
	l.t.Helper()
	o = &wsOurs{loop: l, opts: way.options()}
	o.opts.Origins = []string{"null"} // of the empty page in the browser
	c, err := http.Listen(l.m, "http://127.0.0.1:0", o.serve, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	return o, fmt.Sprintf("ws://%s/any", c.LocalAddr())
}

func (o *wsOurs) serve(c *reactor.Conn, ev reactor.Event, data any) {
	if c.IsListening() {
		return
	}
	o.handle(c, ev, data)
	switch ev {
	case reactor.EvHTTPMsg:
		noError(o.t, ws.Upgrade(c, data.(*http.Message), "", o.opts))
	case reactor.EvWSMsg:
		m := data.(*ws.Message)
		o.messages++
		o.payload += len(m.Data)
		if f, ok := requested(wsMessage{m.Op, m.Data}); ok {
			noError(o.t, ws.Close(c, f.code, f.reason))
		} else {
			o.c = c
			o.answer(wsMessage{m.Op, m.Data})
		}
	}
}

// answer sends a message back, every third in parts.
func (o *wsOurs) answer(m wsMessage) {
	if o.messages%3 == 2 {
		o.sendParts(m)
	} else {
		o.send(m)
	}
}

// dialWS connects our client and waits for EvWSOpen.
func (l *loop) dialWS(way ourWay, url string) *wsOurs {
	l.t.Helper()
	o := l.connectWS(way, url)
	if o.err != nil {
		l.t.Fatal(o.err)
	}
	return o
}

// connectWS is dialWS, but the handshake may fail. Then o.err is set.
func (l *loop) connectWS(way ourWay, url string) *wsOurs {
	l.t.Helper()
	o := &wsOurs{loop: l}
	_, err := ws.Connect(l.m, url, func(c *reactor.Conn, ev reactor.Event, data any) {
		o.handle(c, ev, data)
		switch ev {
		case reactor.EvWSOpen:
			hm := data.(*http.Message)
			o.extensions = string(hm.Header("Sec-WebSocket-Extensions"))
			o.protocol = string(hm.Header("Sec-WebSocket-Protocol"))
		case reactor.EvWSMsg:
			m := data.(*ws.Message)
			o.messages++
			o.payload += len(m.Data)
			o.got = append(o.got, wsMessage{m.Op, append([]byte(nil), m.Data...)})
		}
	}, nil, "Sec-WebSocket-Protocol: other, "+subprotocol+"\r\n", way.options())
	if err != nil {
		l.t.Fatal(err)
	}
	o.until("EvWSOpen", func() bool { return o.opened || o.err != nil })
	return o
}

// send sends a message in one frame.
func (o *wsOurs) send(m wsMessage) {
	o.t.Helper()
	noError(o.t, ws.Send(o.c, m.data, m.op))
}

// sendParts sends a message in several frames.
func (o *wsOurs) sendParts(m wsMessage) {
	o.t.Helper()
	w, err := ws.NewWriter(o.c, m.op, 64<<10)
	if err != nil {
		o.t.Fatal(err)
	}
	noError(o.t, parts(m.data, func(part []byte, last bool) error {
		if _, err := w.Write(part); err != nil {
			return err
		}
		if last {
			return w.Close()
		}
		return w.Flush()
	}))
}

// want waits for messages from the server and compares them.
func (o *wsOurs) want(all ...wsMessage) {
	o.t.Helper()
	o.until(fmt.Sprintf("%d messages, the last a %s", len(all), all[len(all)-1]), func() bool {
		return len(o.got) >= len(all) || o.err != nil || o.closed
	})
	if o.err != nil || len(o.got) < len(all) {
		o.t.Fatalf("%d of %d messages came; error %v, closed %+v", len(o.got), len(all), o.err, o.last)
	}
	for i, m := range all {
		if err := m.same(o.got[i]); err != nil {
			o.t.Error(err)
		}
	}
	o.got = o.got[len(all):]
}

// converse does with our client what drive does with the others, without the Close frame.
func (o *wsOurs) converse(messages, large []wsMessage) {
	o.t.Helper()
	for _, m := range messages {
		o.send(m)
		o.want(m)
		o.sendParts(m)
		o.want(m)
	}
	noError(o.t, ws.Send(o.c, []byte("are you there?"), ws.OpPing))
	o.until("a pong", func() bool { return len(o.pongs) > 0 || o.err != nil })
	if o.err != nil || o.pongs[0] != "are you there?" {
		o.t.Fatalf("pongs %q, %v", o.pongs, o.err)
	}
	var many []wsMessage
	for i := range burst {
		o.send(messages[i%12])
		many = append(many, messages[i%12])
	}
	o.want(many...)
	for _, m := range large {
		o.send(m)
		o.want(m)
	}
}

// close sends a Close frame.
func (o *wsOurs) close(f closeFrame) { noError(o.t, ws.Close(o.c, f.code, f.reason)) }

// ends waits until the connection has closed, after the Close frame want and without an error.
func (o *wsOurs) ends(want closeFrame) {
	o.t.Helper()
	o.until("EvClose", func() bool { return o.closed })
	if o.err != nil || o.last != want {
		o.t.Errorf("got Close %+v, want %+v; error %v", o.last, want, o.err)
	}
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}
