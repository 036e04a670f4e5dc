package ws_test

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// The conformance suite: what RFC 6455 and RFC 7692 demand, one row per case. The rows are
// written from their text, and docs/conformance.md lists them.

// rule is one demand of the RFC, and the rows that test it.
type rule struct {
	section string // of RFC 6455 unless it names another
	says    string // in our words
	rows    []tester
}

// tester is a row of whatever kind. Names are unique.
type tester interface {
	title() string
	sides() []role
	run(t *testing.T, w *world, r role)
}

// conformance is the whole suite.
var conformance = sync.OnceValue(func() []rule {
	return slices.Concat(clientRules(), serverRules(), framingRules(), fragmentRules(), controlRules(),
		closeRules(), endRules(), textRules(), limitRules(), deliveryRules(), sendingRules(), fragmentedSendingRules(),
		deflateOfferRules(), deflateMessageRules(), deflateSendingRules(), windowRules())
})

func TestConformance(t *testing.T) {
	w := newWorld(t)
	for _, rule := range conformance() {
		for _, row := range rule.rows {
			for _, r := range row.sides() {
				t.Run(fmt.Sprintf("%s %s as %s", rule.section, row.title(), r), func(t *testing.T) {
					w.TB = t
					row.run(t, w, r)
				})
			}
		}
	}
}

// row is what an open connection makes of the bytes that its peer sends.
//
// The input ends with the byte that decides: of a violation the first that
// proves it, else the last of a frame. One byte less must not be refused, and
// nothing that follows changes anything.
type row struct {
	name  string
	only  role         // the role under test; "": both
	first func(e *end) // what we do before
	in    []part       // what the peer sends
	at    int          // bytes of the last part up to the one that decides; 0: all of it
	of    int          // the same, counted in the payload of a last part with a 7-bit length
	early int          // by so many bytes the verdict may come sooner
	after []part       // what follows
	hears []string     // the handler's events but for ERROR and CLOSE
	sends []string     // what the peer gets; nil: what follows from hears and code, every message being echoed
	code  ws.CloseCode // of a violation
	fate  fate         // how it ends otherwise
	opts  *ws.Options  // of our side; nil: the defaults
	ext   string       // the extensions that are agreed
	big   bool         // too large for more than one replay
}

// fate is how a connection ends that no violation ends.
type fate uint8

const (
	stays  fate = iota // open
	closes             // the Close frames were exchanged
	leaves             // the peer ends the stream behind the input, which is no error
	breaks             // it does, and that is one
)

func (c row) title() string { return c.name }

func (c row) sides() []role { return sidesOf(c.only) }

func sidesOf(only role) []role {
	if only != "" {
		return []role{only}
	}
	return roles
}

// bytes returns the input up to the byte that decides, and what follows.
func (c row) bytes(r role) (in, after string) {
	for i, p := range c.in {
		s := p(r)
		at := len(s)
		if i == len(c.in)-1 && c.at+c.of > 0 {
			at = c.at
			if c.of > 0 {
				at = 2 + len(maskOf(r)) + c.of
			}
		}
		in, after = in+s[:at], s[at:]
	}
	for _, p := range c.after {
		after += p(r)
	}
	return in, after
}

func (c row) run(t *testing.T, w *world, r role) {
	in, after := c.bytes(r)
	c.play(t, w, r, "whole", []string{in, after}, len(in), nil)
	if c.big {
		return
	}
	if c.first == nil {
		good := fr(fin|text, "good")(r)
		c.play(t, w, r, "behind a message", []string{good + in + after}, len(good)+len(in), []string{`MSG text "good"`})
	}
	c.play(t, w, r, "byte by byte", append(bytewise(in), after), len(in), nil)
	h := fnv.New64a()
	io.WriteString(h, c.name+string(r))
	rnd := rand.New(rand.NewPCG(h.Sum64(), 6455))
	all := in + after
	for range 2 {
		if n := len(all); n > 1 {
			i := 1 + rnd.IntN(n-1)
			c.play(t, w, r, fmt.Sprintf("cut at %d", i), []string{all[:i], all[i:]}, len(in), nil)
		}
	}
}

