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

// The conformance suite has the requirements of RFC 6455 and RFC 7692 as rules. Each rule
// has rows, which are its test cases. docs/conformance.md lists them.

// rule is one requirement and the rows that test it.
type rule struct {
	section string // "7.1" of RFC 6455, "7692 7.1" of RFC 7692
	says    string // the requirement in one or two sentences
	rows    []tester
}

// tester is a row of any type. No two rows have the same title.
type tester interface {
	title() string
	sides() []role
	run(t *testing.T, env *testEnv, r role)
}

// conformance returns the whole suite.
var conformance = sync.OnceValue(func() []rule {
	return slices.Concat(clientRules(), serverRules(), framingRules(), fragmentRules(), controlRules(),
		closeRules(), endRules(), textRules(), limitRules(), deliveryRules(), sendingRules(), fragmentedSendingRules(),
		deflateOfferRules(), deflateMessageRules(), deflateSendingRules(), windowRules())
})

// Every row of the suite passes, for each of its roles.
func TestConformance(t *testing.T) {
	env := newEnv(t)
	for _, rule := range conformance() {
		for _, row := range rule.rows {
			for _, r := range row.sides() {
				t.Run(fmt.Sprintf("%s %s as %s", rule.section, row.title(), r), func(t *testing.T) {
					env.TB = t
					row.run(t, env, r)
				})
			}
		}
	}
}

// row is an input for an open connection, with the events and the frames that must follow.
//
// If the input has a violation, it ends with the first byte that proves it. With one byte
// less the connection must not fail. Bytes after the input must change nothing.
type row struct {
	name   string
	only   role               // the role under test; "": both
	first  func(tc *testConn) // our action before the input
	in     []part             // the bytes that the peer sends
	at     int                // the input ends after this number of bytes of the last part; 0: after all
	of     int                // the same in bytes of payload, for a last part with a 7-bit length
	early  int                // the violation may be found this number of bytes earlier
	after  []part             // bytes after the input
	events []string           // the events, without ERROR and CLOSE
	sends  []string           // the frames that we send; nil: echoes, pongs and Close frames that follow from hears and code
	code   ws.StatusCode      // of the violation; 0: there is none
	fate   fate               // how the connection ends without a violation
	opts   *ws.Options        // of our side; nil: the defaults
	ext    string             // the agreed extensions
	big    bool               // the input is so large that it is sent once
}

// fate is how a connection without a violation ends.
type fate uint8

const (
	stays  fate = iota // it stays open
	closes             // both sides send a Close frame
	leaves             // the peer ends the stream after the input, which is not an error
	breaks             // the peer ends the stream after the input, which is an error
)

func (c row) title() string { return c.name }

func (c row) sides() []role { return sidesOf(c.only) }

// sidesOf returns the roles under test.
func sidesOf(only role) []role {
	if only != "" {
		return []role{only}
	}
	return roles
}

// bytes returns the input and the bytes after it.
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

// run sends the input in several ways, each on a new connection.
func (c row) run(t *testing.T, env *testEnv, r role) {
	in, after := c.bytes(r)
	c.play(t, env, r, "whole", []string{in, after}, len(in), nil)
	if c.big {
		return
	}
	c.play(t, env, r, "byte by byte", append(bytewise(in), after), len(in), nil)
	good, before := "", []string(nil)
	if c.first == nil {
		good, before = fr(fin|text, "good")(r), []string{`MSG text "good"`}
	}
	pieces := cutTwice(c.name+string(r), in+after)
	pieces[0] = good + pieces[0]
	c.play(t, env, r, "after a message and cut", pieces, len(good)+len(in), before)
}

// cutTwice cuts s at two places. The name decides where.
func cutTwice(name, s string) []string {
	if s == "" {
		return []string{s}
	}
	h := fnv.New64a()
	io.WriteString(h, name)
	rnd := rand.New(rand.NewPCG(h.Sum64(), 6455))
	i, j := rnd.IntN(len(s)), rnd.IntN(len(s))
	i, j = min(i, j), max(i, j)
	return []string{s[:i], s[i:j], s[j:]}
}

