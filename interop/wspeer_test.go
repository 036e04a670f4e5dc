package interop

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
)

// subprotocol is asked for by all clients and granted by all servers here.
const subprotocol = "chat.example"

// wsPeer is a WebSocket library of others, told to compress in one of the ways
// that it can be told.
type wsPeer struct {
	name    string
	deflate string // "" is not at all
	large   bool   // the largest messages are sent, too
	// dial connects a client.
	dial func(url string) (wsEnd, error)
	// listen starts a server that calls serve, on another goroutine, for each connection.
	listen func(t *testing.T, serve func(wsEnd)) (url string)
}

// more is what is sent at the end of a conversation.
func (p wsPeer) more() []wsMessage {
	switch {
	case !p.large:
		return nil
	case p.deflate != "" && len(buildFlags) > 0: // the race detector makes compressing take minutes
		return largeOnes()[:2]
	}
	return largeOnes()
}

// answerTo is the Close frame with which it answers f.
func (p wsPeer) answerTo(f closeFrame) closeFrame {
	if p.name == "coder" || p.name == "node" { // which repeat the reason too
		return f
	}
	return closeFrame{code: f.code}
}

// wsPeers are all of them.
func wsPeers() (all []wsPeer) {
	for _, peers := range [][]wsPeer{gorillaPeers(), coderPeers(), gwsPeers(), gobwasPeers()} {
		all = append(all, peers...)
	}
	return all
}

// wsEnd is an end of a WebSocket that a library of others holds. Its methods
// block, and are called from one goroutine. Pings are answered in receive.
type wsEnd interface {
	send(m wsMessage) error
	sendParts(m wsMessage) error // in several frames
	receive() (wsMessage, error)
	// ping sends a ping and calls turn, which sends and receives a message, until it
	// was answered.
	ping(turn func() error) error
	// close sends a Close frame and returns the answer.
	close(f closeFrame) (closeFrame, error)
	// closed returns the Close frame for which receive returned err.
	closed(err error) (closeFrame, error)
	protocol() string
	extensions() string // of a client: the server's answer
	end()               // the TCP connection's
}

type wsMessage struct {
	op   ws.OpCode
	data []byte
}

func (m wsMessage) String() string { return fmt.Sprintf("%s message of %d bytes", m.op, len(m.data)) }

func (m wsMessage) same(o wsMessage) error {
	if m.op != o.op || !bytes.Equal(m.data, o.data) {
		return fmt.Errorf("%s came back as %s, equal up to %d", m, o, common(string(m.data), string(o.data)))
	}
	return nil
}

type closeFrame struct {
	code   ws.CloseCode
	reason string
}

// leave asks the other end, in a text message, to send a Close frame.
func (f closeFrame) leave() wsMessage {
	return wsMessage{ws.OpText, fmt.Appendf(nil, "close %d %s", f.code, f.reason)}
}

// asked is the inverse of leave.
func asked(m wsMessage) (f closeFrame, ok bool) {
	s, ok := strings.CutPrefix(string(m.data), "close ")
	if !ok || m.op != ws.OpText {
		return f, false
	}
	code, reason, _ := strings.Cut(s, " ")
	_, err := fmt.Sscan(code, &f.code)
	f.reason = reason
	return f, err == nil
}

// What the two ends say when they close.
var (
	clientsClose = closeFrame{4321, "good-bye, мир"}
	serversClose = closeFrame{3001, "that is all"}
)

// conversation is what is sent and must come back: texts and binaries, of all sizes at
// which a frame's header changes, easy and impossible to compress.
var conversation = sync.OnceValue(func() (all []wsMessage) {
	for _, size := range []int{0, 1, 16, 125, 126, 1000, 16 << 10, 65535, 65536} {
		all = append(all, wsMessage{ws.OpBinary, filler(size)}, words(size))
	}
	return append(all, random(125), random(70_000))
})

// largeOnes are 1 MiB each, and one of 16 MB: what cannot be compressed grows.
var largeOnes = sync.OnceValue(func() []wsMessage {
	return []wsMessage{words(1 << 20), random(1 << 20), random(16_000_000)}
})

func words(size int) wsMessage {
	const phrase = "each word, jedes Wort, каждое слово; "
	text := strings.Repeat(phrase, 1+size/len(phrase))
	return wsMessage{ws.OpText, bytes.ToValidUTF8([]byte(text[:size]), []byte("."))}
}

func random(size int) wsMessage {
	p := make([]byte, size)
	rand.NewChaCha8([32]byte{1}).Read(p)
	return wsMessage{ws.OpBinary, p}
}

// maxMessage is, in bytes, what everybody takes.
const maxMessage = 16 << 20

// burst is how many messages are on their way at once.
const burst = 50

// drive is a client of others: it sends the conversation, one message after the
// // other, in parts, with pings, many at once, more at the end, and closes. The
// other end must answer with the same code.
func drive(e wsEnd, more ...wsMessage) (n int, err error) {
	turn := func(m wsMessage, send func(wsMessage) error) error {
		if err := send(m); err != nil {
			return fmt.Errorf("send %s: %w", m, err)
		}
		got, err := e.receive()
		if err != nil {
			return fmt.Errorf("receive %s: %w", m, err)
		}
		n++
		return m.same(got)
	}
	messages := conversation()
	for _, m := range messages {
		if err := turn(m, e.send); err != nil {
			return n, err
		}
		if err := turn(m, e.sendParts); err != nil {
			return n, fmt.Errorf("in parts: %w", err)
		}
	}
	if err := e.ping(func() error { return turn(messages[2], e.send) }); err != nil {
		return n, fmt.Errorf("ping: %w", err)
	}
	for i := range burst {
		if err := e.send(messages[i%12]); err != nil {
			return n, err
		}
	}
	for i := range burst {
		got, err := e.receive()
		if err == nil {
			err = messages[i%12].same(got)
		}
		if err != nil {
			return n, fmt.Errorf("message %d of many: %w", i, err)
		}
		n++
	}
	for _, m := range more {
		if err := turn(m, e.send); err != nil {
			return n, err
		}
	}
	got, err := e.close(clientsClose)
	if err == nil && got.code != clientsClose.code {
		err = fmt.Errorf("the answer to Close %d is %+v", clientsClose.code, got)
	}
	return n, err
}

// echoUntilClosed is a server of others: it sends everything back, every third
// message in parts, until it gets a Close frame, which it returns, or is asked to send one.
func echoUntilClosed(e wsEnd) (n int, f closeFrame, err error) {
	for ; ; n++ {
		m, err := e.receive()
		if err != nil {
			f, err := e.closed(err)
			return n, f, err
		}
		if f, ok := asked(m); ok {
			f, err := e.close(f)
			return n, f, err
		}
		send := e.send
		if n%3 == 2 {
			send = e.sendParts
		}
		if err := send(m); err != nil {
			return n, f, fmt.Errorf("send %s back: %w", m, err)
		}
	}
}

// partSizes are those into which sendParts cuts, if it may choose.
var partSizes = []int{1, 125, 126, 0, 4096, 70_000}

// parts calls fn for each part of p, of which there are two at least.
func parts(p []byte, fn func(part []byte, last bool) error) error {
	for i := 0; ; i++ {
		n := min(partSizes[i%len(partSizes)], len(p))
		last := i > 0 && n == len(p)
		if err := fn(p[:n], last); err != nil || last {
			return err
		}
		p = p[n:]
	}
}

// webServer runs a handler of net/http for WebSockets until the test ends.
func webServer(t *testing.T, handler http.HandlerFunc) (url string) {
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	return "ws" + strings.TrimPrefix(srv.URL, "http") + "/any"
}
