package interop

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// eachPair runs a test for each way in which the two ends can be told to compress.
func eachPair(t *testing.T, test func(t *testing.T, peer wsPeer, way ourWay)) {
	eachPairOf(t, wsPeers(), test)
}

func eachPairOf(t *testing.T, peers []wsPeer, test func(t *testing.T, peer wsPeer, way ourWay)) {
	t.Parallel()              // to others, not among themselves: they compute all the time
	told := map[string]bool{} // peers to whom we have said no
	for _, peer := range peers {
		for _, way := range ourWays {
			if way.name == "" && peer.deflate != "" {
				if told[peer.name] {
					continue
				}
				told[peer.name] = true
			}
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

var ourWays = []ourWay{{"", nil}}

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
			n, err = drive(e, large(peer, way)...)
			return err
		})
		o.ends(clientsClose, nil)
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
		o.ends(peer.answerTo(serversClose), nil)
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
		o := l.dialWS(way, url)
		if o.protocol != subprotocol {
			t.Errorf("subprotocol %q", o.protocol)
		}
		o.converse(large(peer, way)...)
		o.close(clientsClose)
		o.ends(peer.answerTo(clientsClose), nil)
		out := <-outcomes
		if out.err != nil || out.f != clientsClose {
			t.Errorf("the server heard Close %+v, %v", out.f, out.err)
		}
		o.report(peer, "server", out.n, o.extensions)

		o = l.dialWS(way, url)
		o.send(serversClose.leave())
		var lost error
		if peer.name == "gws" { // which closes without reading our answer
			lost = syscall.ECONNRESET
		}
		o.ends(serversClose, lost)
		if out := <-outcomes; out.err != nil || out.f.code != serversClose.code {
			t.Errorf("the answer to the server's Close is %+v, %v", out.f, out.err)
		}
	})
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

// large are the large messages for those pairs that have them.
func large(peer wsPeer, way ourWay) []wsMessage {
	if (peer.deflate == "") != (way.name == "") || way.name != "" && way.name != ourWays[1].name {
		return nil
	}
	return largeOnes()
}
