package http_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// clientTest is a Client and a manager for one test.
type clientTest struct {
	*loop
	cl *http.Client
}

func newClientTest(t *testing.T, opts *http.ClientOptions, more ...reactor.Option) *clientTest {
	t.Helper()
	l := &loop{t, looptest.NewStillManager(t, more...)}
	return &clientTest{l, http.NewClient(l.m, opts)}
}

// call is a request and what its handler has got.
type call struct {
	t        *testing.T
	lines    []string // status and body of what has arrived
	header   nethttp.Header
	messages int // EvHTTPMsg
	err      error
	ended    int // EvHTTPMsg and EvError together
	conn     *reactor.Conn
	id       uint64 // of the connection
	events   []reactor.Event
	on       looptest.Hooks // called after an event was recorded
}

// handle is the handler of a call.
func (x *call) handle(c *reactor.Conn, ev reactor.Event, data any) {
	x.conn, x.id = c, c.ID()
	x.events = append(x.events, ev)
	if c.FnData != x {
		x.t.Errorf("%v: FnData %v", ev, c.FnData)
	}
	if x.ended > 0 {
		x.t.Errorf("%v after the last event", ev)
	}
	switch ev {
	case reactor.EvHTTPHdrs:
		x.lines = append(x.lines, fmt.Sprint(data.(*http.Message).Status))
	case reactor.EvHTTPMsg:
		msg := data.(*http.Message)
		x.lines = append(x.lines, fmt.Sprintf("%d %s", msg.Status, msg.Body))
		x.header = make(nethttp.Header)
		for _, h := range msg.Headers {
			x.header.Add(string(h.Name), string(h.Value))
		}
		x.messages++
		x.ended++
	case reactor.EvError:
		x.err = errors.Unwrap(data.(error))
		x.lines = append(x.lines, "ERROR")
		x.ended++
	case reactor.EvClose:
		x.t.Error("the handler gets EvClose")
	}
	if f := x.on[ev]; f != nil {
		f(c, data)
	}
}

// body returns the body of the response, without the status.
func (x *call) body() string {
	if len(x.lines) == 0 {
		return ""
	}
	_, b, _ := strings.Cut(x.lines[len(x.lines)-1], " ")
	return b
}

// start begins a request.
func (ct *clientTest) start(req *http.Request) *call { return ct.startWith(req, nil) }

func (ct *clientTest) startWith(req *http.Request, on looptest.Hooks) *call {
	ct.Helper()
	x := &call{t: ct.T, on: on}
	must(ct, ct.cl.Do(req, x.handle, x))
	if len(x.events) > 0 {
		ct.Errorf("Do has called the handler: %v", x.events)
	}
	return x
}

// await runs the loop until the requests have ended.
func (ct *clientTest) await(calls ...*call) {
	ct.Helper()
	for _, x := range calls {
		ct.until("the end of the request", func() bool { return x.ended > 0 })
	}
	ct.idle()
}

// do sends a request and waits for its end.
func (ct *clientTest) do(req *http.Request) *call {
	ct.Helper()
	x := ct.start(req)
	ct.await(x)
	return x
}

// get sends a GET and wants the body.
func (ct *clientTest) get(url, want string) *call {
	ct.Helper()
	x := ct.do(&http.Request{URL: url})
	if x.err != nil || x.body() != want {
		ct.Fatalf("GET %s: %q, error %v, want %q", url, x.lines, x.err, want)
	}
	return x
}

// site is a server of net/http that counts its connections.
type site struct {
	*httptest.Server
	conns atomic.Int32 // all that were made
	open  atomic.Int32
	most  atomic.Int32 // the most that were open at once
}

// serveSite starts a server.
func serveSite(t *testing.T, h nethttp.HandlerFunc) *site { return serveSiteWith(t, h, false) }

func serveSiteWith(t *testing.T, h nethttp.HandlerFunc, tls bool) *site {
	t.Helper()
	s := &site{Server: httptest.NewUnstartedServer(h)}
	s.Config.ErrorLog = quietLog
	s.Config.ConnState = func(_ net.Conn, state nethttp.ConnState) {
		switch state {
		case nethttp.StateNew:
			s.conns.Add(1)
			if n := s.open.Add(1); n > s.most.Load() {
				s.most.Store(n)
			}
		case nethttp.StateClosed, nethttp.StateHijacked:
			s.open.Add(-1)
		}
	}
	if tls {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

// say answers with what the request was.
func say(w nethttp.ResponseWriter, r *nethttp.Request) {
	b, err := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s %s", r.Method, r.RequestURI, b)
	if err != nil {
		fmt.Fprintf(w, " %v", err)
	}
}

var quietLog = log.New(io.Discard, "", 0)

// rawServer is a server that the test plays itself: each connection that it accepts is a plain one
// on the same loop, and its requests are collected.
type rawServer struct {
	*loop
	url   string
	conns []*rawConn
	on    func(p *rawConn) // called when bytes have arrived
}

type rawConn struct {
	c     *reactor.Conn
	n     int // number of the connection, from 0
	got   string
	ended bool
}

func (p *rawConn) say(text string) { io.WriteString(p.c, text) }

// requests returns the number of requests without a body that have arrived.
func (p *rawConn) requests() int { return strings.Count(p.got, "\r\n\r\n") }

// listenRaw starts a server on the loop of the test. on is called after each piece of input.
func (l *loop) listenRaw(on func(p *rawConn)) *rawServer {
	l.Helper()
	s := &rawServer{loop: l, on: on}
	ln, err := l.m.Listen("tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvAccept:
			p := &rawConn{c: c, n: len(s.conns)}
			c.FnData = p
			s.conns = append(s.conns, p)
		case reactor.EvRead:
			p := c.FnData.(*rawConn)
			p.got += string(c.Recv.Bytes())
			c.Recv.Reset()
			s.on(p)
		case reactor.EvError:
			_ = data.(error).Error()
		case reactor.EvClose:
			if p, ok := c.FnData.(*rawConn); ok {
				p.ended = true
			}
		}
	}, nil)
	must(l, err)
	s.url = "http://" + ln.LocalAddr().String()
	return s
}
