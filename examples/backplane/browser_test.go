package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/gobwas/ws/wsutil"
	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// wantClosed reads up to a Close frame.
func wantClosed(t *testing.T, c *client, code int) {
	t.Helper()
	for {
		_, err := wsutil.ReadServerText(c)
		var closed wsutil.ClosedError
		switch {
		case errors.As(err, &closed) && int(closed.Code) == code:
			return
		case err != nil:
			t.Errorf("the connection ends with %v, want code %d", err, code)
			return
		}
	}
}

// Each request that cannot be passed on has an outcome that says why.
func TestRequests(t *testing.T) {
	p := startProcess(t, "a", looptest.UsedAddr(t)) // a broker that never answers
	c := dial(t, p.addr)
	long := strings.Repeat("ж", maxText)
	for i, row := range []struct{ who, text, want string }{
		{"Ann", "", "the text is empty"},
		{"Ann", " \\n ", "the text is empty"},
		{"Ann", long + "ж", "the text has more than 500 characters"},
		{strings.Repeat("ж", 41), "x", "the name has more than 40 characters"},
	} {
		c.send(fmt.Sprintf(`{"id":%d,"who":"%s","text":"%s"}`, i, row.who, row.text))
		if got := c.outcome(int64(i)); got != row.want {
			t.Errorf("%s %.20q: %q, want %q", row.who, row.text, got, row.want)
		}
	}
	// The broker is away: messages wait, but not many.
	for i := range maxWaiting {
		c.send(fmt.Sprintf(`{"id":%d,"who":"Ann","text":"%s"}`, 10+i, long))
	}
	c.send(`{"id":1000,"who":"Ann","text":"one more"}`)
	if got := c.outcome(1000); got != "100 messages wait for the broker" {
		t.Errorf("one more: %q", got)
	}
	for _, bad := range []string{"x", "[]", `{"id":"x"}`, ""} {
		c := dial(t, p.addr)
		c.send(bad)
		wantClosed(t, c, 1008)
	}
	c = dial(t, p.addr)
	c.send(`{"id":1,"text":"` + strings.Repeat("x", maxMessage) + `"}`)
	wantClosed(t, c, 1009)
}

// A browser that does not read is disconnected. The others get everything.
func TestSlowBrowser(t *testing.T) {
	m := looptest.NewManager(t, reactor.WithLogger(quiet))
	s := newServer(options{name: "a", topic: "t", listen: "http://127.0.0.1:0", broker: "mqtt://" + looptest.UsedAddr(t), conns: 10}, nil, quiet)
	looptest.Must(t, s.start(m))
	var addr string
	for c := range m.Conns() {
		if c.IsListening() {
			addr = c.LocalAddr().String()
		}
	}
	read := make(chan int)
	begin := make(chan *client, 2)
	go func() { begin <- dial(t, addr) }()
	looptest.Await(t, m, "the slow browser", func() bool { return len(s.browsers) == 1 })
	var slow, fast *reactor.Conn
	for slow = range s.browsers {
	}
	<-begin
	go func() { begin <- dial(t, addr) }()
	looptest.Await(t, m, "the fast browser", func() bool { return len(s.browsers) == 2 })
	for c := range s.browsers {
		if c != slow {
			fast = c
		}
	}
	reader := <-begin
	go func() {
		n := 0
		for {
			p, err := wsutil.ReadServerText(reader)
			if err != nil {
				if !errors.Is(err, io.EOF) {
					n = -1
				}
				read <- n
				return
			}
			if strings.Contains(string(p), `"type":"message"`) {
				n++
			}
		}
	}()
	sent := 0
	text := strings.Repeat("x", 4000)
	looptest.Await(t, m, "the end of the slow browser", func() bool {
		for len(s.browsers) == 2 && fast.Send.Len() == 0 && sent < 50_000 {
			s.broadcast(&answer{Type: "message", Message: &message{Text: text}})
			sent++
			if n := slow.Send.Len(); n > maxUnsent+maxMessage {
				t.Fatalf("%d bytes wait for the slow browser", n)
			}
			looptest.Must(t, m.Poll(0))
		}
		return len(s.browsers) == 1
	})
	if s.browsers[fast] == nil {
		t.Fatal("the fast browser is disconnected")
	}
	looptest.Await(t, m, "the last bytes", func() bool { return fast.Send.Len() == 0 })
	fast.Drain()
	looptest.Await(t, m, "the end", func() bool { return len(s.browsers) == 0 })
	if got := <-read; got != sent {
		t.Errorf("the fast browser has %d messages of %d", got, sent)
	}
	s.session.Close()
}
