package interop

import (
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// ourWay is how our end is told to compress.
type ourWay struct {
	name string // "" is not at all
}

// wsOurs is our end of a WebSocket and what it heard.
type wsOurs struct {
	*loop
	c          *reactor.Conn
	extensions string // of the server's answer
	protocol   string
	opened     bool
	got        []wsMessage // a client's
	pongs      []string
	messages   int
	payload    int // bytes of messages received
	raw        int // bytes received
	last       closeFrame
	err        error
	closed     bool
}

// handle is the part that client and server have in common.
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
			code, reason := m.Close()
			o.last = closeFrame{code, string(reason)}
		}
	case reactor.EvError:
		o.err = data.(error)
	case reactor.EvClose:
		o.closed = o.opened
	}
}

// serveWS starts our echo server. It expects one connection.
func (l *loop) serveWS(way ourWay) (o *wsOurs, url string) {
	l.t.Helper()
	o = &wsOurs{loop: l}
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
		hm := data.(*http.Message)
		headers := ""
		if ws.Offers(hm, subprotocol) {
			headers = "Sec-WebSocket-Protocol: " + subprotocol + "\r\n"
		}
		if err := ws.Upgrade(c, hm, headers); err != nil {
			o.t.Error(err)
		}
	case reactor.EvWSMsg:
		m := data.(*ws.Message)
		o.messages++
		o.payload += len(m.Data)
		if f, ok := asked(wsMessage{m.Op, m.Data}); ok {
			noError(o.t, ws.Close(c, f.code, f.reason))
		} else {
			noError(o.t, ws.Send(c, m.Data, m.Op))
		}
	}
}

// dialWS connects our client.
func (l *loop) dialWS(way ourWay, url string) *wsOurs {
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
	}, nil, "Sec-WebSocket-Protocol: other, "+subprotocol+"\r\n")
	if err != nil {
		l.t.Fatal(err)
	}
	o.until("EvWSOpen", func() bool { return o.opened || o.err != nil })
	if o.err != nil {
		l.t.Fatal(o.err)
	}
	return o
}

// send sends a message of the client's.
func (o *wsOurs) send(m wsMessage) {
	o.t.Helper()
	noError(o.t, ws.Send(o.c, m.data, m.op))
}

// want awaits messages of the server's.
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

// converse is what drive is for the others.
func (o *wsOurs) converse(more ...wsMessage) {
	o.t.Helper()
	messages := conversation()
	for _, m := range messages {
		o.send(m)
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
	for _, m := range more {
		o.send(m)
		o.want(m)
	}
}

// close sends a Close frame.
func (o *wsOurs) close(f closeFrame) { noError(o.t, ws.Close(o.c, f.code, f.reason)) }

// ends waits for the end, which must be clean, after a Close frame.
func (o *wsOurs) ends(want closeFrame) {
	o.t.Helper()
	o.until("EvClose", func() bool { return o.closed })
	if o.err != nil || o.last != want {
		o.t.Errorf("heard Close %+v, want %+v; error %v", o.last, want, o.err)
	}
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}
