package ws_test

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// eachRole runs a test for both.
func eachRole(t *testing.T, f func(t *testing.T, w *world, r role)) {
	for _, r := range roles {
		t.Run(string(r), func(t *testing.T) { f(t, newWorld(t), r) })
	}
}

// Payloads around the borders of the length's three forms arrive as they are.
func TestMessageSizes(t *testing.T) {
	eachRole(t, func(t *testing.T, w *world, r role) {
		e := w.open(r, nil)
		for _, n := range []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 124, 125, 126, 127, 128, 255, 256, 65534, 65535, 65536, 65537, 200_000} {
			payload := strings.Repeat("0123456789abcdef", n/16+1)[:n]
			f := e.frame(fin|bin, payload)
			for len(f) > 0 { // no more at once than the socket takes while nobody reads
				k := min(len(f), 30_000)
				e.feed(f[:k])
				f = f[k:]
			}
			e.rec.want(t, "MSG binary "+brief(payload))
		}
	})
}

func TestFragments(t *testing.T) {
	eachRole(t, func(t *testing.T, w *world, r role) {
		e := w.open(r, nil)
		f := e.frame
		for _, tt := range []struct{ name, in, want string }{
			{"5.4 one fragment and nothing", f(text, "a") + f(fin|cont, ""), `MSG text "a"`},
			{"5.4 nothing at all", f(bin, "") + f(cont, "") + f(fin|cont, ""), `MSG binary ""`},
			{"5.4 many", f(bin, "") + strings.Repeat(f(cont, "z"), 30) + f(fin|cont, "!"), `MSG binary "` + strings.Repeat("z", 30) + `!"`},
			{"8.1 a rune in two fragments", f(text, "\xe2\x82") + f(fin|cont, "\xac"), `MSG text "€"`},
			{"5.4 the next message is a new one", f(fin|text, "b"), `MSG text "b"`},
			{"8.1 binary need not be UTF-8", f(bin, "\xff") + f(fin|cont, "\xfe"), `MSG binary "\xff\xfe"`},
		} {
			e.feed(tt.in)
			if len(e.rec.log) != 1 || e.rec.log[0] != tt.want {
				t.Fatalf("%s: %v, want %s", tt.name, e.rec.log, tt.want)
			}
			e.rec.log = nil
		}
	})
}

// Slices of events are the handler's until it returns, and end where the
// message does.
func TestMessageDataMayBeChanged(t *testing.T) {
	eachRole(t, func(t *testing.T, w *world, r role) {
		e := w.open(r, func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev == reactor.EvWSMsg || ev == reactor.EvWSCtl {
				m := data.(*ws.Message)
				clear(m.Data)
				m.Data = append(m.Data, "XXXXXXXXXXXXXXXXXXXXXX"...)
			}
		})
		e.feed(e.frame(fin|text, "abc") + e.frame(fin|ping, "def") + e.frame(bin, "g") + e.frame(cont, "h") + e.frame(fin|cont, "i") + e.frame(fin|text, "jkl"))
		e.rec.want(t, `MSG text "abc"`, `CTL ping "def"`, `MSG binary "ghi"`, `MSG text "jkl"`)
		e.wantSent(`pong "def"`)
	})
}

func TestPing(t *testing.T) {
	eachRole(t, func(t *testing.T, w *world, r role) {
		e := w.open(r, nil)
		full := strings.Repeat("p", 125)
		e.feed(e.frame(fin|ping, "") + e.frame(fin|pong, "unasked") + e.frame(fin|ping, full))
		e.rec.want(t, `CTL ping ""`, `CTL pong "unasked"`, "CTL ping "+brief(full))
		e.wantSent(`pong ""`, "pong "+brief(full)) // [RFC 6455 5.5.2, 5.5.3]
	})
}

// A message is as long as all its fragments; what is too long is refused with
// its header, before it is there; control frames do not count.
func TestLimit(t *testing.T) {
	long := "\x00\x01" // 65,537 bytes
	for _, tt := range []struct {
		name, want string
		limit      int
		in         func(f func(byte, string) string, masked bool) string
	}{
		{"at the limit", `MSG text "0123456789"`, 10, frames(fin|text, "0123456789")},
		{"beyond", "", 10, header(fin|text, 11, "")},
		{"far beyond", "", 10, header(fin|bin, 127, "\x00\x00\x00\x00\x00\x01\x00\x00")},
		{"fragments at the limit", `MSG text "0123456789"`, 10, frames(text, "01234", cont, "", fin|cont, "56789")},
		{"fragments beyond", "", 10, func(f func(byte, string) string, masked bool) string {
			return f(text, "01234") + header(fin|cont, 6, "")(f, masked)
		}},
		{"control frames", `CTL ping "0123456789AB"`, 10, frames(text, "01234567", fin|ping, "0123456789AB")},
		{"default", "", 0, header(fin|bin, 127, "\x00\x00\x00\x00\x01\x00\x00\x01")},
		{"other", "", 65536, header(fin|bin, 127, "\x00\x00\x00\x00\x00\x01"+long)},
	} {
		eachRole(t, func(t *testing.T, w *world, r role) {
			e := w.open(r, nil)
			limit := ws.DefaultMaxMessage
			if tt.limit > 0 {
				limit = tt.limit
				must(t, ws.SetLimits(e.c, ws.Limits{Message: limit}))
			}
			in := tt.in(e.frame, r == asServer)
			if tt.want != "" {
				e.feed(in)
				e.rec.want(t, tt.want)
				return
			}
			if r == asServer {
				in += "\x00\x00\x00\x00" // the key ends the header
			}
			e.feed(in)
			e.wantRefused(ws.CloseTooLarge, "message", strconv.Itoa(limit))
		})
	}
}

// The error of a cut fragmented message is a different one.
func TestCutBetweenFragments(t *testing.T) {
	eachRole(t, func(t *testing.T, w *world, r role) {
		e := w.open(r, nil)
		e.feed(e.frame(text, "a") + e.frame(fin|ping, ""))
		e.p.shutdown()
		e.ends()
		e.rec.want(t, `CTL ping ""`, "ERROR", "CLOSE")
		contains(t, e.rec.err, "fragmented message")
		if !errors.Is(e.rec.err, io.ErrUnexpectedEOF) {
			t.Errorf("error is %v", e.rec.err)
		}
	})
}
