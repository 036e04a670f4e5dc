package nethttp_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	stdhttp "net/http"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/http/nethttp"
	"github.com/rikki-go/rikki/reactor"
)

// held waits until the bytes that count towards the memory budget are in a range.
func (s *server) held(what string, least, most int) {
	s.t.Helper()
	for got, i := -1, 0; got < least || got > most; i++ {
		s.do(func() { got = s.m.Stats().Held })
		if i == 100000 {
			s.t.Fatalf("%s: %d bytes held, want %d to %d", what, got, least, most)
		}
		runtime.Gosched()
	}
}

// What a handler has not read of a body counts towards the memory budget, and so does the header,
// also while the request waits for a worker, and after Hijack. It does not any more when it is
// read, and when the exchange is over.
func TestBodiesCount(t *testing.T) {
	const size, header = 20000, 5000
	step := make(chan int)
	s := serve(t, stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		var body io.Reader = r.Body
		for n := <-step; n != 0; n = <-step {
			if n < 0 {
				conn, buf, err := stdhttp.NewResponseController(w).Hijack()
				must(t, err)
				defer conn.Close()
				body = buf
				continue
			}
			_, err := io.ReadFull(body, make([]byte, n))
			must(t, err)
		}
	}), &nethttp.Options{Workers: 1})
	send := func() net.Conn {
		before := s.requests()
		c := dial(t, s.addr)
		_, err := fmt.Fprintf(c, "PUT / HTTP/1.1\r\nHost: x\r\nA: %s\r\nContent-Length: %d\r\n\r\n%s",
			strings.Repeat("a", header), size, make([]byte, size))
		must(t, err)
		for s.requests() == before {
		}
		return c
	}
	send()
	s.held("not read", header+size, 60000)
	queued := send()
	s.held("a second one waits", 2*(header+size), 120000)
	queued.(*net.TCPConn).SetLinger(0)
	queued.Close()
	s.held("its client has gone", header+size, 60000)
	step <- 10
	s.held("little is read", header+size-10, 60000)
	step <- size - 10
	s.held("all is read", header, header+10000)
	step <- 0
	s.held("answered", 0, 0)

	send()
	s.held("not read again", header+size, 60000)
	step <- -1
	step <- 1 // fills the bufio.Reader
	s.held("hijacked", size-10000, 60000)
	step <- size - 1
	s.held("read after Hijack", 0, 0)
	step <- 0
}

// A request that exceeds the memory budget ends, and what was not read is released.
func TestBudgetExceeded(t *testing.T) {
	events := make(chan error, 1)
	h := stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		events <- nil
		<-r.Context().Done()
		_, err := r.Body.Read(make([]byte, 1))
		events <- err
	})
	m := looptest.NewManager(t, reactor.WithMemoryBudget(10<<10))
	l, err := nethttp.Listen(m, "http://127.0.0.1:0", h, nil)
	must(t, err)
	c := dial(t, l.LocalAddr().String())
	for _, part := range []string{"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n", "1"} {
		_, err = io.WriteString(c, part)
		must(t, err)
		looptest.Await(t, m, "the handler", func() bool {
			select {
			case err = <-events:
				return true
			default:
				return false
			}
		})
	}
	if err != reactor.ErrMemoryBudget {
		t.Errorf("Read returned %v", err)
	}
}

// A handler that sends responses with a status of 1xx without end waits like one that writes.
func TestEndlessInterim(t *testing.T) {
	const size = 4000
	var sent atomic.Int64
	ended := make(chan bool)
	path := filepath.Join(t.TempDir(), "socket")
	s := serveUnix(t, path, stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		for r.Context().Err() == nil {
			w.WriteHeader(stdhttp.StatusEarlyHints)
			sent.Add(1)
		}
		ended <- true
	}), &nethttp.Options{Buffer: size})
	c, err := net.Dial("unix", path)
	must(t, err)
	_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	must(t, err)
	for same, before := 0, int64(-1); same < 50; same++ {
		s.do(func() {
			queued := s.m.Stats().Queued
			if now := sent.Load(); now != before || queued < size {
				before, same = now, 0
			}
			if queued > 3*size {
				t.Fatalf("%d bytes in Send", queued)
			}
		})
	}
	c.Close()
	<-ended
}