// bytewise cuts a stream into single bytes. The middle of a long stream stays in larger
// pieces.
func bytewise(s string) []string {
	const edge = 150
	if len(s) <= 4*edge {
		return strings.Split(s, "")
	}
	pieces := strings.Split(s[:edge], "")
	for s = s[edge:]; len(s) > edge; {
		n := min(len(s)-edge, 4099)
		pieces, s = append(pieces, s[:n]), s[n:]
	}
	return append(pieces, strings.Split(s, "")...)
}

// play sends pieces on a new connection. It checks events, frames and the end. decided is
// the length of the input, before has the events of a message in front of it.
func (c row) play(t *testing.T, env *testEnv, r role, how string, pieces []string, decided int, before []string) {
	t.Helper()
	tc := env.openWith(r, c.opts, c.ext, echoing)
	if c.first != nil {
		c.first(tc)
	}
	fed := 0
	for _, s := range pieces {
		for ; len(s) > 30_000; s = s[30_000:] { // the socket takes no more while the loop does not read
			tc.peerSends(s[:30_000])
			fed += 30_000
		}
		tc.peerSends(s)
		fed += len(s)
		switch {
		case tc.events.LastErr() != nil && fed < decided-c.early:
			t.Fatalf("%s: refused after %d bytes, want %d: %v", how, fed, decided, tc.events.LastErr())
		case tc.events.LastErr() == nil && fed >= decided && c.code != 0:
			t.Fatalf("%s: not refused after %d bytes, want %d; events %v", how, fed, decided, tc.events.Lines)
		}
	}
	hears := slices.Concat(before, c.events)
	sends := c.sends
	if sends == nil {
		sends = answers(hears, c.code)
	}
	tc.gets(how, sends)
	wantLines(t, how+": events", tc.events.Lines, append(hears, tc.finish(how, c)...))
}

// finish ends the connection as the row says. It returns the events of the end.
func (tc *testConn) finish(how string, c row) []string {
	tc.Helper()
	switch {
	case c.code != 0:
		var pe *ws.ProtocolError
		if !errors.As(tc.events.LastErr(), &pe) || pe.Code != c.code {
			tc.Fatalf("%s: EvError has %v (%T), want code %d", how, tc.events.LastErr(), tc.events.LastErr(), c.code)
		}
		tc.awaitEnd()
		return []string{"ERROR", "CLOSE"}
	case c.fate == closes:
		if tc.role == asClient { // the server ends the stream first [RFC 6455 7.1.1]
			tc.peer.Shutdown()
		}
		tc.awaitEnd()
		return []string{"CLOSE"}
	case c.fate == leaves, c.fate == breaks:
		tc.peer.Shutdown()
		tc.awaitEnd()
		if c.fate == leaves {
			return []string{"CLOSE"}
		}
		if !errors.Is(tc.events.LastErr(), io.ErrUnexpectedEOF) {
			tc.Fatalf("%s: EvError has %v, want io.ErrUnexpectedEOF", how, tc.events.LastErr())
		}
		return []string{"ERROR", "CLOSE"}
	}
	if tc.peer.Ended() || tc.events.Closed() {
		tc.Fatalf("%s: the connection is closed, want it open: %v", how, tc.events.LastErr())
	}
	log := tc.events.Lines
	tc.closeBoth()
	return tc.events.Lines[len(log):]
}

// gets waits until the peer has received these frames. The test fails if it receives
// others.
func (tc *testConn) gets(how string, frames []string) {
	tc.Helper()
	await(tc, tc.manager, how+": "+strings.Join(frames, " | "), func() bool {
		tc.peer.Receive()
		return count(tc.peer.In) >= len(frames) || tc.peer.Ended()
	})
	wantLines(tc, how+": frames sent", tc.sent(), frames)
}

// answers returns the frames that we send after these events.
func answers(hears []string, code ws.StatusCode) (frames []string) {
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

// echoing sends messages back. After our Close frame it sends nothing.
func echoing(c *reactor.Conn, ev reactor.Event, data any) {
	if ev == reactor.EvWSMsg {
		m := data.(*ws.Message)
		if err := ws.Send(c, m.Data, m.Op); err != nil && !errors.Is(err, ws.ErrCloseSent) {
			c.Fail(err)
		}
	}
}
