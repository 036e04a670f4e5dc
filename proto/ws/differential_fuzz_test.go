package ws_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	gobwas "github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// verdict is what a reader made of a stream.
type verdict struct {
	events  []string // messages and control frames, as recorder has them
	refused bool
}

// FuzzDifferential offers the same bytes to our layer and to gobwas's reader,
// which must hear the same and refuse the same. Where they differ by intent the
// comments of other and late say so.
func FuzzDifferential(f *testing.F) {
	for _, rule := range conformance() {
		for _, t := range rule.rows {
			c, ok := t.(row)
			if !ok || c.first != nil || c.opts != nil || c.big {
				continue
			}
			for _, r := range c.sides() {
				in, after := c.bytes(r)
				if len(in) < 2000 {
					f.Add([]byte(in), r == asServer)
				}
				if len(in)+len(after) < 2000 {
					f.Add([]byte(in+after), r == asServer)
				}
			}
		}
	}
	m := fuzzManager(f)
	f.Fuzz(func(t *testing.T, in []byte, server bool) {
		if len(in) > 32<<10 { // more pings than that may share a pong
			return
		}
		r := asClient
		if server {
			r = asServer
		}
		ours := own(t, m, r, in)
		theirs := other(r, in)
		if ours.refused && !theirs.refused && theirs.late() {
			theirs.refused = true
		}
		if ours.refused != theirs.refused || !slices.Equal(ours.events, theirs.events) {
			t.Fatalf("as %s, % x\n  our layer: %q, refused: %v\ngobwas/ws: %q, refused: %v",
				r, in, ours.events, ours.refused, theirs.events, theirs.refused)
		}
	})
}

func own(t *testing.T, m *reactor.Manager, r role, in []byte) verdict {
	log, _ := offered(t, m, r, bytes.Clone(in))
	if i := slices.Index(log, "ERROR"); i >= 0 {
		return verdict{log[:i], true}
	}
	return verdict{log, false}
}

// gobwasReader reads a stream with gobwas's Reader.
type gobwasReader struct {
	verdict
	in      []byte
	rest    []byte // of in, from the last frame on
	src     *bytes.Reader
	rd      wsutil.Reader
	role    role
	op      gobwas.OpCode // of the message
	message []byte        // its payload up to here
	cut     []byte        // what there is of the payload of a Close frame that is not complete
	cutSize int64         // what there should be; 0: there is no such frame
}

var errLonger = errors.New("length not in its shortest form")

func other(r role, in []byte) *gobwasReader {
	g := &gobwasReader{in: in, src: bytes.NewReader(in), role: r}
	state := gobwas.StateServerSide
	if r == asClient {
		state = gobwas.StateClientSide
	}
	g.rd = wsutil.Reader{Source: g.src, State: state, CheckUTF8: true, MaxMessageSize: ws.DefaultMaxMessage, OnIntermediate: g.control}
	var err error
	for err == nil {
		g.rest = in[len(in)-g.src.Len():]
		err = g.frame()
	}
	g.refused = !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.As(err, new(wsutil.ClosedError))
	return g
}

// frame reads a frame, and hears the message if it is the last of one.
func (g *gobwasReader) frame() error {
	fragmented := g.rd.State.Fragmented()
	h, err := g.rd.NextFrame()
	switch {
	case err != nil || h.OpCode.IsControl() && fragmented: // OnIntermediate has seen it
		return err
	case h.OpCode.IsControl():
		return g.control(h, &g.rd)
	case !fragmented:
		g.op, g.message = h.OpCode, nil
	}
	if err := g.shortest(h); err != nil {
		return err
	}
	p := make([]byte, min(h.Length, int64(g.src.Len()))) // more need not have come
	n := 0
	for first := true; first || n < len(p) && err == nil; first = false {
		var k int
		k, err = g.rd.Read(p[n:])
		n += k
	}
	switch {
	case err != nil && err != io.EOF:
		return err
	case int64(n) < h.Length:
		return io.ErrUnexpectedEOF
	}
	if g.message = append(g.message, p...); h.Fin {
		g.events = append(g.events, msg(ws.OpCode(g.op).String(), string(g.message)))
	}
	return nil
}