// The smallest buffer works: the bodies are whole.
func TestSmallestBuffer(t *testing.T) {
	s := serve(t, stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		text, err := io.ReadAll(r.Body)
		must(t, err)
		w.WriteHeader(stdhttp.StatusEarlyHints)
		w.Write(text)
	}), &nethttp.Options{Buffer: 1})
	text := strings.Repeat("0123456789", 500)
	resp, err := stdhttp.Post("http://"+s.addr, "text/plain", strings.NewReader(text))
	must(t, err)
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); string(got) != text || err != nil {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	stdhttp.DefaultClient.CloseIdleConnections()
}

// A program that has water marks gets EvHighWater and EvLowWater in turns, and is not left above
// the mark: neither if it was above when the Bridge took the request, nor if Send is above only
// the Bridge's mark when the exchange is over.
func TestWaterMarks(t *testing.T) {
	const size = 8 << 20 // more than the socket takes
	for _, first := range []string{"loop", "bridge", "late"} {
		t.Run(first, func(t *testing.T) {
			m := looptest.NewManager(t)
			begun, leave, done := make(chan bool, 2), make(chan bool), make(chan bool)
			b := nethttp.New(stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
				begun <- true
				if first == "late" {
					<-leave
					return
				}
				w.Write(make([]byte, size))
			}), nil)
			var events []reactor.Event
			var served *reactor.Conn
			l, err := http.Listen(m, "http://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
				switch ev {
				case reactor.EvAccept:
					c.SetLimits(reactor.Limits{Backpressure: -1})
				case reactor.EvHTTPHdrs:
					if hm := data.(*http.Message); string(hm.URI) == "/bridge" {
						served = c
						c.SetWater(10, 100)
						b.Serve(c, hm)
					}
				case reactor.EvHTTPMsg:
					http.ReplyBytes(c, stdhttp.StatusOK, "", make([]byte, size))
				case reactor.EvHighWater, reactor.EvLowWater:
					events = append(events, ev)
				}
			}, nil)
			must(t, err)
			if first != "late" {
				l.SetWater(10, 100)
			}
			c := dial(t, l.LocalAddr().String())
			_, err = io.WriteString(c, crlf("GET /"+first+" HTTP/1.1\nHost: x\n\nGET /bridge HTTP/1.1\nHost: x\n\n"))
			must(t, err)
			looptest.Await(t, m, "the handler", func() bool { return len(begun) > 0 })
			if first == "late" { // above the Bridge's mark by now
				must(t, m.Poll(0))
				close(leave)
				looptest.Await(t, m, "the end of the exchange", func() bool {
					low, _ := served.Water()
					return low == 10
				})
			}
			go func() {
				defer close(done)
				r := bufio.NewReader(c)
				answer(t, r)
				answer(t, r)
			}()
			looptest.Await(t, m, "the answers", func() bool {
				select {
				case <-done:
					return m.Stats().Queued == 0
				default:
					return false
				}
			})
			if first != "bridge" && len(events) == 0 {
				t.Error("no events")
			}
			for pair := range slices.Chunk(events, 2) {
				if len(pair) != 2 || pair[0] != reactor.EvHighWater || pair[1] != reactor.EvLowWater {
					t.Errorf("events %v", events)
				}
			}
		})
	}
}

// Manager.Close ends what waits for a loop that nobody runs any more: Write, Flush, Hijack, Wait.
func TestCloseEndsWaits(t *testing.T) {
	for name, wait := range map[string]func(w stdhttp.ResponseWriter) error{
		"Write": func(w stdhttp.ResponseWriter) (err error) {
			for err == nil {
				_, err = w.Write(make([]byte, 100<<10))
			}
			return err
		},
		"Flush": func(w stdhttp.ResponseWriter) error { return stdhttp.NewResponseController(w).Flush() },
		"Hijack": func(w stdhttp.ResponseWriter) error {
			_, _, err := stdhttp.NewResponseController(w).Hijack()
			return err
		},
		"WriteHeader": func(w stdhttp.ResponseWriter) error {
			for range 10000 {
				w.WriteHeader(stdhttp.StatusEarlyHints)
			}
			return io.EOF
		},
	} {
		t.Run(name, func(t *testing.T) {
			entered, leave, ended := make(chan bool), make(chan bool), make(chan error, 1)
			s := serve(t, stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
				entered <- true
				<-leave
				ended <- wait(w)
			}), nil)
			get(t, s.addr, "/")
			<-entered
			s.cancel()
			<-s.ended
			close(leave)
			runtime.Gosched()
			must(t, s.m.Close())
			must(t, s.b.Wait(context.Background()))
			if err := <-ended; err == nil {
				t.Error("no error")
			}
		})
	}
}
