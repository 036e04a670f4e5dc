package http_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// refusals are calls that Reply and ReplyBytes refuse.
var refusals = []struct {
	name, request string // no request: the call is made outside of a handler
	status        int
	headers, body string
	word          string // a part of the error
}{
	{"status too low", get, 99, "", "", "99"},
	{"status too high", get, 1000, "", "", "1000"},
	{"interim status", get, 100, "", "", "100"},
	{"header without CRLF", get, 200, "X: y", "", "CRLF"},
	{"header without colon", get, 200, "X\r\n", "", "Name: value"},
	{"header that Reply writes", get, 200, "Content-Length: 3\r\n", "abc", "Content-Length"},
	{"control byte", get, 200, "X: a\x00b\r\n", "", "control byte"},
	{"body for 204", get, 204, "", "abc", "no body"},
	{"2xx for CONNECT", lines("CONNECT h:1 HTTP/1.1", "Host: h:1"), 200, "", "", "CONNECT"},
	{"no request", "", 200, "", "", "no request"},
}

// replies are the functions under test.
var replies = map[string]func(c *reactor.Conn, status int, headers, body string) error{
	"Reply": func(c *reactor.Conn, status int, headers, body string) error {
		return http.Reply(c, status, headers, "%s", body)
	},
	"ReplyBytes": func(c *reactor.Conn, status int, headers, body string) error {
		return http.ReplyBytes(c, status, headers, []byte(body))
	},
}

// looks are the ways in which a program can look at an error.
var looks = map[string]func(error){
	"Error":     func(err error) { _ = err.Error() },
	"Unwrap":    func(err error) { errors.Unwrap(err) },
	"errors.Is": func(err error) { errors.Is(err, http.ErrNoRequest) },
	"errors.As": func(err error) { errors.As(err, new(*http.Error)) },
	"fmt":       func(err error) { _ = fmt.Sprint(err) },
}

// eachRefusal makes each of the refused calls. read gets the error. check gets what was
// logged.
func eachRefusal(t *testing.T, read func(error), check func(t *testing.T, w *looptest.Warnings, word string)) {
	for call, reply := range replies {
		for _, r := range refusals {
			t.Run(call+"/"+r.name, func(t *testing.T) {
				var w looptest.Warnings
				refuse := func(c *reactor.Conn) {
					err := reply(c, r.status, r.headers, r.body)
					if err == nil {
						t.Error("the call was not refused")
						return
					}
					read(err)
				}
				refused := false
				s := listenWith(t, []reactor.Option{reactor.WithLogger(w.Logger())}, func(c *reactor.Conn, ev reactor.Event, _ *http.Message) {
					if ev == reactor.EvHTTPMsg {
						refuse(c)
						refused = true
						must(t, http.Reply(c, 404, "", "")) // the request still waits for a response
					}
				})
				p := s.dial()
				if r.request == "" {
					refuse(s.conn)
				} else {
					p.send(r.request)
					s.until("the request", func() bool { return refused })
				}
				looptest.Spin(t, s.m, 5)
				check(t, &w, r.word)
				looptest.Spin(t, s.m, 5)
				w.WantNone(t)
			})
		}
	}
}

// A refused call is logged once if the program does not look at the error. Without the log
// nobody would know why the client waits.
func TestRefusedReplyIsLogged(t *testing.T) {
	eachRefusal(t, func(error) {}, func(t *testing.T, w *looptest.Warnings, word string) { w.WantOne(t, word) })
}

// A refused call is not logged if the program looks at the error.
func TestRefusedReplyIsNotLoggedIfRead(t *testing.T) {
	for how, look := range looks {
		t.Run(how, func(t *testing.T) {
			eachRefusal(t, look, func(t *testing.T, w *looptest.Warnings, _ string) { w.WantNone(t) })
		})
	}
}

// Two refused calls are two lines in the log.
func TestEachRefusedReplyIsLogged(t *testing.T) {
	var w looptest.Warnings
	s := listenWith(t, []reactor.Option{reactor.WithLogger(w.Logger())}, func(c *reactor.Conn, ev reactor.Event, _ *http.Message) {
		if ev == reactor.EvHTTPMsg {
			http.Reply(c, 99, "", "")
			http.Reply(c, 98, "", "")
			must(t, http.Reply(c, 200, "", "ok"))
		}
	})
	p := s.dial()
	p.send(get)
	p.expect(ok("", "ok"))
	if got := w.Take(); len(got) != 2 {
		t.Errorf("logged %q, want two lines", got)
	}
}
