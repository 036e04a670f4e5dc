package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/rikki-go/rikki/examples/internal/testclient"
	"github.com/rikki-go/rikki/internal/looptest"
)

func TestMain(m *testing.M) {
	looptest.Main(main)
	os.Exit(m.Run())
}

// Wrong usage has status 2 and one line that names the flag. Nothing begins.
func TestUsage(t *testing.T) {
	looptest.WantUsage(t, run, "json-rpc-over-websocket", nil, []looptest.Refusal{
		looptest.Wrong("for flag -every", "-every", "soon"),
		looptest.Wrong("-every 0s is less than 1ms", "-every", "0"),
		looptest.Wrong("-listen ws://127.0.0.1:0: want http://host:port", "-listen", "ws://127.0.0.1:0"),
		looptest.Wrong("-listen https://127.0.0.1:0: this example has no TLS there", "-listen", "https://127.0.0.1:0"),
	})
}

// If the system refuses to listen, the status is 1, and the line names the flag and the URL.
func TestExitStatus(t *testing.T) {
	used := "http://" + looptest.UsedAddr(t)
	looptest.WantExit(t, []string{"-listen", used}, 1, "-listen "+used+": ")
	looptest.WantExit(t, []string{"-listen", used}, 1, "address already in use\n")
}

func start(t *testing.T, every string) (p *looptest.Program, addr string) {
	t.Helper()
	p = looptest.Start(t, "-listen", "http://127.0.0.1:0", "-every", every, "-v")
	return p, p.Await(`Starting WS listener on ws://(\S+)/websocket`)[1]
}

// Calls as Mongoose's page makes them, and as the specification has them.
func TestCalls(t *testing.T) {
	p, addr := start(t, "1h")
	c := testclient.DialWebSocket(t, "ws://"+addr+"/websocket")
	for _, tc := range []struct{ in, want string }{
		{`{"id":0,"method":"sum","params":[1,2]}`, `{"jsonrpc":"2.0","id":0,"result":3}`},
		{`{"jsonrpc":"2.0","id":1,"method":"mul","params":[2,3.5]}`, `{"jsonrpc":"2.0","id":1,"result":7}`},
		{`{"method":"sum","params":[1,2]}`, ""},
		{`{"id":2,"method":"rpc.list"}`, `{"jsonrpc":"2.0","id":2,"result":["sum","mul","rpc.list"]}`},
		{`{"id":3,"method":"sum","params":[1]}`, `{"jsonrpc":"2.0","id":3,"error":{"code":-32602,"message":"sum: 1 params, want 2"}}`},
		{`{"id":4,"method":"sub"}`, `{"jsonrpc":"2.0","id":4,"error":{"code":-32601,"message":"there is no method \"sub\""}}`},
		{`hello`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"the message is not valid JSON"}}`},
		{`[{"id":5,"method":"sum","params":[1,2]},{"id":6,"method":"mul","params":[1e200,1e200]}]`,
			`[{"jsonrpc":"2.0","id":5,"result":3},{"jsonrpc":"2.0","id":6,"error":{"code":-32603,"message":"the result cannot be written: json: unsupported value: +Inf"}}]`},
	} {
		testclient.WriteText(t, c, tc.in)
		if tc.want == "" {
			continue
		}
		if got := testclient.ReadText(t, c); got != tc.want {
			t.Errorf("%s\ngot  %s\nwant %s", tc.in, got, tc.want)
		}
	}
	c.Close()
	p.Signal(syscall.SIGTERM)
	p.WantEnd()
}

// Every client gets every notification.
func TestNotifications(t *testing.T) {
	_, addr := start(t, "20ms")
	var clients [2]net.Conn
	for i := range clients {
		clients[i] = testclient.DialWebSocket(t, "ws://"+addr+"/websocket")
	}
	for _, c := range clients {
		for range 3 {
			if got := testclient.ReadText(t, c); got != `{"jsonrpc":"2.0","method":"notification1","params":[1,2,3]}` {
				t.Errorf("notification %s", got)
			}
		}
	}
}

// Other paths are the page. It needs no other file.
func TestPage(t *testing.T) {
	_, addr := start(t, "1h")
	r, err := http.Get("http://" + addr + "/any")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != 200 || !strings.Contains(string(body), "<title>JSON-RPC over WebSocket</title>") {
		t.Errorf("status %d, %v, %.100q", r.StatusCode, err, body)
	}
	for _, word := range []string{"src=", "http://", "https://", "@import", "url("} {
		if strings.Contains(string(body), word) {
			t.Errorf("the page has %q", word)
		}
	}
}
