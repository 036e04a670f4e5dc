package interop

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	rikkihttp "github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// page is a page of a headless Chromium. The test controls it over a WebSocket to the
// browser, with the DevTools protocol.
type page struct {
	t     *testing.T
	tools *wsOurs
	calls int
}

// chromium returns the path of the browser. Without it the test is skipped. With
// RIKKI_REQUIRE_ALL it fails.
func chromium(t *testing.T) string {
	t.Helper()
	return looptest.Installed(t, "chromium", "chromium-browser", "google-chrome")
}

// startChromium starts a browser for a test and returns the address of its DevTools.
func startChromium(t *testing.T) (addr string) {
	t.Helper()
	p := launch(t, chromium(t), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-dev-shm-usage", "--disable-extensions", "--disable-default-apps", "--mute-audio", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--ignore-certificate-errors", // the authority is a test's
		"--user-data-dir="+t.TempDir(), "--remote-debugging-port=0", "about:blank")
	at := p.match(`^DevTools listening on (ws://([^/]+)/\S+)`)
	if at == nil {
		t.Fatalf("chromium does not start: %q", p.output())
	}
	t.Cleanup(func() { // before launch sends SIGTERM, which takes longer
		b := &page{t: t, tools: newLoop(t).dialWS(ourWays[0], at[1])}
		b.call("Browser.close", nil)
		if err := p.wait(); err != nil {
			t.Error(err)
		}
	})
	return at[2]
}

