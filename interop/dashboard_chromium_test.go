package interop

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// look makes the page as wide as a screen, light or dark, and checks that nothing is cut off or has
// to be scrolled sideways. With RIKKI_SHOTS it writes a picture to that folder.
func (b *page) look(name string, width, height int, scheme string) {
	b.t.Helper()
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false})
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}})
	var got struct {
		Wide  []string
		Back  float64
		Front float64
	}
	b.eval(&got, `(() => {
		const light = c => { const [r, g, b] = c.match(/[\d.]+/g).map(Number); return (r + g + b) / 765 };
		const style = getComputedStyle(document.body);
		return {
			wide: [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1)
				.map(e => e.tagName + "." + e.className + "#" + e.id).concat(document.documentElement.scrollWidth > innerWidth ? ["page"] : []),
			back: light(style.backgroundColor), front: light(style.color),
		};
	})()`)
	if len(got.Wide) > 0 {
		b.t.Errorf("%s, %d pixels wide: too wide: %q", name, width, got.Wide)
	}
	if dark := scheme == "dark"; dark != (got.Back < 0.3) || dark != (got.Front > 0.7) {
		b.t.Errorf("%s, %s: background %.2f, text %.2f", name, scheme, got.Back, got.Front)
	}
	dir := os.Getenv("RIKKI_SHOTS")
	if dir == "" {
		return
	}
	var shot struct{ Data string }
	noError(b.t, json.Unmarshal(b.call("Page.captureScreenshot", map[string]any{"captureBeyondViewport": false}), &shot))
	picture, err := base64.StdEncoding.DecodeString(shot.Data)
	noError(b.t, err)
	noError(b.t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%s-%d.png", name, scheme, width)), picture, 0o644))
}

// looks looks at a page on wide and narrow screens, light and dark.
func (b *page) looks(name string) {
	b.t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int{320, 1100} {
			b.look(name, width, 900, scheme)
		}
	}
}

// strike presses and releases a key with a code and, for a character, its text.
func (b *page) strike(name string, code int, text string) {
	b.t.Helper()
	key := map[string]any{"type": "keyDown", "key": name, "code": name, "windowsVirtualKeyCode": code, "text": text}
	b.call("Input.dispatchKeyEvent", key)
	key["type"] = "keyUp"
	delete(key, "text")
	b.call("Input.dispatchKeyEvent", key)
}

func (b *page) tab() { b.strike("Tab", 9, "") }

// tabTo presses Tab until an element has the focus, and wants its focus to be visible.
func (b *page) tabTo(selector string) {
	b.t.Helper()
	for range 40 {
		var there, visible bool
		b.eval(&there, `document.activeElement.matches(%q)`, selector)
		if there {
			b.eval(&visible, `parseFloat(getComputedStyle(document.activeElement).outlineWidth) >= 2`)
			if !visible {
				b.t.Errorf("%s: the focus cannot be seen", selector)
			}
			return
		}
		b.tab()
	}
	b.t.Errorf("%s cannot be reached with Tab", selector)
}

// dashboardServer starts the program. ports are for the page and for both listeners of its broker.
func dashboardServer(t *testing.T, ports []string, args ...string) *process {
	t.Helper()
	p := launch(t, example(t, "mqtt-dashboard"), append(args, "-listen", "http://"+ports[0], "-mqtt", "mqtt://"+ports[1], "-ws", "ws://"+ports[2]+"/mqtt", "-v")...)
	if p.match(`the page is`) == nil {
		t.Fatalf("mqtt-dashboard does not start: %q", p.output())
	}
	return p
}

// openDashboard opens the page and waits until it is connected.
func (l *loop) openDashboard(addr, url string) *page {
	l.t.Helper()
	b := l.openPage(addr)
	b.call("Page.enable", nil)
	b.call("Page.navigate", map[string]any{"url": url})
	b.await(`document.body?.dataset.state === "open"`)
	return b
}

// card is the card of a device.
func card(id string) string { return fmt.Sprintf(`document.querySelector('[data-id="%s"]')`, id) }

