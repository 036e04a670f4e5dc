package http_test

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

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
	for _, want := range []string{"Sun, 01 Mar 2026 12:00:00 GMT", "Sun, 01 Mar 2026 12:00:01 GMT"} {
		p.send(get)
		p.expect("HTTP/1.1 200 OK\r\nDate: " + want + "\r\nContent-Length: 0\r\n\r\n")
		clock.Advance(time.Second)
	}
	headers = "date: given\r\n"
	p.send(get)
	p.expect("HTTP/1.1 200 OK\r\ndate: given\r\nContent-Length: 0\r\n\r\n")
}