// openPage opens an empty page in the browser whose DevTools have the address addr.
func (l *loop) openPage(addr string) *page {
	l.t.Helper()
	request, err := http.NewRequest("PUT", "http://"+addr+"/json/new?about:blank", nil)
	if err != nil {
		l.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		l.t.Fatal(err)
	}
	defer answer.Body.Close()
	var opened struct {
		URL string `json:"webSocketDebuggerUrl"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&opened); err != nil {
		l.t.Fatal(err)
	}
	return &page{t: l.t, tools: l.dialWS(ourWays[0], opened.URL)}
}

// call calls a method of the DevTools protocol. It drops events that come before the answer.
func (b *page) call(method string, params any) (result json.RawMessage) {
	b.t.Helper()
	b.calls++
	request, err := json.Marshal(map[string]any{"id": b.calls, "method": method, "params": params})
	if err != nil {
		b.t.Fatal(err)
	}
	b.tools.send(wsMessage{ws.OpText, request})
	for {
		b.tools.until("the answer to "+method, func() bool { return len(b.tools.got) > 0 || b.tools.closed || b.tools.err != nil })
		if len(b.tools.got) == 0 {
			b.t.Fatalf("%s: the browser has closed the connection: %v", method, b.tools.err)
		}
		var answer struct {
			ID     int
			Result json.RawMessage
			Error  *struct{ Message string }
		}
		err := json.Unmarshal(b.tools.got[0].data, &answer)
		b.tools.got = b.tools.got[1:]
		switch {
		case err != nil:
			b.t.Fatalf("%s: %v", method, err)
		case answer.Error != nil:
			b.t.Fatalf("%s: %s", method, answer.Error.Message)
		case answer.ID == b.calls:
			return answer.Result
		}
	}
}

// eval evaluates JavaScript on the page and stores the value. If the value is a promise,
// eval waits for its result.
func (b *page) eval(value any, format string, args ...any) {
	b.t.Helper()
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	raw := b.call("Runtime.evaluate", map[string]any{
		"expression": fmt.Sprintf(format, args...), "returnByValue": true, "awaitPromise": true})
	if err := json.Unmarshal(raw, &answer); err != nil || answer.ExceptionDetails != nil {
		b.t.Fatalf("%.200s: %v %s", format, err, answer.ExceptionDetails)
	}
	if value == nil {
		return
	}
	if err := json.Unmarshal(answer.Result.Value, value); err != nil {
		b.t.Fatalf("%.200s: %v in %s", format, err, raw)
	}
}

// await waits until an expression is true.
func (b *page) await(condition string) {
	b.t.Helper()
	late := time.Now().Add(timeout)
	for done := false; !done; b.eval(&done, `Boolean(%s)`, condition) {
		if time.Now().After(late) {
			b.t.Fatalf("timeout: %s is not true; the log of the page is %q", condition, b.lines())
		}
	}
}

// lines returns the lines of the page's log.
func (b *page) lines() (all []string) {
	b.t.Helper()
	b.eval(&all, `[...document.querySelectorAll("#log li")].map(li => li.className + ": " + (li.querySelector(".text") ?? li).textContent)`)
	return all
}

// press presses a button of the page.
func (b *page) press(id string) { b.eval(nil, `document.getElementById(%q).click()`, id) }

// fill fills in a field of the page.
func (b *page) fill(id, value string) {
	b.eval(nil, `document.getElementById(%q).value = %q`, id, value)
}

// send presses a button and waits for the echo.
func (b *page) send(button string) {
	b.t.Helper()
	n := len(b.lines())
	b.press(button)
	b.await(fmt.Sprintf(`document.querySelectorAll("#log li").length >= %d`, n+2))
}

// One browser runs all tests with a browser, each in its own page.
func TestChromium(t *testing.T) {
	chromium(t) // skips the test before it waits
	t.Parallel()
	addr := startChromium(t)
	id := identities()
	for _, row := range []struct {
		listen, page string
		args         []string
	}{
		{"ws", "http", nil},
		{"wss", "https", []string{"-cert", id.cert, "-key", id.key}},
	} {
		t.Run(row.listen, func(t *testing.T) {
			t.Parallel()
			usePage(t, addr, row.page, append(row.args, "-listen", row.listen+"://127.0.0.1:0")...)
		})
	}
	t.Run("client", func(t *testing.T) {
		t.Parallel()
		browserClient(t, addr)
	})
	t.Run("files", func(t *testing.T) {
		t.Parallel()
		browserFiles(t, addr)
	})
	t.Run("JSON-RPC", func(t *testing.T) {
		t.Parallel()
		useRPCPage(t, addr)
	})
	t.Run("origin", func(t *testing.T) {
		t.Parallel()
		browserOrigins(t, addr)
	})
	t.Run("dashboard", func(t *testing.T) {
		t.Parallel()
		browserDashboard(t, addr)
	})
	t.Run("dashboard with mosquitto", func(t *testing.T) {
		t.Parallel()
		browserDashboardMosquitto(t, addr)
	})
	t.Run("backplane", func(t *testing.T) {
		t.Parallel()
		browserBackplane(t, addr)
	})
}

// browserOrigins lets pages of a server and an empty page open WebSockets to that server and to
// another one. By default a server accepts its own pages only.
func browserOrigins(t *testing.T, addr string) {
	l := newLoop(t)
	serve := func(origins ...string) (host string) {
		c, err := rikkihttp.Listen(l.m, "http://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev != reactor.EvHTTPMsg {
				return
			}
			if hm := data.(*rikkihttp.Message); hm.Header("Upgrade") == nil {
				rikkihttp.Reply(c, 200, "Content-Type: text/html\r\n", "<!doctype html><title>page</title>")
			} else {
				ws.Upgrade(c, hm, "", &ws.Options{Origins: origins})
			}
		}, nil)
		noError(t, err)
		return c.LocalAddr().String()
	}
	own := serve()
	others := "http://" + own
	for _, row := range []struct{ page, server, want string }{
		{"http://" + own + "/", own, "open"},
		{"http://" + own + "/", serve(), "refused"},
		{"http://" + own + "/", serve(others), "open"},
		{"http://" + own + "/", serve("http://127.0.0.1:*"), "open"},
		{"http://" + own + "/", serve("https://127.0.0.1:*", "null"), "refused"},
		{"about:blank", own, "refused"},
		{"about:blank", serve("null"), "open"},
		{"about:blank", serve("*"), "open"},
	} {
		b := l.openPage(addr)
		if row.page != "about:blank" { // which a new page shows; to navigate would end what runs on it
			b.call("Page.navigate", map[string]any{"url": row.page})
		}
		b.await(`document.readyState === "complete" && location.href === "` + row.page + `"`)
		var got string
		b.eval(&got, `new Promise(resolve => {
			const socket = new WebSocket("ws://%s/");
			socket.onopen = () => resolve("open");
			socket.onerror = () => resolve("refused");
		})`, row.server)
		if got != row.want {
			t.Errorf("a page of %s, server %s: %s, want %s", row.page, row.server, got, row.want)
		}
	}
}

// conversing is a client's part of a conversation in a browser. It returns the number of
// messages that came back, and what was negotiated.
const conversing = `(async () => {
	const socket = new WebSocket(%q, ["other", "chat.example"]);
	socket.binaryType = "arraybuffer";
	const came = [], waiting = [];
	socket.onmessage = e => waiting.length ? waiting.shift()(e.data) : came.push(e.data);
	const closed = new Promise(resolve => socket.onclose = e => resolve([e.wasClean, e.code, e.reason]));
	await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = () => reject("no WebSocket") });
	const next = () => came.length ? came.shift() : new Promise(resolve => waiting.push(resolve));
	let n = 0;
	const want = async m => {
		const got = await next();
		const same = typeof m === "string" ? m === got : m.length === got.byteLength && new Uint8Array(got).every((x, i) => x === m[i]);
		if (!same)
			throw new Error("message " + n + " is not as sent");
		n++;
	};
	const messages = [];
	for (const size of %s) {
		messages.push(Uint8Array.from({length: size}, (_, i) => i ^ i >> 8));
		messages.push("each word, jedes Wort, каждое слово; ".repeat(1 + size / 30).slice(0, size));
	}
	messages.push(crypto.getRandomValues(new Uint8Array(5000)), crypto.getRandomValues(new Uint8Array(125)));
	for (const m of messages) {
		socket.send(m);
		await want(m);
	}
	for (const m of messages)
		socket.send(m);
	for (const m of messages)
		await want(m);
	socket.close(4321, "good-bye, мир");
	return {n, extensions: socket.extensions, protocol: socket.protocol, closed: await closed};
})()`

// browserClient lets a browser be the client of our server, with each setting of ours for
// compression.
func browserClient(t *testing.T, addr string) {
	l := newLoop(t)
	b := l.openPage(addr)
	for _, way := range ourWays {
		o, url := l.serveWS(way)
		var out struct {
			N                    int
			Extensions, Protocol string
			Closed               []any
		}
		sizes := "[0, 1, 16, 125, 126, 1000, 16384, 65535, 65536]"
		if way.deflate != nil { // compressed frames have other sizes anyway
			sizes = "[0, 1, 16, 125, 126, 1000, 40000]"
		}
		b.eval(&out, conversing, url, sizes)
		o.ends(clientsClose)
		if out.Protocol != subprotocol || fmt.Sprint(out.Closed) != "[true 4321 ]" {
			t.Errorf("%s: the browser reports %+v", way.name, out)
		}
		o.report(wsPeer{name: "chromium, ours " + or(way.name, "plain")}, "client", out.N, out.Extensions)
	}
}
