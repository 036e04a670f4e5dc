package interop

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
)

// nodeDeflates are ways in which Node's ws can be told to compress, in JSON.
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

// node returns the command that runs node/peer.js. Without Node or its ws the test
// is skipped, or fails where that must not happen.
func node(t *testing.T) string {
	t.Helper()
	missing := t.Skipf
	if os.Getenv("RIKKI_REQUIRE_NODE") != "" {
		missing = t.Fatalf
	}
	path, err := exec.LookPath("node")
	if err != nil {
		missing("node is not installed")
	}
	if _, err := os.Stat("node/node_modules/ws"); err != nil {
		missing("ws is not installed: run npm ci in interop/node")
	}
	return path
}

// eachNodePair is eachPair with Node's ws.
func eachNodePair(t *testing.T, test func(t *testing.T, peer wsPeer, way ourWay)) {
	node(t) // skips all at once
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

// wantClosed wants the line that says how the connection was closed.
func (p *process) wantClosed(t *testing.T, code ws.CloseCode, reason string) {
	t.Helper()
	if m := p.match(`^closed (\d+) (".*")$`); m == nil || m[1] != fmt.Sprint(code) || m[2] != strconv.Quote(reason) {
		t.Errorf("node heard %q, want Close %d %q", m, code, reason)
	}
}

// Node's client drives our server.
func TestWSNodeClient(t *testing.T) {
	eachNodePair(t, func(t *testing.T, peer wsPeer, way ourWay) {
		l := newLoop(t)
		for _, role := range []string{"client", "asker"} {
			o, url := l.serveWS(way)
			url += "?"
			for _, m := range peer.more() {
				url += fmt.Sprintf("more=%d&", len(m.data))
			}
			p := launch(t, node(t), "node/peer.js", role, nodeOptions(peer), url)
			l.beside(p.wait)
			agreed := p.match(`^agreed (".*") chat\.example$`)
			if agreed == nil {
				t.Fatalf("node has not agreed: %q", p.output())
			}
			if role == "asker" {
				o.ends(peer.answerTo(serversClose))
				p.wantClosed(t, serversClose.code, serversClose.reason)
				continue
			}
			o.ends(clientsClose)
			p.wantClosed(t, clientsClose.code, "")
			extensions, _ := strconv.Unquote(agreed[1])
			o.report(peer, "client", o.messages, extensions)
		}
	})
}

// Our client drives Node's server.
func TestWSNodeServer(t *testing.T) {
	eachNodePair(t, func(t *testing.T, peer wsPeer, way ourWay) {
		l := newLoop(t)
		p := launch(t, node(t), "node/peer.js", "server", nodeOptions(peer))
		port := p.match(`^listening (\d+)$`)
		if port == nil {
			t.Fatalf("node does not listen: %q", p.output())
		}
		url := "ws://127.0.0.1:" + port[1] + "/any"
		o := l.dialWS(way, url)
		if o.protocol != subprotocol {
			t.Errorf("subprotocol %q", o.protocol)
		}
		o.converse(peer.more()...)
		o.close(clientsClose)
		o.ends(peer.answerTo(clientsClose))
		p.wantClosed(t, clientsClose.code, clientsClose.reason)
		o.report(peer, "server", o.messages, o.extensions)

		o = l.dialWS(way, url)
		o.send(serversClose.leave())
		o.ends(serversClose)
	})
}
