package interop

import (
	"bytes"
	"compress/flate"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/gobwas/httphead"
	gobwas "github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
	"github.com/gobwas/ws/wsutil"

	"github.com/rikki-go/rikki/proto/ws"
)

// gobwasPeers returns gobwas/ws without and with compression. It compresses each message
// separately, so neither side may take a context over.
func gobwasPeers() []wsPeer {
	peer := func(deflate string, p wsflate.Parameters) wsPeer {
		return wsPeer{name: "gobwas", deflate: deflate,
			dial: func(url string) (wsEnd, error) {
				d := gobwas.Dialer{Protocols: []string{"other", subprotocol}}
				if deflate != "" {
					d.Extensions = []httphead.Option{p.Option()}
				}
				c, br, hs, err := d.Dial(context.Background(), url)
				if err != nil {
					return nil, err
				}
				e := newGobwas(c, gobwas.StateClientSide, hs)
				if br != nil {
					e.in = io.MultiReader(br, c)
				}
				return e, nil
			},
			listen: func(t *testing.T, serve func(wsEnd)) string {
				return webServer(t, func(w http.ResponseWriter, r *http.Request) {
					up := gobwas.HTTPUpgrader{Protocol: func(s string) bool { return s == subprotocol }}
					if deflate != "" {
						up.Negotiate = (&wsflate.Extension{Parameters: p}).Negotiate
					}
					if c, _, hs, err := up.Upgrade(r, w); err == nil {
						serve(newGobwas(c, gobwas.StateServerSide, hs))
					}
				})
			},
		}
	}
	return []wsPeer{peer("", wsflate.Parameters{}), peer("no takeover", wsflate.DefaultParameters)}
}

type gobwasEnd struct {
	net.Conn
	in      io.Reader
	state   gobwas.State
	hs      gobwas.Handshake
	deflate bool
	last    closeFrame
	pongs   int

	// Making a compressor for each message would take most of the time.
	compressor *flate.Writer
}

func newGobwas(c net.Conn, state gobwas.State, hs gobwas.Handshake) *gobwasEnd {
	c.SetDeadline(time.Now().Add(timeout))
	return &gobwasEnd{Conn: c, in: c, state: state, hs: hs, deflate: len(hs.Extensions) > 0}
}

func (e *gobwasEnd) frame(op gobwas.OpCode, p []byte) error {
	f := gobwas.NewFrame(op, true, bytes.Clone(p))
	if e.deflate && !op.IsControl() {
		var err error
		helper := wsflate.Helper{Compressor: e.compress, Decompressor: decompress}
		if f, err = helper.CompressFrame(f); err != nil {
			return err
		}
	}
	if e.state.ClientSide() {
		f = gobwas.MaskFrameInPlace(f)
	}
	return gobwas.WriteFrame(e, f)
}

// compress returns the compressor, reset to write to w.
func (e *gobwasEnd) compress(w io.Writer) wsflate.Compressor {
	if e.compressor == nil {
		e.compressor, _ = flate.NewWriter(nil, 6)
	}
	e.compressor.Reset(w)
	return e.compressor
}

func decompress(r io.Reader) wsflate.Decompressor { return flate.NewReader(r) }

func (e *gobwasEnd) send(m wsMessage) error { return e.frame(gobwas.OpCode(m.op), m.data) }

func (e *gobwasEnd) sendParts(m wsMessage) error {
	w := wsutil.NewWriter(e, e.state, gobwas.OpCode(m.op))
	if !e.deflate {
		return parts(m.data, func(part []byte, last bool) error {
			w.Write(part)
			if last {
				return w.Flush()
			}
			return w.FlushFragment()
		})
	}
	var state wsflate.MessageState
	state.SetCompressed(true)
	w = wsutil.NewWriterSize(e, e.state|gobwas.StateExtended, gobwas.OpCode(m.op), 1000) // a frame per 1000 bytes
	w.SetExtensions(&state)
	f := wsflate.NewWriter(w, e.compress)
	if _, err := f.Write(m.data); err != nil {
		return err
	}
	if err := f.Flush(); err != nil {
		return err
	}
	return w.Flush()
}

// errClosed reports a Close frame. It is in last.
var errClosed = fmt.Errorf("gobwas: got a Close frame")

func (e *gobwasEnd) receive() (m wsMessage, err error) {
	var state wsflate.MessageState
	r := wsutil.Reader{Source: e.in, State: e.state | gobwas.StateExtended, MaxMessageSize: maxMessage,
		Extensions: []wsutil.RecvExtension{&state}, OnIntermediate: e.control}
	for {
		h, err := r.NextFrame()
		if err != nil {
			return m, err
		}
		if h.OpCode.IsControl() {
			if err := e.control(h, &r); err != nil {
				return m, err
			}
			continue
		}
		m.op = ws.OpCode(h.OpCode)
		if !state.IsCompressed() {
			m.data, err = io.ReadAll(&r)
			return m, err
		}
		m.data, err = io.ReadAll(wsflate.NewReader(&r, decompress))
		return m, err
	}
}

func (e *gobwasEnd) control(h gobwas.Header, r io.Reader) error {
	p := make([]byte, h.Length)
	if _, err := io.ReadFull(r, p); err != nil {
		return err
	}
	switch h.OpCode {
	case gobwas.OpPing:
		return e.frame(gobwas.OpPong, p)
	case gobwas.OpPong:
		if e.pongs++; string(p) != "are you there?" {
			return fmt.Errorf("a pong with %q", p)
		}
	case gobwas.OpClose:
		code, reason := gobwas.ParseCloseFrameData(p)
		e.last = closeFrame{ws.StatusCode(code), reason}
		return errClosed
	}
	return nil
}

func (e *gobwasEnd) ping(turn func() error) error {
	err := e.frame(gobwas.OpPing, []byte("are you there?"))
	for e.pongs == 0 && err == nil {
		err = turn()
	}
	return err
}

func (e *gobwasEnd) close(f closeFrame) (closeFrame, error) {
	err := e.frame(gobwas.OpClose, gobwas.NewCloseFrameBody(gobwas.StatusCode(f.code), f.reason))
	for err == nil {
		_, err = e.receive()
	}
	if err != errClosed {
		return closeFrame{}, err
	}
	return e.last, nil
}

// closed answers the Close frame, which the library does not do.
func (e *gobwasEnd) closed(err error) (closeFrame, error) {
	if err != errClosed {
		return closeFrame{}, err
	}
	return e.last, e.frame(gobwas.OpClose, gobwas.NewCloseFrameBody(gobwas.StatusCode(e.last.code), ""))
}

func (e *gobwasEnd) protocol() string { return e.hs.Protocol }
func (e *gobwasEnd) extensions() string {
	var all bytes.Buffer
	httphead.WriteOptions(&all, e.hs.Extensions)
	return all.String()
}

func (e *gobwasEnd) end() { e.Close() }
