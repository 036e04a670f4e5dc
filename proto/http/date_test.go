package http_test

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// answerAt is an empty response with the Date of a second of the minute in which the clock of the
// tests begins.
func answerAt(second string) string {
	return "HTTP/1.1 200 OK\r\nDate: Sun, 01 Mar 2026 12:00:" + second + " GMT\r\nContent-Length: 0\r\n\r\n"
}

// Date is written once. It follows the clock of the manager.
func TestDate(t *testing.T) {
	clock := looptest.NewClock()
	headers := ""
	s := listenWith(t, []reactor.Option{reactor.WithClock(clock.Now)}, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev == reactor.EvHTTPMsg {
			must(t, http.Reply(c, 200, headers, ""))
		}
	})
	p := s.dial()
	for _, want := range []string{"00", "01"} {
		p.send(get)
		p.expect(answerAt(want))
		clock.Advance(time.Second)
	}
	headers = "date: given\r\n"
	p.send(get)
	p.expect("HTTP/1.1 200 OK\r\ndate: given\r\nContent-Length: 0\r\n\r\n")
}

// The answers to requests that came with one read have the same Date. An answer that is given later
// has the time at which it is given.
func TestDateOfPipelinedRequests(t *testing.T) {
	clock := looptest.NewClock()
	var waiting *reactor.Conn
	s := listenWith(t, []reactor.Option{reactor.WithClock(clock.Now)}, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev != reactor.EvHTTPMsg {
			return
		}
		if string(msg.URI) == "/later" {
			waiting = c
			return
		}
		must(t, http.Reply(c, 200, "", ""))
		clock.Advance(time.Second)
	})
	p := s.dial()
	later := "GET /later HTTP/1.1\r\nHost: h\r\n\r\n"
	p.send(get + get + later)
	p.expect(answerAt("00") + answerAt("00"))
	s.until("the last request", func() bool { return waiting != nil })
	must(t, http.Reply(waiting, 200, "", ""))
	p.expect(answerAt("02"))
	clock.Advance(time.Second)
	p.send(get)
	p.expect(answerAt("03"))
}

// A handler that answers a request of another connection in between gives it the time of this
// answer.
func TestDateOfAnotherConnection(t *testing.T) {
	clock := looptest.NewClock()
	var waiting *reactor.Conn
	s := listenWith(t, []reactor.Option{reactor.WithClock(clock.Now)}, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		switch {
		case ev != reactor.EvHTTPMsg:
		case string(msg.URI) == "/later":
			waiting = c
		default:
			must(t, http.Reply(c, 200, "", ""))
			clock.Advance(time.Second)
			if waiting != nil {
				must(t, http.Reply(waiting, 200, "", ""))
				waiting = nil
			}
		}
	})
	a, b := s.dial(), s.dial()
	b.send("GET /later HTTP/1.1\r\nHost: h\r\n\r\n")
	s.until("the request that waits", func() bool { return waiting != nil })
	a.send(get + get)
	b.expect(answerAt("01"))
	a.expect(answerAt("00") + answerAt("01"))
}
