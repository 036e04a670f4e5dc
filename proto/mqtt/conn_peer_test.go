package mqtt_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

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
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	unix.CloseOnExec(fd)
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // no waiting for delayed acknowledgements
	p := &peer{t: t, fd: fd}
	t.Cleanup(p.close)
	return p
}

func (p *peer) close() {
	if p.fd >= 0 {
		unix.Close(p.fd)
		p.fd = -1
	}
}

func (p *peer) shutdown() {
	p.t.Helper()
	if err := unix.Shutdown(p.fd, unix.SHUT_WR); err != nil {
		p.t.Fatal(err)
	}
}

// write sends bytes as they are.
func (p *peer) write(b []byte) {
	p.t.Helper()
	if n, err := unix.Write(p.fd, b); err != nil || n != len(b) {
		p.t.Fatalf("peer wrote %d of %d bytes: %v", n, len(b), err)
	}
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

// frame builds a final frame [RFC 6455 5.2].
func (p *peer) frame(op byte, payload []byte) []byte {
	mask := byte(0)
	if p.client {
		mask = 0x80
	}
	f := []byte{0x80 | op}
	if len(payload) < 126 {
		f = append(f, mask|byte(len(payload)))
	} else {
		f = binary.BigEndian.AppendUint16(append(f, mask|126), uint16(len(payload)))
	}
	if !p.client {
		return append(f, payload...)
	}
	key := [4]byte{0xde, 0xad, 0xbe, 0xef}
	f = append(f, key[:]...)
	for i, b := range payload {
		f = append(f, b^key[i%4])
	}
	return f
}

// pump reads what is there and decodes it.
func (p *peer) pump() {
	buf := make([]byte, 1<<16)
	for !p.eof && p.err == nil {
		n, err := unix.Read(p.fd, buf)
		switch {
		case err == unix.EAGAIN:
			p.decode()
			return
		case err == unix.EINTR:
		case err != nil:
			p.err = err
		case n == 0:
			p.eof = true
		default:
			p.raw = append(p.raw, buf[:n]...)
		}
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
	for range turns / 5 {
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
func (p *peer) header(name string) string {
	for _, line := range strings.Split(p.head, "\r\n") {
		if n, v, ok := strings.Cut(line, ": "); ok && strings.EqualFold(n, name) {
			return v
		}
	}
	return ""
}

// agree answers the opening handshake of a client [RFC 6455 4.2.2].
func (p *peer) agree(m *reactor.Manager, extra string) {
	p.t.Helper()
	await(p.t, m, "the handshake's request", func() bool { p.pump(); return p.head != "" })
	p.write([]byte(p.agreement(extra)))
}

func (p *peer) agreement(extra string) string {
	sum := sha1.Sum([]byte(p.header("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\n" + extra + "\r\n"
}

const answerMQTT = "Sec-WebSocket-Protocol: mqtt\r\n"

// listenOn makes a listening socket of the peer's on loopback.
func listenOn(t *testing.T) (fd int, addr string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 8); err != nil {
		t.Fatal(err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	in := sa.(*unix.SockaddrInet4)
	return fd, netip.AddrPortFrom(netip.AddrFrom4(in.Addr), uint16(in.Port)).String()
}

// acceptPeer takes the connection that comes to a listening socket.
func acceptPeer(t *testing.T, m *reactor.Manager, fd int) *peer {
	t.Helper()
	got := -1
	await(t, m, "a connection", func() bool {
		n, _, err := unix.Accept(fd)
		if err == nil {
			got = n
		}
		return err == nil
	})
	return newPeer(t, got)
}

// dialPeer connects to a listener of the reactor's.
func dialPeer(t *testing.T, to netip.AddrPort) *peer {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := newPeer(t, fd)
	unix.SetNonblock(fd, false)
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil {
		t.Fatal(err)
	}
	unix.SetNonblock(fd, true)
	p.client = true
	return p
}
