package reactor_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

// A peer asks for KeyUpdates again and again, and reads the answers. It gets all of them.
// The data of both sides is encrypted with the current keys.
func TestTLSKeyUpdatesAnswered(t *testing.T) {
	const rounds, perRound = 2, 1000 // 50 KB: more than one read; and 27 KB of answers
	for _, role := range []string{"server", "client"} {
		t.Run(role, func(t *testing.T) {
			m := newManager(t)
			r := &recorder{On: hooks{reactor.EvRead: sendBack}}
			h := startRecords(t, m, role, r.Handle)
			for range rounds {
				h.feed(times(perRound, h.asks), 1<<20)
				h.feed(h.data("."), 1)
				all := h.until(perRound+1, perRound)
				if want := bytes.Repeat([]byte("x"), perRound); string(all.data) != string(want)+"." || all.updates != perRound {
					t.Fatalf("%d bytes came back, and %d answers", len(all.data), all.updates)
				}
			}
			if len(r.Errs) > 0 {
				t.Error(r.Errs)
			}
		})
	}
}

// Answers to KeyUpdate do not overtake the ciphertext that the socket has not taken yet.
func TestTLSKeyUpdateBehindFullSocket(t *testing.T) {
	msg := noise(1 << 20)
	m := newManager(t)
	var conn *reactor.Conn
	r := &recorder{On: hooks{reactor.EvTLSHS: func(c *reactor.Conn, _ any) {
		conn = c
		c.Write(msg)
	}}}
	h := wrapRecords(t, m, r.Handle)
	spin(t, m, 20)
	if conn.Send.Len() == 0 {
		t.Fatal("the socket has taken it all")
	}
	h.feed(times(100, h.asks), 1<<20)
	all := h.until(len(msg), 100)
	if !bytes.Equal(all.data, msg) || all.updates != 100 || len(r.Errs) > 0 {
		t.Errorf("%d bytes, %d answers, errors %v", len(all.data), all.updates, r.Errs)
	}
}

// A peer that asks for KeyUpdates and does not read ends its own connection, and no
// other.
func TestTLSKeyUpdateFlood(t *testing.T) {
	m := newManager(t)
	flooded, other := &recorder{}, &recorder{On: hooks{reactor.EvRead: sendBack}}
	bystander := startRecords(t, m, "server", other.Handle)
	c, p := wrapNarrow(t, m, flooded.Handle)
	c.StartTLS(serverConfig())
	h := openRecords(t, m, "server", p)
	most := 0
	for i := 0; i < 1000 && !flooded.Closed(); i++ {
		h.Write(times(200, h.asks))
		spin(t, m, 2)
		most = max(most, m.Stats().Queued)
	}
	var limit *reactor.LimitError
	if err := flooded.Err(t); !errors.As(err, &limit) || limit.Buffer != "Send" || limit.Size <= limit.Limit {
		t.Errorf("error %v", err)
	}
	if most > limit.Limit || most < limit.Limit/2 {
		t.Errorf("%d bytes were queued at most, the limit is %d", most, limit.Limit)
	}
	flooded.Want(t, eventList(flooded.Events[:len(flooded.Events)-2])+" ERROR CLOSE")
	bystander.feed(bystander.data("hello"), 1<<20)
	if all := bystander.until(5, 0); string(all.data) != "hello" {
		t.Errorf("the other connection echoes %q", all.data)
	}
}
