package interop

import (
	"encoding/json"
	"fmt"
	"syscall"
	"testing"
)

// startBackplane starts a process of examples/backplane.
func startBackplane(t *testing.T, name, listen, broker string, others ...string) *process {
	t.Helper()
	args := []string{"-name", name, "-listen", "http://" + listen, "-broker", broker, "-v"}
	for _, o := range others {
		args = append(args, "-other", "http://"+o)
	}
	p := launch(t, example(t, "backplane"), args...)
	if p.match(`listening name=`+name) == nil || p.match(`READY`) == nil {
		t.Fatalf("backplane does not start: %q", p.output())
	}
	return p
}

// say types a message into the page.
func (b *page) say(who, text string) {
	b.t.Helper()
	b.fill("who", who)
	b.fill("text", text)
	b.press("send")
}

// shows waits for exactly one message with a text, whose small print has another.
func (b *page) shows(text, small string) {
	b.t.Helper()
	quoted, err := json.Marshal(text)
	noError(b.t, err)
	lines := fmt.Sprintf(`[...document.querySelectorAll("#log li")].filter(li => li.querySelector("p")?.textContent === %s)`, quoted)
	b.await(fmt.Sprintf(`%s.length === 1 && %[1]s[0].querySelector("small").textContent.includes(%q)`, lines, small))
}

// browserBackplane uses the pages of two processes: with each other, without the broker, and
// after the loss of a process.
func browserBackplane(t *testing.T, addr string) {
	ports := freePorts(t, 6)
	one, two := ports[0], ports[1]
	broker := startExampleServer(t, ports[2:]...)
	a := startBackplane(t, "a", one, broker.urls["mqtt"], two)
	startBackplane(t, "b", two, broker.urls["ws"], one)
	l := newLoop(t)
	open := func(at string) *page {
		b := l.openPage(addr)
		b.call("Page.enable", nil)
		b.call("Page.navigate", map[string]any{"url": "http://" + at + "/"})
		b.await(`document.body?.dataset.state === "open" && document.body.dataset.broker === "up"`)
		return b
	}
	first, second := open(one), open(two)
	first.await(`document.getElementById("servers").textContent === "a: 1 browserb: 1 browser"`)
	first.say("Ann", "hello")
	first.shows("hello", "passed on")
	second.shows("hello", "at a")
	second.say("Ben", "hello too")
	first.shows("hello too", "at b")

	const evil = `<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>`
	first.say(evil[:40], evil)
	second.shows(evil, "at a")
	second.await(`!window.hacked && document.images.length === 0`)
	first.say("Ann", "aLongWordWithoutAnySpaceThatDoesNotFitInto"+"AnyScreenOfAPhoneButMustNotMakeThePageWider")

	// The broker goes: both pages say so, and what is typed waits for it.
	broker.signal(syscall.SIGTERM)
	noError(t, broker.wait())
	for _, b := range []*page{first, second} {
		b.await(`document.body.dataset.broker === "down"`)
	}
	first.say("Ann", "are you there?")
	first.shows("are you there?", "waits for the broker")
	second.looks("backplane-broker-away")
	startExampleServer(t, ports[2:]...)
	first.shows("are you there?", "passed on")
	first.await(`document.body.dataset.broker === "up"`)
	second.await(`document.body.dataset.broker === "up"`)
	second.say("Ben", "now I am")
	first.shows("now I am", "at b")

	// A process is killed: its browser goes to the other one.
	a.cmd.Process.Signal(syscall.SIGKILL)
	a.wait()
	first.await(`document.getElementById("state").textContent === "connected to b"`)
	first.await(`document.getElementById("servers").textContent === "b: 2 browsers"`)
	first.say("Ann", "I have moved")
	second.shows("I have moved", "at b")
	first.looks("backplane")
	first.wantLabels()
	first.tabTo("#who")
	first.tab()
	first.tabTo("#text")
	first.tab()
	first.tabTo("#send")
}
