package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
)

// nodeDeflates are settings of Node's ws for compression, in JSON.
var nodeDeflates = []struct{ name, options string }{
	{"", `false`},
	{"defaults", `{"threshold":0}`},
	{"threshold", `{"threshold":1000,"clientNoContextTakeover":true,"serverNoContextTakeover":true}`},
	{"no takeover", `{"threshold":0,"clientNoContextTakeover":true,"serverNoContextTakeover":true}`},
	{"server no takeover", `{"threshold":0,"serverNoContextTakeover":true}`},
	{"client no takeover", `{"threshold":0,"clientNoContextTakeover":true}`},
	{"windows 9", `{"threshold":0,"clientMaxWindowBits":9,"serverMaxWindowBits":9}`},
	{"windows 10 and 12, no takeover", `{"threshold":0,"clientMaxWindowBits":10,"serverMaxWindowBits":12,"clientNoContextTakeover":true,"serverNoContextTakeover":true}`},
}

// node returns the path of Node. Without Node or one of the packages that the tests need the test
// is skipped. With RIKKI_REQUIRE_ALL it fails.
func node(t *testing.T) string {
	t.Helper()
	path := looptest.Installed(t, "node")
	for _, name := range []string{"ws", "aedes", "mqtt"} {
		if _, err := os.Stat("node/node_modules/" + name); err != nil {
			looptest.Missing(t, "%s is not installed: run npm ci in interop/node", name)
		}
	}
	return path
}

// eachNodePair is eachPair with Node's ws.
func eachNodePair(t *testing.T, test func(t *testing.T, peer wsPeer, way ourWay)) {
	node(t) // skips the whole test
	var peers []wsPeer
	for _, d := range nodeDeflates {
		peers = append(peers, wsPeer{name: "node", deflate: d.name})
	}
	eachPairOf(t, peers, test)
}

func nodeOptions(peer wsPeer) string {
	for _, d := range nodeDeflates {
		if d.name == peer.deflate {
			return d.options
		}
	}
	return ""
}

// wantClosed wants the submatches of a line that says how a connection was closed.
func wantClosed(t *testing.T, closed []string, code ws.StatusCode, reason string) {
	t.Helper()
	if closed == nil || closed[1] != fmt.Sprint(code) || closed[2] != strconv.Quote(reason) {
		t.Errorf("node got %q, want Close %d %q", closed, code, reason)
	}
}

// Node's client drives our server. One process has all clients, one after the other.
func TestWSNodeClient(t *testing.T) {
	start := sync.OnceValue(func() *process { return launch(t, node(t), "node/peer.js", "client") })
	eachNodePair(t, func(t *testing.T, peer wsPeer, way ourWay) {
		p, l := start(), newLoop(t)
		_, large := peer.messages()
		sizes := []int{}
		for _, m := range large {
			sizes = append(sizes, len(m.data))
		}
		for _, role := range []string{"client", "asker"} {
			o, url := l.serveWS(way)
			job, err := json.Marshal(map[string]any{
				"role": role, "deflate": json.RawMessage(nodeOptions(peer)), "url": url, "large": sizes})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := fmt.Fprintf(p.stdin, "%s\n", job); err != nil {
				t.Fatal(err)
			}
			var open, closed []string
			l.beside(func() error {
				if open = p.next(`^open (".*") chat\.example$`); open == nil {
					return fmt.Errorf("node has opened no WebSocket: %q", p.output())
				}
				if closed = p.next(`^closed (\d+) (".*")$`); closed == nil {
					return fmt.Errorf("node has not closed: %q", p.output())
				}
				return nil
			})
			if t.Failed() {
				t.FailNow()
			}
			if role == "asker" {
				o.ends(peer.answerTo(serversClose))
				wantClosed(t, closed, serversClose.code, serversClose.reason)
				continue
			}
			o.ends(clientsClose)
			wantClosed(t, closed, clientsClose.code, "")
			extensions, _ := strconv.Unquote(open[1])
			o.report(peer, "client", o.messages, extensions)
		}
	})
}

// Our client drives Node's servers. One process has them all, one per setting.
func TestWSNodeServer(t *testing.T) {
	var p *process
	ports := sync.OnceValue(func() map[string]string {
		args := []string{"node/peer.js", "server"}
		for _, d := range nodeDeflates {
			args = append(args, d.options)
		}
		p = launch(t, node(t), args...)
		all := map[string]string{}
		for _, d := range nodeDeflates {
			if m := p.next(`^listening (\d+)$`); m != nil {
				all[d.name] = m[1]
			}
		}
		return all
	})
	eachNodePair(t, func(t *testing.T, peer wsPeer, way ourWay) {
		port := ports()[peer.deflate]
		if port == "" {
			t.Fatalf("node does not listen: %q", p.output())
		}
		l := newLoop(t)
		url := "ws://127.0.0.1:" + port + "/any"
		o := l.dialWS(way, url)
		if o.protocol != subprotocol {
			t.Errorf("subprotocol %q", o.protocol)
		}
		o.converse(peer.messages())
		o.close(clientsClose)
		o.ends(peer.answerTo(clientsClose))
		wantClosed(t, p.next(`^closed (\d+) (".*")$`), clientsClose.code, clientsClose.reason)
		o.report(peer, "server", o.messages, o.extensions)

		o = l.dialWS(way, url)
		o.send(serversClose.request())
		o.ends(serversClose)
		wantClosed(t, p.next(`^closed (\d+) (".*")$`), serversClose.code, "")
	})
}
