package ws_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// A peer that sends pings and reads nothing does not make pongs pile up: once
// it reads, the last of its pings is answered [RFC 6455 5.5.3].
func TestPongsOfWhoDoesNotRead(t *testing.T) {
	const total, most = 64 << 20, 256 << 10
	eachRole(t, func(t *testing.T, w *world, r role) {
		e := w.open(r, nil)
		filler := strings.Repeat(e.frame(fin|ping, strings.Repeat("p", 125)), 500)
		pour(t, e, filler, total/len(filler), most)
		pour(t, e, e.frame(fin|ping, "the last"), 1, most)
		pongs, last := 0, ""
		var in []byte
		await(t, w.m, "the last pong", func() bool {
			in, _, _ = looptest.Read(e.p.fd, in)
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
		if e.c.Send.Len() > 0 {
			t.Errorf("%d bytes are still to be sent", e.c.Send.Len())
		}
		e.rec.read, e.rec.log, e.fed = 0, nil, 0
		e.feed(e.frame(fin|ping, "another")) // the peer reads again, and is answered at once
		e.p.in = nil
		e.wantSent(`pong "another"`)
	})
}

// pour has the peer write s several times, without reading, while the loop
// runs, and bounds what waits to be sent.
func pour(t *testing.T, e *end, s string, times, most int) {
	t.Helper()
	read := 0
	defer func(fn reactor.Handler) { e.c.Fn = fn }(e.c.Fn)
	e.c.Fn = func(_ *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvRead {
			read += *data.(*int)
		}
	}
	for range times {
		for rest := []byte(s); len(rest) > 0; {
			n, err := unix.Write(e.p.fd, rest)
			if err != nil && err != unix.EAGAIN {
				t.Fatal(err)
			}
			rest = rest[max(n, 0):]
			looptest.Spin(t, e.m, 1)
			if n := e.c.Send.Len(); n > most {
				t.Fatalf("%d bytes wait in Send", n)
			}
		}
	}
	await(t, e.m, "the peer's bytes", func() bool { return read == times*len(s) })
}

// takeFrame returns the length and the payload of the short frame at the
// beginning of b; 0 means that it is not complete.
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
