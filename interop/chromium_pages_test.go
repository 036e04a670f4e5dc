package interop

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// focus sets the focus to an element.
func (b *page) focus(id string) { b.eval(nil, `document.getElementById(%q).focus()`, id) }

// key presses and releases a key.
func (b *page) key(name string) {
	b.t.Helper()
	key := map[string]any{"key": name, "code": name}
	if name == "Enter" {
		key["windowsVirtualKeyCode"], key["text"] = 13, "\r"
	}
	for _, kind := range []string{"keyDown", "keyUp"} {
		key["type"] = kind
		b.call("Input.dispatchKeyEvent", key)
	}
}

// wantControls checks the badge, and which buttons can be pressed.
func (b *page) wantControls(state string, enabled ...string) {
	b.t.Helper()
	var badge string
	b.eval(&badge, `document.getElementById("state").textContent`)
	var got []string
	b.eval(&got, `[...document.querySelectorAll("button")].filter(e => !e.disabled).map(e => e.id)`)
	if badge != state || !slices.Equal(got, enabled) {
		b.t.Errorf("the badge is %q, the buttons %q are enabled, want %q, %q", badge, got, state, enabled)
	}
}

// wantLabels checks that each field has a label that can be seen.
func (b *page) wantLabels() {
	b.t.Helper()
	var without []string
	b.eval(&without, `[...document.querySelectorAll("input, select")].filter(e => !e.labels.length || !e.labels[0].innerText.trim()).map(e => e.id)`)
	if len(without) > 0 {
		b.t.Errorf("the fields %q have no label", without)
	}
}

// wantFits checks that the page needs no scrolling to the side on narrow screens.
func (b *page) wantFits() {
	b.t.Helper()
	for _, width := range []int{320, 480, 1280} {
		b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 700, "deviceScaleFactor": 1, "mobile": false})
		var needed int
		b.eval(&needed, `document.scrollingElement.scrollWidth`)
		if needed > width {
			b.t.Errorf("on a screen of %d pixels the page has %d", width, needed)
		}
	}
	b.call("Emulation.clearDeviceMetricsOverride", nil)
}

// contrasts returns the texts whose contrast to their background is less than 4.5, as in
// [WCAG 2.2 1.4.3], without disabled buttons.
const contrasts = `(() => {
	const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
	const rgb = css => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = css; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
	const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
	const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] === 255) return c; } return rgb("Canvas"); };
	const own = e => e.matches("input") || [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
	return [...document.body.querySelectorAll("*:not(script, style, option, :disabled)")].filter(own).map(e => {
		const [a, b] = [light(rgb(getComputedStyle(e).color)), light(behind(e))].sort((a, b) => b - a);
		return [(a + .05) / (b + .05), e.tagName + "#" + e.id + "." + e.className + " " + e.textContent.slice(0, 30)];
	}).filter(([ratio]) => ratio < 4.5).map(([ratio, what]) => ratio.toFixed(2) + " " + what);
})()`

// wantContrast checks that all texts can be read, on a light and on a dark screen, and that the two
// differ.
func (b *page) wantContrast() {
	b.t.Helper()
	seen := map[string]bool{}
	for _, scheme := range []string{"light", "dark"} {
		b.call("Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]string{"name": "prefers-color-scheme", "value": scheme}}})
		var weak []string
		if b.eval(&weak, contrasts); len(weak) > 0 {
			b.t.Errorf("%s: little contrast: %q", scheme, weak)
		}
		var color string
		b.eval(&color, `getComputedStyle(document.getElementById("log")).backgroundColor`)
		seen[color] = true
	}
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []any{}})
	if len(seen) != 2 {
		b.t.Errorf("the log has the color %v on a light and on a dark screen", seen)
	}
}

// wantNumbers checks the numbers of messages, and that there is a latency if any was received.
func (b *page) wantNumbers(sent, received string) {
	b.t.Helper()
	var got []string
	b.eval(&got, `["sent", "received", "latency", "median"].map(id => document.getElementById(id).textContent)`)
	hasLatency := strings.HasSuffix(got[2], " ms") && strings.HasSuffix(got[3], " ms")
	if got[0] != sent || got[1] != received || hasLatency != (received != "0") {
		b.t.Errorf("the numbers are %q, want %s sent and %s received", got, sent, received)
	}
}

// wantTimes checks that each line has a time, not before the line above, and each echo a latency.
func (b *page) wantTimes() {
	b.t.Helper()
	var bad []string
	b.eval(&bad, `[...document.querySelectorAll("#log li")].filter((li, i, all) => {
		const time = li.querySelector("time"), latency = li.querySelector(".latency");
		const before = i > 0 ? all[i - 1].querySelector("time").dateTime : "";
		return !/^\d\d:\d\d:\d\d\.\d{3}$/.test(time.textContent) || time.dateTime < before ||
			li.className === "received" && !/^[\d.]+ ms$/.test(latency?.textContent) || li.className === "sent" && latency;
	}).map(li => li.textContent)`)
	if len(bad) > 0 {
		b.t.Errorf("lines without a time or a latency: %q", bad)
	}
}

