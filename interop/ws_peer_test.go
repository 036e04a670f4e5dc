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

// wsPeer is another WebSocket library with one of its settings for compression.
type wsPeer struct {
	name    string
	deflate string // name of the setting, "" if the peer does not compress
	large   bool   // large messages are sent, too
	// dial connects a client.
	dial func(url string) (wsEnd, error)
	// listen starts a server that calls serve, on another goroutine, for each connection.
	listen func(t *testing.T, serve func(wsEnd)) (url string)
}

// messages returns the conversation, and the large messages behind it.
func (p wsPeer) messages() (all, large []wsMessage) {
	switch {
	case p.deflate == "" && p.large:
		return conversation(), append(largeOnes(), random(hugeSize))
	case p.deflate == "":
		return conversation(), nil
	case p.large:
		return shortConversation(), largeOnes()
	}
	return shortConversation(), nil
}

// answerTo returns the Close frame with which the peer answers f.
func (p wsPeer) answerTo(f closeFrame) closeFrame {
	if p.name == "coder" || p.name == "node" { // they repeat the reason, too
		return f
	}
	return closeFrame{code: f.code}
}

// wsPeers returns all libraries for Go with all settings.
func wsPeers() (all []wsPeer) {
	for _, peers := range [][]wsPeer{gorillaPeers(), coderPeers(), gwsPeers(), gobwasPeers()} {
		all = append(all, peers...)
	}
	return all
}

// wsEnd is the other library's end of a WebSocket. Its methods block and are called on one
// goroutine. receive answers pings.
type wsEnd interface {
	send(m wsMessage) error
	sendParts(m wsMessage) error // in several frames
	receive() (wsMessage, error)
	// ping sends a ping and calls turn until the pong has come. turn sends and receives a
	// message.
	ping(turn func() error) error
	// close sends a Close frame and returns the answer.
	close(f closeFrame) (closeFrame, error)
	// closed returns the Close frame for which receive returned err.
	closed(err error) (closeFrame, error)
	protocol() string
	extensions() string // of a client: the server's answer
	end()               // closes the TCP connection
}

type wsMessage struct {
	op   ws.OpCode
	data []byte
}

func (m wsMessage) String() string {
	return fmt.Sprintf("%s message of %d bytes", ws.OpName(m.op), len(m.data))
}

func (m wsMessage) same(o wsMessage) error {
	if m.op != o.op || !bytes.Equal(m.data, o.data) {
		return fmt.Errorf("%s came back as %s, equal up to %d", m, o, common(string(m.data), string(o.data)))
	}
	return nil
}

type closeFrame struct {
	code   ws.StatusCode
	reason string
}

// request returns a text message that asks the other end to send f.
func (f closeFrame) request() wsMessage {
	return wsMessage{ws.OpText, fmt.Appendf(nil, "close %d %s", f.code, f.reason)}
}

// requested is the inverse of request.
func requested(m wsMessage) (f closeFrame, ok bool) {
	s, ok := strings.CutPrefix(string(m.data), "close ")
	if !ok || m.op != ws.OpText {
		return f, false
	}
	code, reason, _ := strings.Cut(s, " ")
	_, err := fmt.Sscan(code, &f.code)
	f.reason = reason
	return f, err == nil
}

// The Close frames that a client and a server send.
var (
	clientsClose = closeFrame{4321, "good-bye, мир"}
	serversClose = closeFrame{3001, "that is all"}
)

// conversation returns the messages that one end sends and the other sends back. They are
// text and binary, easy and impossible to compress, and have all sizes at which a frame's
// header changes.
var conversation = sync.OnceValue(func() (all []wsMessage) {
	for _, size := range []int{0, 1, 16, 125, 126, 1000, 16 << 10, 65535, 65536} {
		all = append(all, wsMessage{ws.OpBinary, filler(size)}, words(size))
	}
	return append(all, random(125), random(70_000))
})

// shortConversation returns the messages for ends that compress. Compressed frames have
// other sizes anyway. One message is longer than the largest window, 32 KiB.
var shortConversation = sync.OnceValue(func() (all []wsMessage) {
	for _, size := range []int{0, 1, 16, 125, 126, 1000} {
		all = append(all, wsMessage{ws.OpBinary, filler(size)}, words(size))
	}
	return append(all, words(40_000), random(125), random(5000))
})

// largeOnes returns two large messages. The one that cannot be compressed grows when an end
// compresses it.
var largeOnes = sync.OnceValue(func() []wsMessage {
	return []wsMessage{words(largeSize), random(largeSize)}
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

// maxMessage is the size in bytes of the largest message that all ends accept.
const maxMessage = 16 << 20

// burst is the number of messages that are sent before the first is received.
const burst = 20

// drive is a client of another library. It sends each message whole and in parts, and
// receives it back. Then it sends a ping, a burst of messages, the large messages, and a
// Close frame. The other end must answer with the same code.
func drive(e wsEnd, messages, large []wsMessage) (n int, err error) {
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
	for _, m := range large {
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

// echoUntilClosed is a server of another library. It sends everything back, every third
// message in parts. It ends when it gets a Close frame, or a message that asks for one. It
// returns the other end's Close frame.
func echoUntilClosed(e wsEnd) (n int, f closeFrame, err error) {
	for ; ; n++ {
		m, err := e.receive()
		if err != nil {
			f, err := e.closed(err)
			return n, f, err
		}
		if f, ok := requested(m); ok {
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

// partSizes are the sizes of the parts that sendParts sends, if the library lets it choose.
var partSizes = []int{1, 125, 126, 0, 4096, 70_000}

// parts calls fn for each part of p. There are at least two parts.
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

// webServer starts a server of net/http for WebSockets.
func webServer(t *testing.T, handler http.HandlerFunc) (url string) {
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	return "ws" + strings.TrimPrefix(srv.URL, "http") + "/any"
}
