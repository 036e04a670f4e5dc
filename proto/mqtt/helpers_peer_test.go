package mqtt_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// peer is the other end of a connection, with an implementation of the RFCs that shares no
// code with the packages under test.
type peer struct {
	*looptest.Socket
	ws       bool
	client   bool    // a WebSocket client, which masks its frames
	head     string  // the HTTP message that was read
	got      []byte  // MQTT bytes that were read
	frames   []frame // WebSocket frames that were read
	shutDown bool    // the peer has ended its side
}

type frame struct {
	op      byte // the first byte, with the FIN bit
	payload []byte
}

// send sends MQTT bytes. Over WebSocket each slice is one message.
func (p *peer) send(pieces ...[]byte) {
	p.T.Helper()
	p.Write(p.framed(pieces...))
}

// framed returns the bytes that send writes.
func (p *peer) framed(pieces ...[]byte) (out []byte) {
	for _, b := range pieces {
		if p.ws {
			out = append(out, p.frame(2, b)...)
		} else {
			out = append(out, b...)
		}
	}
	return out
}

// frame returns a WebSocket frame with the FIN bit.
func (p *peer) frame(op byte, payload []byte) []byte {
	return []byte(looptest.Frame(0x80|op, p.client, -1, string(payload)))
}

// readAll reads and decodes the bytes that have arrived.
func (p *peer) readAll() {
	p.Receive()
	p.decode()
}

// decode decodes the bytes in In. Over WebSocket the first bytes are an HTTP message, and
// frames follow.
func (p *peer) decode() {
	if !p.ws {
		p.got = append(p.got, p.In...)
		p.In = nil
		return
	}
	if p.head == "" {
		end := bytes.Index(p.In, []byte("\r\n\r\n"))
		if end < 0 {
			return
		}
		p.head, p.In = string(p.In[:end+4]), p.In[end+4:]
	}
	for len(p.In) >= 2 {
		size, n := 2, int(p.In[1]&0x7f)
		if n == 126 && len(p.In) >= 4 {
			size, n = 4, int(binary.BigEndian.Uint16(p.In[2:]))
		} else if n > 125 {
			p.T.Fatal("peer: the frame header is incomplete, or its length has 64 bits")
		}
		masked := p.In[1]&0x80 != 0
		if masked == p.client {
			p.T.Fatalf("peer: masked is %v in a received frame", masked) // [RFC 6455 5.1]
		}
		if masked {
			size += 4
		}
		if len(p.In) < size+n {
			return
		}
		payload := bytes.Clone(p.In[size : size+n])
		for i := range payload {
			if masked {
				payload[i] ^= p.In[size-4+i%4]
			}
		}
		p.frames = append(p.frames, frame{p.In[0], payload})
		if p.In[0] == 0x82 {
			p.got = append(p.got, payload...)
		}
		p.In = p.In[size+n:]
	}
}

// received returns a condition: these MQTT bytes have arrived.
func (p *peer) received(want []byte) func() bool {
	return func() bool { p.readAll(); return bytes.Equal(p.got, want) }
}

// wantGot waits for the MQTT bytes in want, compares them, and clears got.
func (p *peer) wantGot(m *reactor.Manager, want string) {
	p.T.Helper()
	b := pack(want)
	looptest.Settle(p.T, m)
	for range looptest.Turns {
		if p.readAll(); len(p.got) >= len(b) || p.Ended() {
			break
		}
		if err := m.Poll(5e6); err != nil {
			break
		}
	}
	if !bytes.Equal(p.got, b) {
		p.T.Errorf("peer got % x\n     want % x", p.got, b)
	}
	p.got = nil
}

// Ended reports whether the end of the stream or an error was read.
func (p *peer) Ended() bool { p.readAll(); return p.Socket.Ended() }

// endIfDone ends the side of the peer if the protocol requires it: after the end of our
// side. A WebSocket server also ends its side after a Close frame [RFC 6455 7.1.1].
func (p *peer) endIfDone() {
	p.T.Helper()
	if p.FD < 0 {
		return
	}
	p.readAll()
	closed := !p.client && len(p.frames) > 0 && p.frames[len(p.frames)-1].op == 0x88
	if (p.EOF || closed) && !p.shutDown {
		p.shutDown = true
		p.Shutdown()
	}
}

// header returns the value of a header of the HTTP message that was read.
func (p *peer) header(name string) string { return looptest.HeaderValue(p.head, name) }

// agree accepts the WebSocket handshake of a client [RFC 6455 4.2.2]. extra are header lines.
func (p *peer) agree(m *reactor.Manager, extra string) {
	p.T.Helper()
	looptest.Await(p.T, m, "the WebSocket request", func() bool { p.readAll(); return p.head != "" })
	p.Write([]byte(p.agreement(extra)))
}

// agreement returns the answer that agree writes.
func (p *peer) agreement(extra string) string {
	return looptest.Agreement(p.header("Sec-WebSocket-Key"), extra)
}

// answerMQTT is the header line with which a server chooses MQTT.
const answerMQTT = "Sec-WebSocket-Protocol: mqtt\r\n"

// dialPeer connects a client to a listener of the manager.
func dialPeer(t *testing.T, to netip.AddrPort) *peer {
	t.Helper()
	return &peer{Socket: looptest.DialSocket(t, to), client: true}
}

// wantLastFrame compares the last frame that has arrived.
func (p *peer) wantLastFrame(first byte, payload []byte) {
	p.T.Helper()
	if len(p.frames) == 0 {
		p.T.Fatal("peer got no frame")
	}
	if f := p.frames[len(p.frames)-1]; f.op != first || !bytes.Equal(f.payload, payload) {
		p.T.Errorf("the last frame is % x % x, want % x % x", f.op, f.payload, first, payload)
	}
}

// closeNormal is the payload of a Close frame with code 1000 [RFC 6455 7.4.1].
var closeNormal = pack("03 e8")

// dialServer makes a ws:// listener and a peer that has connected and sent nothing.
func dialServer(t *testing.T, m *reactor.Manager, r *recorder) *peer {
	t.Helper()
	l, err := mqtt.Listen(m, "ws://127.0.0.1:0", r.handle, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := dialPeer(t, l.LocalAddr())
	p.ws = true
	return p
}

// acceptAll makes a server accept every CONNECT.
var acceptAll = hooks{reactor.EvMQTTCmd: func(c *reactor.Conn, data any) {
	if data.(*mqtt.Message).Cmd == mqtt.CmdConnect {
		mqtt.Connack(c, false, 0)
	}
}}