// useRPCPage uses the page of examples/json-rpc-over-websocket as a person would.
func useRPCPage(t *testing.T, addr string) {
	l := newLoop(t)
	server := launch(t, example(t, "json-rpc-over-websocket"), "-listen", "http://127.0.0.1:0", "-every", "1h")
	at := server.match(`Starting WS listener on ws://(\S+)/websocket$`)
	if at == nil {
		t.Fatalf("json-rpc-over-websocket does not listen: %q", server.output())
	}
	b := l.openPage(addr)
	b.call("Page.navigate", map[string]any{"url": "http://" + at[1] + "/"})
	b.await(`document.querySelectorAll("#methods option").length === 3`)
	b.wantControls("open", "send", "connect")
	b.wantLabels()
	b.wantFits()
	call := func(method, params string) {
		t.Helper()
		n := len(b.lines())
		b.fill("method", method)
		b.fill("params", params)
		b.press("send")
		b.await(fmt.Sprintf(`document.querySelectorAll("#log li").length > %d`, n))
	}
	call("sum", "[1, 2]")
	call("mul", "[2, 3]")
	call("mul", "[2]")
	call("mul", "[2")
	call("sub", "")
	b.wantContrast()
	b.press("connect")
	b.await(`document.body.dataset.state === "closed"`)
	b.wantControls("closed", "connect")
	b.wantContrast()
	b.press("connect")
	b.await(`document.body.dataset.state === "open"`)
	call("sum", "[3, 4]") // is answered after rpc.list, which the page calls
	server.signal(syscall.SIGTERM)
	b.await(`document.body.dataset.state === "closed"`)
	want := []string{"note: connected", "sent: sum [1, 2] → 3", "sent: mul [2, 3] → 6", "bad: mul [2]: mul: 1 params, want 2 (-32602)",
		"bad: mul [2: Expected ',' or ']' after array element in JSON at position 2 (line 1 column 3)",
		`bad: sub : there is no method "sub" (-32601)`, "note: closed, code 1000", "note: connected", "sent: sum [3, 4] → 7", "note: closed, code 1001"}
	got := b.lines()
	if len(got) == len(want) && strings.HasPrefix(got[4], "bad: mul [2: ") { // the text is the browser's
		want[4] = got[4]
	}
	if !slices.Equal(got, want) {
		t.Errorf("the page logs\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// usePage uses the page of examples/websocket-server as a person would. The page's log and the
// server's log must agree.
func usePage(t *testing.T, addr, scheme string, args ...string) {
	l := newLoop(t)
	server := launch(t, example(t, "websocket-server"), append(args, "-v", "-deflate")...)
	at := server.match(`listening url=\S+ local=(\S+)$`)
	if at == nil {
		t.Fatalf("websocket-server does not listen: %q", server.output())
	}
	b := l.openPage(addr)
	b.call("Page.navigate", map[string]any{"url": scheme + "://" + at[1] + "/"})
	b.await(`document.body && document.body.dataset.state === "open"`)
	b.wantControls("open", "send", "binary", "large", "close")
	b.wantLabels()
	b.wantFits()
	b.wantContrast()
	b.send("send")
	b.send("binary")
	b.fill("text", "каждое слово "+strings.Repeat("x", 1000))
	b.send("send")
	b.send("large")
	b.fill("text", "")
	b.send("send")
	b.fill("code", "4000")
	b.fill("reason", "so long")
	b.press("close")
	b.await(`document.body.dataset.state === "closed"`)
	b.wantControls("closed", "reconnect")
	b.wantContrast()
	b.wantNumbers("5", "5")
	b.focus("text")
	b.key("Enter") // Send is disabled, so nothing is sent
	b.focus("reconnect")
	b.key("Enter")
	b.await(`document.body.dataset.state === "open"`)
	b.await(`document.activeElement.id === "send"`) // the button that had the focus is disabled
	b.wantNumbers("0", "0")
	b.fill("text", "by keyboard")
	b.focus("text")
	b.key("Enter")
	b.await(`document.getElementById("received").textContent === "1"`)
	b.focus("send")
	server.signal(syscall.SIGTERM)
	b.await(`document.body.dataset.state === "closed"`)
	b.await(`document.activeElement.id === "reconnect"`)

	const open = "note: open, extensions: permessage-deflate"
	want := []string{open,
		`sent: text "hello"`, `received: text "hello", as sent`,
		`sent: binary of 5 bytes`, `received: binary of 5 bytes, as sent`,
		`sent: text of 1013 characters`, `received: text of 1013 characters, as sent`,
		`sent: binary of 1048576 bytes`, `received: binary of 1048576 bytes, as sent`,
		`sent: text ""`, `received: text "", as sent`,
		`note: closed cleanly, code 4000`,
		open,
		`sent: text "by keyboard"`, `received: text "by keyboard", as sent`,
		`note: closed cleanly, code 1001`,
	}
	b.wantTimes()
	got := b.lines()
	if !slices.Equal(got, want) {
		t.Errorf("the page logs\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	t.Logf("the page logs\n%s", strings.Join(got, "\n"))
	for _, line := range []string{"op=text bytes=5", "op=binary bytes=5", "op=text bytes=1024", "op=binary bytes=1048576", "op=text bytes=0", "op=text bytes=11",
		`closed by the peer id=\d+ code=4000 reason="so long"`, `closed by the peer id=\d+ code="1001 going away"`} {
		if server.match(line+`.*`) == nil {
			t.Errorf("the server does not log %q", line)
		}
	}
	if err := server.wait(); err != nil {
		t.Error(err)
	}
}
