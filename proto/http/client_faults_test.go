package http_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

var clientSeed = flag.Uint64("client-seed", 0, "seed of TestClientFaults; 0 means a new one")

// Whatever the server does, and whatever the handlers do, each request has exactly one last event,
// each reader is closed once, and no event follows the last one.
func TestClientFaults(t *testing.T) {
	seed := *clientSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("to repeat: -client-seed %d", seed)
	rounds := 40
	if testing.Short() {
		rounds = 8
	}
	for i := range rounds {
		if runFaults(t, rand.New(rand.NewPCG(seed, uint64(i)))); t.Failed() {
			t.Fatalf("round %d of seed %d", i, seed)
		}
	}
}

// faults is one round of TestClientFaults.
type faults struct {
	*clientTest
	r       *rand.Rand
	clock   *looptest.Clock
	servers []*rawServer
	calls   []*call
	readers []*closeCounter
	silent  []*rawConn // connections with a request that is not answered yet
}

func runFaults(t *testing.T, r *rand.Rand) {
	clock := looptest.NewClock()
	opts := &http.ClientOptions{ConnsPerHost: 1 + r.IntN(4), IdleConns: r.IntN(4) - 1, Redirects: r.IntN(3), Limits: http.Limits{Body: 5000}}
	f := &faults{newClientTest(t, opts, reactor.WithClock(clock.Now)), r, clock, nil, nil, nil, nil}
	for range 2 {
		f.servers = append(f.servers, f.listenRaw(f.serve))
	}
	for range 150 {
		f.step()
		looptest.Spin(t, f.m, r.IntN(3))
	}
	switch r.IntN(4) {
	case 0:
		f.cl.Close()
	case 1:
		f.m.Close()
	case 2:
		f.m.Drain(0)
	}
	for i, x := range f.calls {
		for turns := 0; x.ended == 0 && turns < 2000 && f.m.Poll(time.Millisecond) == nil; turns++ {
			clock.Advance(time.Second)
		}
		if x.ended != 1 {
			t.Errorf("request %d has %d last events: %q", i, x.ended, x.lines)
		}
	}
	f.m.Close()
	for i, rd := range f.readers {
		if rd.closed != 1 {
			t.Errorf("reader %d was closed %d times", i, rd.closed)
		}
	}
}

// step does something at random.
func (f *faults) step() {
	switch n := f.r.IntN(20); {
	case n < 9:
		f.request()
	case n < 11 && len(f.calls) > 0:
		if x := f.calls[f.r.IntN(len(f.calls))]; x.ended == 0 && x.conn != nil {
			x.conn.Close()
		}
	case n < 15 && len(f.silent) > 0:
		i := f.r.IntN(len(f.silent))
		p := f.silent[i]
		f.silent = append(f.silent[:i], f.silent[i+1:]...)
		f.answer(p)
	case n < 16:
		f.clock.Advance(time.Duration(f.r.IntN(20)) * time.Second)
	case n < 17 && len(f.servers[0].conns) > 0:
		conns := f.servers[0].conns
		conns[f.r.IntN(len(conns))].c.Abort()
	}
}

// request sends a request of any kind.
func (f *faults) request() {
	r := f.r
	req := &http.Request{URL: fmt.Sprint(f.servers[r.IntN(2)].url, "/", len(f.calls))}
	req.Method = []string{"GET", "HEAD", "POST", "PUT", "DELETE"}[r.IntN(5)]
	switch r.IntN(5) {
	case 0:
		req.Body = make([]byte, r.IntN(200_000))
	case 1:
		req.Reader = &closeCounter{Reader: strings.NewReader(strings.Repeat("x", r.IntN(100_000)))}
	case 2:
		req.Stream = true
	}
	if r.IntN(10) == 0 {
		req.Headers = "Connection: close\r\n"
	}
	on := looptest.Hooks{}
	if r.IntN(5) == 0 {
		events := []reactor.Event{reactor.EvOpen, reactor.EvConnect, reactor.EvWrite, reactor.EvHTTPHdrs, reactor.EvHTTPBody, reactor.EvHTTPMsg, reactor.EvError}
		act := []func(c *reactor.Conn, _ any){
			func(c *reactor.Conn, _ any) { c.Close() },
			func(c *reactor.Conn, _ any) { c.Drain() },
			func(c *reactor.Conn, _ any) { c.Fail(nil) },
			func(c *reactor.Conn, _ any) { c.Pause(); f.m.AddTimer(time.Second, reactor.TimerOnce, c.Resume) },
			func(*reactor.Conn, any) { f.cl.Cancel(req) },
			func(c *reactor.Conn, _ any) { f.request() },
		}[r.IntN(6)]
		on[events[r.IntN(len(events))]] = act
	} else if r.IntN(3) == 0 {
		on[reactor.EvHTTPHdrs] = func(c *reactor.Conn, data any) {
			if data.(*http.Message).Status >= 200 {
				http.StreamBody(c, 0)
			}
		}
	}
	if req.Stream = req.Stream && on[reactor.EvWrite] == nil; req.Stream {
		left := 1 + r.IntN(4)
		on[reactor.EvWrite] = func(c *reactor.Conn, _ any) {
			if left--; left > 0 {
				http.Chunk(c, make([]byte, 1+r.IntN(5000)))
			} else if left == 0 {
				http.EndChunks(c)
			}
		}
	}
	x := &call{t: f.T, on: on}
	if f.cl.Do(req, x.handle, x) == nil {
		f.calls = append(f.calls, x)
		if rd, ok := req.Reader.(*closeCounter); ok {
			f.readers = append(f.readers, rd)
		}
	}
}

// serve is called when bytes have arrived at a server. It answers in most cases.
func (f *faults) serve(p *rawConn) {
	if !strings.Contains(p.got, "\r\n\r\n") {
		return
	}
	p.got = ""
	if f.r.IntN(3) == 0 {
		f.silent = append(f.silent, p)
		return
	}
	f.answer(p)
}

// answer sends something that is, or is not, a response.
func (f *faults) answer(p *rawConn) {
	r := f.r
	good := ok("", strings.Repeat("y", r.IntN(6000)))
	switch r.IntN(16) {
	case 0:
		p.c.Close()
	case 1:
		p.c.Abort()
	case 2:
		p.say(good[:r.IntN(len(good))])
	case 3:
		p.say(good[:r.IntN(len(good))])
		p.c.Drain()
	case 4:
		p.say(good + good[:r.IntN(len(good))])
	case 5:
		p.say("garbage\r\n\r\n")
	case 6:
		p.say(lines("HTTP/1.1 103 Early Hints") + good)
	case 7:
		p.say(lines("HTTP/1.1 200 OK") + "to the end")
		p.c.Drain()
	case 8:
		p.say(lines("HTTP/1.1 302 Found", "Location: "+f.servers[r.IntN(2)].url+"/r", "Content-Length: 0"))
	case 9:
		p.say(lines("HTTP/1.1 307 T", "Location: ../x", "Connection: close", "Content-Length: 0"))
		p.c.Drain()
	case 10:
		p.say(lines("HTTP/1.1 200 OK", "Transfer-Encoding: chunked") + "3\r\nabc\r\n")
		f.m.AddTimer(time.Second, reactor.TimerOnce, func() { p.say("0\r\n\r\n") })
	case 11:
		p.say(lines("HTTP/1.1 413 Too Large", "Content-Length: 0"))
	default:
		p.say(good)
	}
}
