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

// verdict is the result of reading a stream.
type verdict struct {
	events  []string // messages and control frames, as lines of recorder
	refused bool
}

// FuzzDifferential gives the same bytes to our layer and to the reader of gobwas/ws. Both
// must find the same messages and refuse the same streams. The comments of shortest,
// closable and late list the intended differences.
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
		if len(in) > 32<<10 { // several pings in a longer input may get one pong
			return
		}
		r := asClient
		if server {
			r = asServer
		}
		ours := readOurs(t, m, r, in)
		theirs := readGobwas(r, in)
		if ours.refused && !theirs.refused && theirs.late() {
			theirs.refused = true
		}
		if ours.refused != theirs.refused || !slices.Equal(ours.events, theirs.events) {
			t.Fatalf("as %s, % x\n  our layer: %q, refused: %v\ngobwas/ws: %q, refused: %v",
				r, in, ours.events, ours.refused, theirs.events, theirs.refused)
		}
	})
}

// readOurs reads the stream with our layer.
func readOurs(t *testing.T, m *reactor.Manager, r role, in []byte) verdict {
	log, _ := process(t, m, r, bytes.Clone(in))
	if i := slices.Index(log, "ERROR"); i >= 0 {
		return verdict{log[:i], true}
	}
	return verdict{log, false}
}

// gobwasReader reads a stream with wsutil.Reader.
type gobwasReader struct {
	verdict
	in      []byte
	rest    []byte // the part of in from the last frame on
	src     *bytes.Reader
	rd      wsutil.Reader
	role    role
	op      gobwas.OpCode // type of the message
	message []byte        // payload of the message so far
	cut     []byte        // payload of an incomplete Close frame so far
	cutSize int64         // size of that payload; 0: there is no such frame
}

var errLonger = errors.New("length not in its shortest form")

// readGobwas reads the stream with gobwas/ws.
func readGobwas(r role, in []byte) *gobwasReader {
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

// frame reads a frame. If it is the last one of a message, it records the message.
func (g *gobwasReader) frame() error {
	fragmented := g.rd.State.Fragmented()
	h, err := g.rd.NextFrame()
	switch {
	case err != nil || h.OpCode.IsControl() && fragmented: // OnIntermediate has handled it
		return err
	case h.OpCode.IsControl():
		return g.control(h, &g.rd)
	case !fragmented:
		g.op, g.message = h.OpCode, nil
	}
	if err := g.shortest(h); err != nil {
		return err
	}
	p := make([]byte, min(h.Length, int64(g.src.Len()))) // the rest may be missing
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
		g.events = append(g.events, msg(ws.OpName(g.op), string(g.message)))
	}
	return nil
}

// shortest refuses a length that is not in its shortest form [RFC 6455 5.2]. gobwas/ws
// accepts it.
func (g *gobwasReader) shortest(h gobwas.Header) error {
	if l := g.rest[1] & 0x7f; l == 126 && h.Length < 126 || l == 127 && h.Length < 65536 {
		return errLonger
	}
	return nil
}

// control gives a control frame to the handler of gobwas/ws.
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
		g.events = append(g.events, rec.Lines...)
	}
	return err
}

// closable replaces codes about which gobwas/ws decides differently. It accepts 5000 and
// above, which are in no range of [RFC 6455 7.4.2]. It refuses 1012 to 1014, which IANA has
// registered since then [RFC 6455 11.7].
func closable(code gobwas.StatusCode, reason string, p []byte) string {
	switch {
	case code >= 5000:
		return closePayload(999, reason)
	case code >= 1012 && code <= 1014:
		return closePayload(1000, reason)
	}
	return string(p)
}

// late reports whether gobwas/ws must refuse the stream later, whatever follows. gobwas/ws
// checks a header when it is complete, and a Close frame when its payload is complete. Our
// layer refuses both at the byte that proves the violation.
func (g *gobwasReader) late() bool {
	if len(g.rest) == 0 {
		return false
	}
	if more := legalEnd(g.rest, g.role); len(more) > 0 {
		g = readGobwas(g.role, append(bytes.Clone(g.in), more...))
	}
	return g.refused || g.cannotBeValid()
}

// legalEnd returns bytes that complete the header at the beginning of b. They cause no
// violation if possible. The payload is missing.
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

// cannotBeValid reports whether no further bytes can make the incomplete Close frame valid.
func (g *gobwasReader) cannotBeValid() bool {
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
