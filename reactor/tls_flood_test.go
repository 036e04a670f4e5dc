package reactor_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// wrapHand opens a connection over a socketpair, which holds less than TCP does;
// the loop is the server.
func wrapHand(t *testing.T, m *reactor.Manager, fn reactor.Handler) *handPeer {
	t.Helper()
	_, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvOpen {
			c.StartTLS(serverConfig())
		}
		fn(c, ev, data)
	})
	return openHand(t, m, "server", p)
}

// asks is a record of data and a KeyUpdate that wants an answer: crypto/tls bears
// sixteen of these without data between them.
func (h *handPeer) asks() []byte { return join(h.data("x"), h.say.KeyUpdate(true)) }

// A peer that asks for KeyUpdates over and over and reads the answers gets them
// all; the data of both sides goes on under the keys of the moment.
func TestTLSKeyUpdatesAnswered(t *testing.T) {
	const rounds, perRound = 4, 1000 // 50 KB, more than one read brings, and 27 KB of answers
	for _, role := range []string{"server", "client"} {
		t.Run(role, func(t *testing.T) {
			m := newManager(t)
			r := &recorder{on: hooks{reactor.EvRead: sendBack}}
			h := startHand(t, m, role, r.handle)
			for range rounds {
				h.feed(times(perRound, h.asks), 1<<20)
				h.feed(h.data("."), 1)
				all := h.until(perRound+1, perRound)
				if want := bytes.Repeat([]byte("x"), perRound); string(all.data) != string(want)+"." || all.updates != perRound {
					t.Fatalf("%d bytes came back, and %d answers", len(all.data), all.updates)
				}
			}
			if len(r.errs) > 0 {
				t.Error(r.errs)
			}
		})
	}
}

// Answers do not overtake what the socket has not taken yet, nor break it.
func TestTLSKeyUpdateBehindFullSocket(t *testing.T) {
	msg := noise(4 << 20)
	m := newManager(t)
	var conn *reactor.Conn
	r := &recorder{on: hooks{reactor.EvTLSHS: func(c *reactor.Conn, _ any) {
		conn = c
		c.Write(msg)
	}}}
	h := wrapHand(t, m, r.handle)
	spin(t, m, 20)
	if conn.Send.Len() == 0 {
		t.Fatal("the socket has taken it all")
	}
	h.feed(times(100, h.asks), 1<<20)
	all := h.until(len(msg), 100)
	if !bytes.Equal(all.data, msg) || all.updates != 100 || len(r.errs) > 0 {
		t.Errorf("%d bytes, %d answers, errors %v", len(all.data), all.updates, r.errs)
	}
}

// A peer that asks and does not read ends its own connection, and no other.
func TestTLSKeyUpdateFlood(t *testing.T) {
	m := newManager(t)
	flooded, other := &recorder{}, &recorder{on: hooks{reactor.EvRead: sendBack}}
	bystander := startHand(t, m, "server", other.handle)
	h := wrapHand(t, m, flooded.handle)
	most := 0
	for i := 0; i < 1000 && !flooded.closed(); i++ {
		h.Write(times(200, h.asks))
		spin(t, m, 2)
		most = max(most, m.Stats().Queued)
	}
	var limit *reactor.LimitError
	if err := flooded.err(t); !errors.As(err, &limit) || limit.Buffer != "Send" || limit.Held <= limit.Limit {
		t.Errorf("error %v", err)
	}
	if most > limit.Limit || most < limit.Limit/2 {
		t.Errorf("%d bytes were queued at most, the limit is %d", most, limit.Limit)
	}
	flooded.want(t, eventList(flooded.events[:len(flooded.events)-2])+" ERROR CLOSE")
	bystander.feed(bystander.data("hello"), 1<<20)
	if all := bystander.until(5, 0); string(all.data) != "hello" {
		t.Errorf("the other connection echoes %q", all.data)
	}
}

// A record of full size, cut anywhere, behind rests of any size in Recv.
func TestTLSLargeRecordsInPieces(t *testing.T) {
	const full, sealedFull = 16 << 10, 5 + 16<<10 + 1 + 16
	const readSize = 48 << 10
	for _, role := range []string{"server", "client"} {
		t.Run(role, func(t *testing.T) {
			m := newManager(t)
			keep, r := 0, &recorder{}
			r.on = hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
				if n := c.Recv.Len() - keep; n > 0 {
					r.got = append(r.got, c.Recv.Bytes()[:n]...)
					c.Recv.Consume(n)
				}
			}}
			h := startHand(t, m, role, r.handle)
			var sent []byte
			msg := noise(full)
			for i, cut := range []int{1, 2, 4, 5, 6, 7, 21, 22, 23, 512, 1024, 4096, full - 1, full, full + 1, full + 4, full + 5, full + 6, full + 20, sealedFull - 1} {
				keep = []int{0, 1, 100, full - 1, full, full + 1, 100_000}[i%7]
				msg[0]++
				record := h.say.Seal(looptest.RecordData, msg, 0)
				h.feed(record[:cut], 1<<20)
				h.feed(record[cut:], 1<<20)
				sent = append(sent, msg...)
			}
			for _, cut := range []int{readSize - 1, readSize, readSize + 1, 2 * readSize, 1 << 20} { // several records in one write
				stream := times(10, func() []byte {
					msg[0]++
					sent = append(sent, msg...)
					return h.say.Seal(looptest.RecordData, msg, 0)
				})
				h.feed(stream, cut)
			}
			for keep = 17_000; keep < 70_000; keep += 1000 { // what is decrypted does not fit into Recv at once
				h.feed(times(4, func() []byte {
					sent = append(sent, msg[:10_000]...)
					return h.say.Seal(looptest.RecordData, msg[:10_000], 0)
				}), 1<<20)
				await(t, m, "all of it but the rest", func() bool { return len(r.got) >= len(sent)-keep })
			}
			keep = 0
			h.feed(h.data("."), 1<<20)
			await(t, m, "all of it", func() bool { return len(r.got) > len(sent) })
			if !bytes.Equal(r.got, append(sent, '.')) || len(r.errs) > 0 {
				t.Errorf("%d bytes arrived, %d were sent; errors %v", len(r.got), len(sent)+1, r.errs)
			}
		})
	}
}