// shortest: gobwas takes lengths in longer forms than they need; the shortest
// must be used [RFC 6455 5.2].
func (g *gobwasReader) shortest(h gobwas.Header) error {
	if l := g.rest[1] & 0x7f; l == 126 && h.Length < 126 || l == 127 && h.Length < 65536 {
		return errLonger
	}
	return nil
}

// control has gobwas's handler look at a control frame.
func (g *gobwasReader) control(h gobwas.Header, r io.Reader) error {
	if err := g.shortest(h); err != nil {
		return err
	}
	p := make([]byte, h.Length)
	if n, _ := io.ReadFull(r, p); n < len(p) {
		if h.OpCode == gobwas.OpClose {
			g.cut, g.cutSize = p[:n], h.Length
		}
		return io.ErrUnexpectedEOF
	}
	judged := p
	if code, reason := gobwas.ParseCloseFrameData(p); h.OpCode == gobwas.OpClose {
		judged = []byte(closable(code, reason, p))
	}
	err := wsutil.ControlHandler{Src: bytes.NewReader(judged), Dst: io.Discard, State: g.rd.State, DisableSrcCiphering: true}.Handle(h)
	if err == nil || errors.As(err, new(wsutil.ClosedError)) {
		rec := new(recorder)
		rec.handle(nil, reactor.EvWSCtl, &ws.Message{Op: ws.OpCode(h.OpCode), Data: p})
		g.events = append(g.events, rec.log...)
	}
	return err
}

// closable puts codes on which gobwas judges otherwise into its words. It takes
// those from 5000 on, which are in no range of [RFC 6455 7.4.2], and refuses
// 1012 to 1014, which IANA has registered since [RFC 6455 11.7].
func closable(code gobwas.StatusCode, reason string, p []byte) string {
	switch {
	case code >= 5000:
		return closing(999, reason)
	case code >= 1012 && code <= 1014:
		return closing(1000, reason)
	}
	return string(p)
}

// late reports whether gobwas would have to refuse whatever follows: it judges a
// header when that is complete and a Close frame when its payload is, and we
// at the byte that proves it.
func (g *gobwasReader) late() bool {
	if len(g.rest) == 0 {
		return false
	}
	if more := legalEnd(g.rest, g.role); len(more) > 0 {
		g = other(g.role, append(bytes.Clone(g.in), more...))
	}
	return g.refused || g.doomed()
}

// legalEnd completes the header at the beginning of b, as legally as can be, for
// a payload that is not there.
func legalEnd(b []byte, r role) (more []byte) {
	if len(b) == 1 {
		more = append(more, 2|maskBit(r == asServer))
	}
	h := append(bytes.Clone(b), more...)
	extended := map[byte]string{126: "\x01\xff", 127: "\x00\x00\x00\x00\x00\x01\x00\x00"}[h[1]&0x7f]
	if h[1]&0x80 != 0 {
		extended += "\x00\x00\x00\x00"
	}
	return append(more, extended[min(len(h)-2, len(extended)):]...)
}

// doomed reports whether no end makes the Close frame that was cut a good one.
func (g *gobwasReader) doomed() bool {
	if g.cutSize == 1 {
		return true
	}
	bad := func(p []byte) bool {
		code, _ := gobwas.ParseCloseFrameData(p)
		code, _ = gobwas.ParseCloseFrameData([]byte(closable(code, "", p[:2])))
		return gobwas.CheckCloseFrameData(code, "") != nil
	}
	switch len(g.cut) {
	case 0:
		return false
	case 1:
		for low := range 256 {
			if !bad([]byte{g.cut[0], byte(low)}) {
				return false
			}
		}
		return true
	}
	return bad(g.cut) || !completable(string(g.cut[2:]))
}
