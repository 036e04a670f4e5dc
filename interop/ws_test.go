package interop

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/ws"
)

// eachPair runs a test for each way in which the two ends can be told to compress.
func eachPair(t *testing.T, test func(t *testing.T, peer wsPeer, way ourWay)) {
	eachPairOf(t, wsPeers(), test)
}

func eachPairOf(t *testing.T, peers []wsPeer, test func(t *testing.T, peer wsPeer, way ourWay)) {
	t.Parallel()              // to others, not among themselves: they compute all the time
	seen := map[string]bool{} // libraries that have compressed
	for _, peer := range peers {
		first := peer.deflate != "" && !seen[peer.name]
		seen[peer.name] = seen[peer.name] || first
		for i, way := range ourWays {
			if i > 1 && !first || i == 0 && !first && peer.deflate != "" {
				continue // all their ways with our defaults, all ours with one of theirs
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

// ourWays are how our end compresses: not at all, as it does unless told otherwise, and at the
// edges of what can be agreed on.
var ourWays = []ourWay{
	{"", nil},
	{"defaults", &ws.Deflate{}},
	{"no takeover", &ws.Deflate{Threshold: -1, NoContextTakeover: true, PeerNoContextTakeover: true}},
	{"windows 9", &ws.Deflate{Threshold: -1, WindowBits: 9, PeerWindowBits: 9}},
	{"sends without takeover, window 10 wanted", &ws.Deflate{Threshold: -1, NoContextTakeover: true, PeerWindowBits: 10}},
	{"level 9", &ws.Deflate{Threshold: -1, Level: 9, PeerNoContextTakeover: true}},
}

// Their client drives our server, and each side closes once.
func TestWSClientsOfOthers(t *testing.T) {
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
			n, err = drive(e, peer.more()...)
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
			if err := e.send(serversClose.leave()); err != nil {
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

// Our client drives their server, and each side closes once.
func TestWSServersOfOthers(t *testing.T) {
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
			// It agrees and leaves the parameter out, which [RFC 7692 7.1.2.1] forbids.
			if o := l.connectWS(way, url); o.err == nil || !strings.Contains(o.err.Error(), "server_max_window_bits") {
				t.Errorf("a window was asked for, not agreed on, and the handshake's error is %v", o.err)
			}
			return
		}
		o := l.dialWS(way, url)
		if o.protocol != subprotocol {
			t.Errorf("subprotocol %q", o.protocol)
		}
		o.converse(peer.more()...)
		o.close(clientsClose)
		o.ends(peer.answerTo(clientsClose))
		out := await(t, outcomes)
		if out.err != nil || out.f != clientsClose {
			t.Errorf("the server heard Close %+v, %v", out.f, out.err)
		}
		o.report(peer, "server", out.n, o.extensions)

		o = l.dialWS(way, url)
		o.send(serversClose.leave())
		o.ends(serversClose) // gws closes without reading our answer, which resets the connection
		if out := await(t, outcomes); out.err != nil || out.f.code != serversClose.code {
			t.Errorf("the answer to the server's Close is %+v, %v", out.f, out.err)
		}
	})
}

// await receives from a channel, within patience.
func await[T any](t *testing.T, ch <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(patience):
		t.Fatal("the peer does not come to an end")
	}
	return v
}

// beside runs fn on another goroutine while the loop turns.
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

// report prints a line of the table: what was agreed on, and how many bytes were received.
func (o *wsOurs) report(peer wsPeer, role string, n int, agreed string) {
	agreed = strings.TrimPrefix(or(agreed, "no compression"), "permessage-")
	o.t.Logf("%s as %s | %s | %d messages; to us %d bytes as %d", peer.name, role, agreed, n, o.payload, o.raw)
}
