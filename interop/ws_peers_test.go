package interop

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/ws"
)

// eachPair runs a test for pairs of a library with one of its settings and our end with one
// of ours.
func eachPair(t *testing.T, test func(t *testing.T, peer wsPeer, way ourWay)) {
	eachPairOf(t, wsPeers(), test)
}

func eachPairOf(t *testing.T, peers []wsPeer, test func(t *testing.T, peer wsPeer, way ourWay)) {
	t.Parallel()
	seen := map[string]bool{} // libraries that have had a setting that compresses
	for _, peer := range peers {
		first := peer.deflate != "" && !seen[peer.name]
		seen[peer.name] = seen[peer.name] || first
		for i, way := range ourWays {
			if i > 1 && !first || i == 0 && !first && peer.deflate != "" {
				continue // all their settings with our defaults, all ours with one of theirs
			}
			peer.large = i == 0 && peer.deflate == "" || i == 1 && first
			name := fmt.Sprintf("%s %s, ours %s", peer.name, or(peer.deflate, "plain"), or(way.name, "plain"))
			t.Run(name, func(t *testing.T) { test(t, peer, way) })
		}
	}
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// ourWays are the settings of our end: no compression, the defaults, and the limits of what
// can be negotiated.
var ourWays = []ourWay{
	{"", nil},
	{"defaults", &ws.Deflate{}},
	{"no takeover", &ws.Deflate{Threshold: -1, NoContextTakeover: true, PeerNoContextTakeover: true}},
	{"windows 9", &ws.Deflate{Threshold: -1, WindowBits: 9, PeerWindowBits: 9}},
	{"sends without takeover, window 10 wanted", &ws.Deflate{Threshold: -1, NoContextTakeover: true, PeerWindowBits: 10}},
	{"level 9", &ws.Deflate{Threshold: -1, Level: 9, PeerNoContextTakeover: true}},
}

// Their client drives our server. Each side closes once.
func TestWSOtherClients(t *testing.T) {
	eachPair(t, func(t *testing.T, peer wsPeer, way ourWay) {
		l := newLoop(t)
		o, url := l.serveWS(way)
		n, agreed := 0, ""
		l.beside(func() error {
			e, err := peer.dial(url)
			if err != nil {
				return err
			}
			defer e.end()
			if e.protocol() != subprotocol {
				t.Errorf("subprotocol %q", e.protocol())
			}
			agreed = e.extensions()
			all, large := peer.messages()
			n, err = drive(e, all, large)
			return err
		})
		o.ends(clientsClose)
		o.report(peer, "client", n, agreed)

		o, url = l.serveWS(way)
		l.beside(func() error {
			e, err := peer.dial(url)
			if err != nil {
				return err
			}
			defer e.end()
			if err := e.send(serversClose.request()); err != nil {
				return err
			}
			_, err = e.receive()
			f, err := e.closed(err)
			if err == nil && f != serversClose {
				err = fmt.Errorf("the server's Close is %+v", f)
			}
			return err
		})
		o.ends(peer.answerTo(serversClose))
	})
}

// Our client drives their server. Each side closes once.
func TestWSOtherServers(t *testing.T) {
	eachPair(t, func(t *testing.T, peer wsPeer, way ourWay) {
		l := newLoop(t)
		type outcome struct {
			n   int
			f   closeFrame
			err error
		}
		outcomes := make(chan outcome, 1)
		url := peer.listen(t, func(e wsEnd) {
			defer e.end()
			var out outcome
			out.n, out.f, out.err = echoUntilClosed(e)
			outcomes <- out
		})
		if peer.name == "gorilla" && way.deflate != nil && way.deflate.PeerWindowBits > 0 {
			// Its answer leaves the parameter out, which [RFC 7692 7.1.2.1] forbids.
			if o := l.connectWS(way, url); o.err == nil || !strings.Contains(o.err.Error(), "server_max_window_bits") {
				t.Errorf("the server ignores the window, and the handshake's error is %v", o.err)
			}
			return
		}
		o := l.dialWS(way, url)
		if o.protocol != subprotocol {
			t.Errorf("subprotocol %q", o.protocol)
		}
		o.converse(peer.messages())
		o.close(clientsClose)
		o.ends(peer.answerTo(clientsClose))
		out := await(t, outcomes)
		if out.err != nil || out.f != clientsClose {
			t.Errorf("the server got Close %+v, %v", out.f, out.err)
		}
		o.report(peer, "server", out.n, o.extensions)

		o = l.dialWS(way, url)
		o.send(serversClose.request())
		o.ends(serversClose) // gws closes without reading our answer, and the kernel sends a reset
		if out := await(t, outcomes); out.err != nil || out.f.code != serversClose.code {
			t.Errorf("the answer to the server's Close is %+v, %v", out.f, out.err)
		}
	})
}

// await receives from a channel. It fails the test after timeout.
func await[T any](t *testing.T, ch <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(timeout):
		t.Fatal("timeout: the peer does not end")
	}
	return v
}

// beside runs fn on another goroutine while the loop runs.
func (l *loop) beside(fn func() error) {
	l.t.Helper()
	var err error
	done := false
	go func() {
		e := fn()
		l.m.Post(func() { err, done = e, true })
	}()
	l.until("the peer's end", func() bool { return done })
	noError(l.t, err)
}

// report logs what was negotiated and how many bytes we received.
func (o *wsOurs) report(peer wsPeer, role string, n int, agreed string) {
	agreed = strings.TrimPrefix(or(agreed, "no compression"), "permessage-")
	o.t.Logf("%s as %s | %s | %d messages; to us %d bytes as %d", peer.name, role, agreed, n, o.payload, o.raw)
}