// bytewise cuts a stream between all its bytes; of a long one only between those
// at the beginning and at the end.
func bytewise(s string) []string {
	const edge = 300
	if len(s) <= 8*edge {
		return strings.Split(s, "")
	}
	pieces := strings.Split(s[:edge], "")
	for s = s[edge:]; len(s) > edge; {
		n := min(len(s)-edge, 4099)
		pieces, s = append(pieces, s[:n]), s[n:]
	}
	return append(pieces, strings.Split(s, "")...)
}

// play feeds a new connection and looks at what comes of it.
func (c row) play(t *testing.T, w *world, r role, how string, pieces []string, decided int, before []string) {
	t.Helper()
	e := w.openWith(r, c.opts, c.ext, echoing)
	if c.first != nil {
		c.first(e)
	}
	fed := 0
	for _, s := range pieces {
		for ; len(s) > 30_000; s = s[30_000:] { // no more at once than the socket takes while nobody reads
			e.feed(s[:30_000])
			fed += 30_000
		}
		e.feed(s)
		fed += len(s)
		switch {
		case e.rec.err != nil && fed < decided-c.early:
			t.Fatalf("%s: refused after %d bytes, before the %d that prove it: %v", how, fed, decided, e.rec.err)
		case e.rec.err == nil && fed >= decided && c.code != 0:
			t.Fatalf("%s: not refused, although %d bytes of %d prove it; events %v", how, decided, fed, e.rec.log)
		}
	}
	hears := slices.Concat(before, c.hears)
	sends := c.sends
	if sends == nil {
		sends = answers(hears, c.code)
	}
	e.gets(how, sends)
	wantLines(t, how+": events", e.rec.log, append(hears, e.finish(how, c)...))
}

// finish sees the connection to its end, and returns the events of that.
func (e *end) finish(how string, c row) []string {
	e.Helper()
	switch {
	case c.code != 0:
		var pe *ws.ProtocolError
		if !errors.As(e.rec.err, &pe) || pe.Code != c.code {
			e.Fatalf("%s: error is %v (%T), want code %d", how, e.rec.err, e.rec.err, c.code)
		}
		e.ends()
		return []string{"ERROR", "CLOSE"}
	case c.fate == closes:
		if e.role == asClient { // the server ends the stream first [RFC 6455 7.1.1]
			e.p.shutdown()
		}
		e.ends()
		return []string{"CLOSE"}
	case c.fate == leaves, c.fate == breaks:
		e.p.shutdown()
		e.ends()
		if c.fate == leaves {
			return []string{"CLOSE"}
		}
		if !errors.Is(e.rec.err, io.ErrUnexpectedEOF) {
			e.Fatalf("%s: error is %v", how, e.rec.err)
		}
		return []string{"ERROR", "CLOSE"}
	}
	if e.p.ended() || e.rec.closed {
		e.Fatalf("%s: the connection has ended: %v", how, e.rec.err)
	}
	log := e.rec.log
	e.drop()
	return e.rec.log[len(log):]
}

// gets waits until the peer has got these frames, and sees that no other comes.
func (e *end) gets(how string, frames []string) {
	e.Helper()
	await(e, e.m, how+": "+strings.Join(frames, " | "), func() bool {
		e.p.pump()
		return count(e.p.in) >= len(frames) || e.p.eof
	})
	wantLines(e, how+": frames sent", e.sent(), frames)
}

// answers derives what is sent from what was heard.
func answers(hears []string, code ws.CloseCode) (frames []string) {
	for _, h := range hears {
		if msg, ok := strings.CutPrefix(h, "MSG "); ok {
			frames = append(frames, msg)
		} else if payload, ok := strings.CutPrefix(h, "CTL ping "); ok {
			frames = append(frames, "pong "+payload)
		} else if _, ok := strings.CutPrefix(h, "CTL close 1005 "); ok {
			frames = append(frames, `close ""`)
		} else if payload, ok := strings.CutPrefix(h, "CTL close "); ok {
			frames = append(frames, "close "+payload[:4]+` ""`)
		}
	}
	if code != 0 {
		frames = append(frames, fmt.Sprintf(`close %d ""`, code))
	}
	return frames
}

// echoing sends messages back. After our Close frame it cannot.
func echoing(c *reactor.Conn, ev reactor.Event, data any) {
	if ev == reactor.EvWSMsg {
		m := data.(*ws.Message)
		if err := ws.Send(c, m.Data, m.Op); err != nil && !errors.Is(err, ws.ErrCloseSent) {
			c.Fail(err)
		}
	}
}