// browserDashboard uses the page of examples/mqtt-dashboard.
func browserDashboard(t *testing.T, addr string) {
	l := newLoop(t)
	ports := freePorts(t, 3)
	broker := "mqtt://" + ports[1]
	server := dashboardServer(t, ports, "-devices", "1", "-every", "50ms")
	b := l.openDashboard(addr, "http://"+ports[0])
	b.await(card("device-1") + `?.dataset.state === "online"`)

	// A device comes, in another process. It measures.
	device := launch(t, example(t, "device"), "-u", broker, "-i", "garage", "-every", "50ms", "-v")
	b.await(card("garage") + `?.dataset.state === "online"`)
	b.await(card("garage") + `.querySelectorAll("figure").length === 2`)
	b.await(card("garage") + `.querySelector("polyline").getAttribute("points").split(" ").length > 20`)

	// The LED is switched with the keyboard; the device obeys, and says so.
	b.tabTo(`[data-id=garage] [role=switch]`)
	b.strike(" ", 32, " ")
	b.await(card("garage") + `.querySelector("[role=switch]").ariaChecked === "true"`)
	if device.match(`LED device=garage on=true`) == nil {
		t.Error("the device has not switched its LED")
	}
	b.strike(" ", 32, " ")
	b.await(card("garage") + `.querySelector("[role=switch]").ariaChecked === "false"`)
	b.strike(" ", 32, " ")
	b.await(card("garage") + `.querySelector("[role=switch]").ariaChecked === "true"`)

	// Firmware of several chunks.
	b.eval(nil, `(() => {
		const files = new DataTransfer(), input = %s.querySelector("input[type=file]");
		files.items.add(new File([new Uint8Array(10000)], "image.bin"));
		input.files = files.files;
		input.dispatchEvent(new Event("change"));
	})()`, card("garage"))
	b.await(card("garage") + `.querySelector("dd").textContent === "sha256-95b532cc"`)

	browserCodec(t, b)
	browserInjection(t, b, l, broker)
	b.looks("dashboard")
	b.eval(nil, `for (const d of document.querySelectorAll("details")) d.open = true; scrollTo(0, 1e6)`)
	b.looks("dashboard-end")
	b.eval(nil, `for (const d of document.querySelectorAll("details")) d.open = false; scrollTo(0, 0)`)

	// The device goes, without a word: the broker publishes its will. Then it is forgotten.
	device.cmd.Process.Signal(syscall.SIGKILL)
	device.wait()
	b.await(card("garage") + `.dataset.state === "offline"`)
	b.look("dashboard-offline", 1100, 900, "light")
	b.eval(nil, `%s.querySelector("button.quiet").click()`, card("garage"))
	b.await(card("garage") + ` === null`)

	// The broker goes, and the badge says so. When it is back, the page is connected again.
	server.signal(syscall.SIGTERM)
	b.await(`document.body.dataset.state !== "open"`)
	b.await(`document.getElementById("state").textContent !== "connected"`)
	b.look("dashboard-lost", 1100, 900, "dark")
	if err := server.wait(); err != nil {
		t.Error(err)
	}
	dashboardServer(t, ports, "-devices", "2", "-every", "50ms")
	b.await(`document.body.dataset.state === "open"`)
	b.await(card("device-2") + `?.dataset.state === "online"`)
	b.await(card("device-1") + `?.dataset.state === "online"`)
	b.await(`[...document.querySelectorAll(".card")].map(e => e.dataset.state).sort().join() === "offline,online,online"`) // the hostile one has gone
}

// browserDashboardMosquitto uses the page with mosquitto.
func browserDashboardMosquitto(t *testing.T, addr string) {
	mosquitto, ports := startMosquitto(t), freePorts(t, 3)
	var url string
	for _, r := range mosquitto.routes {
		if r.name == "ws" {
			url = r.url
		}
	}
	dashboardServer(t, ports, "-broker", url, "-topic", "house", "-every", "100ms")
	b := newLoop(t).openDashboard(addr, "http://"+ports[0])
	for _, id := range []string{"device-1", "device-2"} {
		b.await(card(id) + `?.querySelectorAll("figure").length === 2`)
		b.eval(nil, `%s.querySelector("[role=switch]").click()`, card(id))
		b.await(card(id) + `.querySelector("[role=switch]").ariaChecked === "true"`)
	}
}

