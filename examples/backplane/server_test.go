package main

import (
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// What is sent at one process appears at both, and its author gets the outcome.
func TestMessagesReachAllProcesses(t *testing.T) {
	broker, _ := startBroker(t, "127.0.0.1:0")
	a, b := startProcess(t, "a", broker), startProcess(t, "b", broker)
	atA, atB := dial(t, a.addr), dial(t, b.addr)
	if hello := atA.until("hello", func(*answer) bool { return true }); hello.Type != "hello" || hello.Server != "a" {
		t.Errorf("the first answer is %+v", hello)
	}
	atA.servers(memberInfo{"a", 1}, memberInfo{"b", 1})
	atB.broker(true)
	atA.send(`{"id":7,"who":"Ann","text":"hello"}`)
	number := atA.until("accepted", func(a *answer) bool { return a.Type == "accepted" && a.ID == 7 }).Number
	if m := atB.message("hello"); m.ID != number || m.From != "a" || m.Who != "Ann" {
		t.Errorf("the other process shows %+v, number %s", m, number)
	}
	if e := atA.outcome(7); e != "" {
		t.Errorf("the outcome is %q", e)
	}
	atB.send(`{"id":1,"who":"Ben","text":"hello too"}`)
	if m := atA.message("hello too"); m.From != "b" || m.ID == number {
		t.Errorf("the first process shows %+v", m)
	}
}

// While the broker is away, messages wait. When it is back, they have their outcome, and the
// processes reach each other again.
func TestBrokerRestarts(t *testing.T) {
	broker, stop := startBroker(t, "127.0.0.1:0")
	a, b := startProcess(t, "a", broker), startProcess(t, "b", broker)
	atA, atB := dial(t, a.addr), dial(t, b.addr)
	atA.broker(true)
	atB.broker(true)
	stop()
	atA.broker(false)
	atB.broker(false)
	atA.send(`{"id":1,"who":"Ann","text":"are you there?"}`)
	atA.until("accepted", func(a *answer) bool { return a.Type == "accepted" })
	startBroker(t, broker)
	if m := atA.message("are you there?"); m.From != "a" {
		t.Errorf("the message is %+v", m)
	}
	atB.broker(true)
	atB.servers(memberInfo{"a", 1}, memberInfo{"b", 1})
	atB.send(`{"id":1,"who":"Ben","text":"yes"}`)
	atA.message("yes")
	if e := atB.outcome(1); e != "" {
		t.Errorf("the outcome is %q", e)
	}
}

// A process that is killed leaves the list, by its will. The others go on, and it comes back under
// its name.
func TestProcessKilled(t *testing.T) {
	broker, _ := startBroker(t, "127.0.0.1:0")
	a, b := startProcess(t, "a", broker), startProcess(t, "b", broker)
	dial(t, a.addr)
	atB := dial(t, b.addr)
	atB.servers(memberInfo{"a", 1}, memberInfo{"b", 1})
	a.Signal(syscall.SIGKILL)
	atB.servers(memberInfo{"b", 1})
	atB.send(`{"id":1,"who":"Ben","text":"alone"}`)
	atB.message("alone")
	a = startProcess(t, "a", broker)
	atB.servers(memberInfo{"a", 0}, memberInfo{"b", 1})
	atA := dial(t, a.addr)
	atA.broker(true)
	atB.send(`{"id":2,"who":"Ben","text":"welcome back"}`)
	atA.message("welcome back")
}

// A broker that refuses the process for good ends it.
func TestRefusedByBroker(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	looptest.Must(t, err)
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		c.Read(make([]byte, 1024))                // CONNECT
		io.WriteString(c, "\x20\x03\x00\x87\x00") // CONNACK, not authorized
		io.Copy(io.Discard, c)
	}()
	looptest.WantExit(t, []string{"-listen", "http://127.0.0.1:0", "-broker", "mqtt://" + l.Addr().String()}, 1, "Not authorized")
}

// Other programs may write to the topics. What is not a message is dropped.
func TestForeignMessages(t *testing.T) {
	s := newServer(options{name: "a", topic: "t"}, nil, quiet)
	for _, row := range []struct{ topic, data, want string }{
		{"b", `{"browsers":2}`, "b"}, {"c", `{"browsers":-1}`, "b"}, {"c", `x`, "b"}, {"c", `{"browsers":"1"}`, "b"},
		{"c/d", `{"browsers":1}`, "b"}, {"", `{"browsers":1}`, "b"}, {"c", `{"browsers":0}`, "b c"}, {"b", "", "c"}, {"x", "", "c"},
		{"d", `{"browsers":1,"x":"` + strings.Repeat("x", maxMessage) + `"}`, "c"},
	} {
		s.receiveMember(nil, 0, &mqtt.Message{Topic: []byte("t/servers/" + row.topic), Data: []byte(row.data)})
		var names []string
		for _, x := range s.list().Servers {
			names = append(names, x.Name)
		}
		if got := strings.Join(names, " "); got != row.want {
			t.Errorf("after %s %.40s the list is %q, want %q", row.topic, row.data, got, row.want)
		}
	}
	for i := range 2 * maxServers {
		s.receiveMember(nil, 0, &mqtt.Message{Topic: []byte("t/servers/n" + strings.Repeat("x", i%60) + string(rune('a'+i/60))), Data: []byte(`{}`)})
	}
	if n := len(s.servers); n != maxServers {
		t.Errorf("%d processes are shown, want %d", n, maxServers)
	}
	s.ownChange = false
	s.receiveMember(nil, 0, &mqtt.Message{Topic: []byte("t/servers/a")})
	if !s.ownChange {
		t.Error("the process does not answer to its own will")
	}
	for _, data := range []string{"", "x", "[]", `{"id":"","from":"b","text":"x"}`, `{"id":"1","text":"x"}`, `{"id":1}`} {
		s.receive(nil, 0, &mqtt.Message{Topic: []byte("t/messages"), Data: []byte(data)}) // must not panic
	}
}

// The page is part of the program and loads nothing from elsewhere.
func TestPage(t *testing.T) {
	p := startProcess(t, "a", looptest.UsedAddr(t))
	for name, want := range map[string]struct {
		status int
		kind   string
	}{"": {200, "text/html"}, "main.js": {200, "text/javascript"}, "main.css": {200, "text/css"}, "none": {404, ""}, "ws": {426, ""}} {
		r, err := http.Get("http://" + p.addr + "/" + name)
		looptest.Must(t, err)
		r.Body.Close()
		if r.StatusCode != want.status || !strings.HasPrefix(r.Header.Get("Content-Type"), want.kind) {
			t.Errorf("/%s: %s %s", name, r.Status, r.Header.Get("Content-Type"))
		}
		if policy := r.Header.Get("Content-Security-Policy"); want.status == 200 && !strings.HasPrefix(policy, "default-src 'self'") {
			t.Errorf("/%s: Content-Security-Policy %q", name, policy)
		}
	}
}
