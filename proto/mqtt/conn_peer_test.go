package mqtt_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// peer is the other end of a connection, made of a bare descriptor and the
// letter of the RFCs: it shares no code with what is tested.
type peer struct {
	t      *testing.T
	fd     int
	ws     bool
	client bool   // masks what it sends
	raw    []byte // what was read and not decoded
	head   string // the HTTP message that was read
	got    []byte // MQTT bytes
	frames []frame
	eof    bool
	err    error
}

type frame struct {
	op      byte
	payload []byte
}

func newPeer(t *testing.T, fd int) *peer {
	t.Helper()
	p := &peer{t: t, fd: fd}
	looptest.Own(t, &p.fd)
	return p
}

func (p *peer) close() { looptest.Close(&p.fd) }

func (p *peer) shutdown() {
	p.t.Helper()
	looptest.Shutdown(p.t, p.fd)
}

// write sends bytes as they are.
func (p *peer) write(b []byte) {
	p.t.Helper()
	looptest.Write(p.t, p.fd, b)
}

// send sends MQTT bytes, each slice in one WebSocket message if there is one.
func (p *peer) send(pieces ...[]byte) {
	p.t.Helper()
	p.write(p.framed(pieces...))
}

// framed returns what send would write.
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

// frame builds a final frame.
func (p *peer) frame(op byte, payload []byte) []byte {
	return []byte(looptest.Frame(0x80|op, p.client, -1, string(payload)))
}

// pump reads what is there and decodes it.
func (p *peer) pump() {
	if !p.eof && p.err == nil {
		p.raw, p.eof, p.err = looptest.Read(p.fd, p.raw)
	}
	p.decode()
}

// decode takes an HTTP message first, if it is a WebSocket, then frames.
func (p *peer) decode() {
	if !p.ws {
		p.got = append(p.got, p.raw...)
		p.raw = nil
		return
	}
	if p.head == "" {
		end := bytes.Index(p.raw, []byte("\r\n\r\n"))
		if end < 0 {
			return
		}
		p.head, p.raw = string(p.raw[:end+4]), p.raw[end+4:]
	}
	for len(p.raw) >= 2 {
		size, n := 2, int(p.raw[1]&0x7f)
		if n == 126 && len(p.raw) >= 4 {
			size, n = 4, int(binary.BigEndian.Uint16(p.raw[2:]))
		} else if n > 125 {
			p.t.Fatal("peer: frame header is cut or longer than the test foresees")
		}
		masked := p.raw[1]&0x80 != 0
		if masked == p.client {
			p.t.Fatalf("peer: frame masked=%v", masked) // [RFC 6455 5.1]
		}
		if masked {
			size += 4
		}
		if len(p.raw) < size+n {
			return
		}
		payload := bytes.Clone(p.raw[size : size+n])
		for i := range payload {
			if masked {
				payload[i] ^= p.raw[size-4+i%4]
			}
		}
		p.frames = append(p.frames, frame{p.raw[0], payload})
		if p.raw[0] == 0x82 {
			p.got = append(p.got, payload...)
		}
		p.raw = p.raw[size+n:]
	}
}

// received returns a condition for await.
func (p *peer) received(want []byte) func() bool {
	return func() bool { p.pump(); return bytes.Equal(p.got, want) }
}

// wantGot compares the MQTT bytes that came, and forgets them.
func (p *peer) wantGot(m *reactor.Manager, want string) {
	p.t.Helper()
	b := pack(want)
	spin(p.t, m)
	for range turns / 20 {
		if p.pump(); len(p.got) >= len(b) || p.ended() {
			break
		}
		if err := m.Poll(5e6); err != nil {
			break
		}
	}
	if !bytes.Equal(p.got, b) {
		p.t.Errorf("peer got % x\n     want % x", p.got, b)
	}
	p.got = nil
}

// ended returns whether the end of stream or an error was read.
func (p *peer) ended() bool { p.pump(); return p.eof || p.err != nil }

// header returns the value of a header line of the HTTP message that was read.
func (p *peer) header(name string) string { return looptest.HeaderValue(p.head, name) }

// agree answers the opening handshake of a client [RFC 6455 4.2.2].
func (p *peer) agree(m *reactor.Manager, extra string) {
	p.t.Helper()
	await(p.t, m, "the handshake's request", func() bool { p.pump(); return p.head != "" })
	p.write([]byte(p.agreement(extra)))
}

func (p *peer) agreement(extra string) string {
	return looptest.Agreement(p.header("Sec-WebSocket-Key"), extra)
}

const answerMQTT = "Sec-WebSocket-Protocol: mqtt\r\n"

// listenOn makes a listening socket of the peer's on loopback.
func listenOn(t *testing.T) (fd int, addr string) {
	t.Helper()
	l := newPeer(t, looptest.Open(t, loopback.Addr(), unix.SOCK_STREAM))
	return l.fd, looptest.Bind(t, l.fd, loopback, 8).String()
}

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

// acceptPeer takes the connection that comes to a listening socket.
func acceptPeer(t *testing.T, m *reactor.Manager, fd int) *peer {
	t.Helper()
	var p *peer
	await(t, m, "a connection", func() bool {
		got, ok := looptest.Accept(t, fd)
		if ok {
			p = newPeer(t, got)
			looptest.NoDelay(t, got)
		}
		return ok
	})
	return p
}

// dialPeer connects to a listener of the reactor's. It blocks until that is
// done, so that the peer can write at once.
func dialPeer(t *testing.T, to netip.AddrPort) *peer {
	t.Helper()
	fd := looptest.Open(t, to.Addr(), unix.SOCK_STREAM)
	looptest.Connect(t, fd, to)
	p := newPeer(t, fd)
	looptest.NoDelay(t, fd)
	p.client = true
	return p
}