// browserCodec tests the page's codec: each packet is found however the stream is split, and sizes
// that are too large are errors.
func browserCodec(t *testing.T, b *page) {
	var got []string
	b.eval(&got, `(async () => {
		const {packet, parse} = await import("/mqtt.js");
		const wrong = [];
		for (const size of [0, 1, 127, 128, 16383, 16384, 1 << 20]) {
			const p = packet(3, 1, new Uint8Array(size).fill(7), []);
			const more = new Uint8Array([...p, 0xd0, 0]);
			const q = parse(more);
			if (!q || q.type !== 3 || q.flags !== 1 || q.body.length !== size || q.used !== p.length || parse(more.subarray(q.used)).type !== 13)
				wrong.push("size " + size);
			for (let n = 0; n < p.length; n += n < 10 ? 1 : 1000)
				if (parse(p.subarray(0, n)) !== null)
					wrong.push("size " + size + ", " + n + " bytes");
		}
		for (const bad of [[0x30, 255, 255, 255, 255], [0x30, 255, 255, 255, 255, 1], [0x30, 129, 128, 64], [0x30, 128, 128, 128, 128]]) {
			try {
				parse(new Uint8Array(bad));
				wrong.push("accepted: " + bad);
			} catch { /* as it should */ }
		}
		return wrong;
	})()`)
	if len(got) > 0 {
		t.Errorf("the codec of the page: %q", got)
	}
}

// browserInjection lets a hostile device announce itself: what it says is text.
func browserInjection(t *testing.T, b *page, l *loop, broker string) {
	const id = `<img src=x onerror="window.hacked=1">` // a level of a topic has no slash
	evil := `<script>window.hacked = 1</script><img src=x onerror="window.hacked=1">`
	text, err := json.Marshal(map[string]any{"method": "status.notify", "params": map[string]any{
		"status": "online", "led_status": evil, "firmware_version": evil, "__proto__": map[string]any{"hacked": 1}}})
	noError(t, err)
	values, err := json.Marshal(map[string]any{"params": map[string]any{
		evil: 1, "constructor": -1e15, "__proto__": 3, "more": 4, "text": evil, "toString": 1e308, "object": map[string]int{}}})
	noError(t, err)
	const root = "mg_mqtt_dashboard/"
	done := false
	_, err = mqtt.Connect(l.m, broker, &mqtt.Options{}, func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev != reactor.EvMQTTOpen {
			return
		}
		for _, m := range [][2]string{
			{root + id + "/status", string(text)}, {root + id + "/values", string(values)}, {root + id + "/values", string(values)},
			{root + "bad/status", "no JSON " + evil}, {root + "bad/status", "[1]"}, {root + "bad/status", "null"}, {root + "bad/status", `{"params":[]}`},
			{root + "bad/tx", `{"id":{}}`}, {root + "bad/values", `{"params":{"x":1}}`}, {root + "empty/status", ""},
		} {
			if _, err := mqtt.Pub(c, &mqtt.Options{Topic: m[0], Message: []byte(m[1])}); err != nil {
				t.Error(err)
			}
		}
		mqtt.Disconnect(c, nil)
		done = true
	}, nil)
	noError(t, err)
	l.until("the hostile messages", func() bool { return done })
	mine := `[...document.querySelectorAll(".card")].find(e => e.dataset.id.startsWith("<img"))`
	b.await(mine + `?.querySelectorAll("figure").length === 4`)
	var got struct {
		Hacked bool
		Images int
		Name   string
	}
	b.eval(&got, `({hacked: "hacked" in window || "hacked" in {}, images: document.images.length + document.querySelectorAll("body script").length,
		name: %s.querySelector("h2").textContent})`, mine)
	if got.Hacked || got.Images != 0 || got.Name != id {
		t.Errorf("a hostile device: %+v", got)
	}
}
