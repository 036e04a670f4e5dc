package ws_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// TestPing: each ping gets a pong with its payload [RFC 6455 5.5.2, 5.5.3].
func TestPing(t *testing.T) {
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		tc := env.open(r, nil)
		full := strings.Repeat("p", 125)
		tc.peerSends(tc.frame(fin|ping, "") + tc.frame(fin|pong, "unasked") + tc.frame(fin|ping, full))
		tc.events.WantLines(t, `CTL ping ""`, `CTL pong "unasked"`, "CTL ping "+brief(full))
		tc.wantSent(`pong ""`, "pong "+brief(full)) // [RFC 6455 5.5.2, 5.5.3]
	})
}

// TestPongsToPeerThatDoesNotRead: pongs to a peer that sends pings and reads nothing do not
// pile up. When it reads again, it gets the answer to its last ping [RFC 6455 5.5.3].
func TestPongsToPeerThatDoesNotRead(t *testing.T) {
	const total, most = 4 << 20, 256 << 10 // much more than the sockets and Send hold
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		tc := env.open(r, nil)
		tc.narrowBuffers()
		filler := strings.Repeat(tc.frame(fin|ping, strings.Repeat("p", 125)), 500)
		pour(t, tc, filler, total/len(filler), most)
		pour(t, tc, tc.frame(fin|ping, "the last"), 1, most)
		pongs, last := 0, ""
		var in []byte
		await(t, env.manager, "the last pong", func() bool {
			in, _, _ = looptest.Read(tc.peer.FD, in)
			for n, payload := 0, ""; ; pongs, last = pongs+1, payload {
				if n, payload = takeFrame(t, in, fin|pong, r == asClient); n == 0 {
					break
				}
				in = in[n:]
			}
			return last == "the last"
		})
		if pongs < 2 || pongs > total/131/2 {
			t.Errorf("%d pongs", pongs)
		}
		if tc.conn.Send.Len() > 0 {
			t.Errorf("%d bytes are still to be sent", tc.conn.Send.Len())
		}
		tc.events.Read, tc.events.Lines, tc.bytesSent = 0, nil, 0
		tc.peerSends(tc.frame(fin|ping, "another")) // the peer has read everything and gets its pong at once
		tc.peer.In = nil
		tc.wantSent(`pong "another"`)
	})
}

// pour lets the peer write s several times without reading. It fails the test if more than most
// bytes wait in Send.
func pour(t *testing.T, tc *testConn, s string, times, most int) {
	t.Helper()
	read := 0
	defer func(fn reactor.Handler) { tc.conn.Fn = fn }(tc.conn.Fn)
	tc.conn.Fn = func(_ *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvRead {
			read += *data.(*int)
		}
	}
	for range times {
		for rest := []byte(s); len(rest) > 0; {
			n, err := unix.Write(tc.peer.FD, rest)
			if err != nil && err != unix.EAGAIN {
				t.Fatal(err)
			}
			rest = rest[max(n, 0):]
			looptest.Spin(t, tc.manager, 1)
			if n := tc.conn.Send.Len(); n > most {
				t.Fatalf("%d bytes wait in Send", n)
			}
		}
	}
	await(t, tc.manager, "the peer's bytes", func() bool { return read == times*len(s) })
}

// takeFrame returns the length and the payload of the short frame at the beginning of b. The
// length is 0 if the frame is not complete.
func takeFrame(t *testing.T, b []byte, first byte, masked bool) (int, string) {
	t.Helper()
	size := 2
	if masked {
		size += 4
	}
	if len(b) < size || len(b) < size+int(b[1]&0x7f) {
		return 0, ""
	}
	n := size + int(b[1]&0x7f)
	if b[0] != first || b[1]&0x80 != 0 != masked || n > size+125 {
		t.Fatalf("frame begins with % x", b[:2])
	}
	p := bytes.Clone(b[size:n])
	for i := range p {
		if masked {
			p[i] ^= b[2+i%4]
		}
	}
	return n, string(p)
}

// TestPongsCountForSendLimit: pongs count for the limit of Send. A peer that sends pings and
// reads nothing cannot make us store more.
func TestPongsCountForSendLimit(t *testing.T) {
	for _, r := range roles {
		t.Run(string(r), func(t *testing.T) {
			tc := newEnv(t).open(r, nil)
			tc.fillSockets()
			tc.conn.Send.Truncate(1000)
			const limit = 1100
			must(t, tc.conn.SetLimits(reactor.Limits{Send: limit}))
			for i := 0; i < 50 && tc.events.LastErr() == nil; i++ {
				f := tc.frame(fin|ping, fmt.Sprint("ping ", i))
				tc.peer.WriteIfOpen(f)
				tc.bytesSent += len(f)
				await(t, tc.manager, "the ping", func() bool { return tc.events.Read >= tc.bytesSent || tc.events.LastErr() != nil })
				if n := tc.conn.Send.Len(); n > limit {
					t.Fatalf("%d bytes in Send, the limit is %d", n, limit)
				}
			}
			var l *reactor.LimitError
			if !errors.As(tc.events.LastErr(), &l) || l.Buffer != "Send" || l.Limit != limit {
				t.Errorf("%v, want the limit of Send", tc.events.LastErr())
			}
		})
	}
}

// TestPongsAboveHighWater: pongs are sent above the high-water mark too.
func TestPongsAboveHighWater(t *testing.T) {
	for _, r := range roles {
		want := buildFrame(fin|pong, r == asClient, -1, "ping")
		var tail []byte // of Send, when the ping is delivered
		tc := newEnv(t).open(r, func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvWSCtl && len(tail) == 0 {
				tail = append(tail, c.Send.Bytes()[max(1, c.Send.Len()-len(want)):]...)
			}
		})
		tc.conn.SetWater(0, 1)
		must(t, tc.conn.SetLimits(reactor.Limits{Backpressure: -1})) // no limit, so input continues
		tc.backlog()
		tc.peerSends(tc.frame(fin|ping, "ping"))
		if len(tail) != len(want) || string(tail[:2]) != want[:2] { // the rest may be masked
			t.Errorf("%s: Send ends with % x, want % x", r, tail, want)
		}
		tc.closeBoth()
	}
}
