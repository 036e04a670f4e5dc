package broker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// login returns a change of a CONNECT that sets user name and password.
func login(user, password string) func(*mqtt.ConnectPacket) {
	return func(p *mqtt.ConnectPacket) {
		p.User, p.Password, p.HasUser, p.HasPassword = user, []byte(password), true, true
	}
}

func (h *fixture) setPasswords(text string) {
	h.t.Helper()
	p, err := parsePasswords(text)
	if err != nil {
		h.t.Fatal(err)
	}
	h.b.SetPasswords(p)
}

func TestPasswordsAreRequired(t *testing.T) {
	for _, v := range []uint8{4, 5} {
		for _, transport := range []string{"tcp", "ws"} {
			wrong := map[uint8]string{4: "CONNACK 0x4, closed", 5: "CONNACK 0x86, closed"}[v]
			for name, tc := range map[string]struct {
				change func(*mqtt.ConnectPacket)
				want   string
			}{
				"right":         {login("alice", "secret"), "CONNACK 0x0"},
				"wrong":         {login("alice", "Secret"), wrong},
				"unknown user":  {login("mallory", "secret"), wrong},
				"no password":   {func(p *mqtt.ConnectPacket) { p.User = "alice" }, wrong},
				"no user name":  {func(*mqtt.ConnectPacket) {}, map[uint8]string{4: "CONNACK 0x5, closed", 5: "CONNACK 0x87, closed"}[v]},
				"only password": {func(p *mqtt.ConnectPacket) { p.Password = []byte("secret") }, "CONNACK 0x87, closed"},
			} {
				if v == 4 && name == "only password" {
					continue // 3.1.1 does not allow it
				}
				t.Run(fmt.Sprint("v", v, "/", transport, "/", name), func(t *testing.T) {
					h := newFixture(t)
					h.setPasswords(line("alice", "secret", 100))
					will := func(p *mqtt.ConnectPacket) {
						p.Will = &mqtt.Will{Topic: "w", Retain: true, Data: []byte("not published")}
					}
					play(h, transport, []step{{"a", connect(v, "a", tc.change, will), "a: " + tc.want}})
					if strings.Contains(h.log.String(), "secret") {
						t.Error("the log has the password")
					}
					h.setPasswords(line("bob", "other", 1)) // the client stays
					if tc.want == "CONNACK 0x0" {
						play(h, transport, []step{{"a", subscribe(v, 1, filter("t", 0)), "a: SUBACK 1 00"}})
					}
					h.b.SetPasswords(nil)
					play(h, transport, []step{{"b", connect(v, "b"), "b: CONNACK 0x0"}, {"b", subscribe(v, 1, filter("w", 0)), "b: SUBACK 1 00"}})
				})
			}
		}
	}
}

// A wrong password does not end the client or the session that has the client identifier.
func TestWrongPasswordTakesNothingOver(t *testing.T) {
	h := newFixture(t)
	h.setPasswords(line("alice", "secret", 1))
	play(h, "tcp", []step{
		{"a", keep(5, "id", login("alice", "secret")), "a: CONNACK 0x0"},
		{"b", connect(5, "id", login("alice", "x")), "b: CONNACK 0x86, closed"},
		{"a", nil, "a: closed"},
		{"c", connect(5, "id", login("alice", "x")), "c: CONNACK 0x86, closed"},
		{"d", keep(5, "id", login("alice", "secret")), "d: CONNACK present 0x0"},
	})
}

// The loop goes on while passwords are checked. What a client sends after CONNECT waits, and the
// number of CONNECTs that wait is bounded.
func TestPasswordChecksDoNotStallTheLoop(t *testing.T) {
	h := newFixture(t)
	h.setPasswords(line("alice", "secret", 1))
	play(h, "tcp", []step{{"a", connect(5, "a", login("alice", "secret")), "a: CONNACK 0x0"}})
	h.b.checks.running = true // as if a check took long
	begun := len(h.peers)
	for i := range MaxChecks {
		name := fmt.Sprint("c", i)
		h.dial(name, "tcp").send(append(connect(5, name, login("alice", "secret")), subscribe(5, 1, filter("t", 0))...))
	}
	h.until("the CONNECTs", func() bool { return len(h.b.checks.waiting) == MaxChecks })
	play(h, "tcp", []step{
		{"a", subscribe(5, 1, filter("t", 0)), "a: SUBACK 1 00"},
		{"late", connect(5, "late", login("alice", "secret")), "late: CONNACK 0x89, closed"},
		{"v4", connect(4, "v4", login("alice", "secret")), "v4: CONNACK 0x3, closed"},
	})
	if n := h.b.Clients(); n != begun {
		t.Errorf("%d clients are let in, want %d", n, begun)
	}
	h.b.checks.running = false
	h.b.checks.start()
	h.until("all answers", func() bool { return h.b.Clients() == begun+MaxChecks })
	h.settle()
	for i := range MaxChecks {
		if got := strings.Join(h.peers[fmt.Sprint("c", i)].got, ", "); got != "CONNACK 0x0, SUBACK 1 00" {
			t.Fatalf("client %d got %s", i, got)
		}
	}
}

// The bytes of the CONNECTs that wait are bounded.
func TestPasswordChecksAreBoundedInBytes(t *testing.T) {
	h := newFixture(t)
	h.setPasswords(line("alice", "secret", 1))
	h.b.checks.running = true
	will := func(p *mqtt.ConnectPacket) { p.Will = &mqtt.Will{Topic: "w", Data: make([]byte, 1000)} }
	packet := connect(5, "0", login("alice", "secret"), will)
	h.b.checks.bytes = MaxCheckBytes - 2*len(packet)
	for _, name := range []string{"a", "b"} {
		h.dial(name, "tcp").send(packet)
	}
	h.until("both CONNECTs", func() bool { return len(h.b.checks.waiting) == 2 })
	play(h, "tcp", []step{{"c", packet, "c: CONNACK 0x89, closed"}})
	h.b.checks.running = false
	h.b.checks.start()
	h.until("the checks", func() bool { return !h.b.checks.running && len(h.b.checks.waiting) == 0 })
	if left := h.b.checks.bytes; left != MaxCheckBytes-2*len(packet) {
		t.Errorf("%d bytes are counted without checks", left)
	}
}

// A client that goes while its password is checked leaves nothing behind. One that waits too long
// is disconnected.
func TestClientGoesDuringTheCheck(t *testing.T) {
	h := newFixture(t)
	h.setPasswords(line("alice", "secret", 1))
	h.b.checks.running = true
	a, b := h.dial("a", "tcp"), h.dial("b", "tcp")
	for _, p := range []*peer{a, b} {
		p.send(keep(5, "id", login("alice", "secret")))
	}
	h.until("the CONNECTs", func() bool { return len(h.b.checks.waiting) == 2 })
	a.conn.Close()
	h.until("the end of a", func() bool { return len(h.b.clients) == 1 })
	h.wait(ConnectWait + time.Second)
	h.until("the end of b", func() bool { return len(h.b.clients) == 0 })
	h.logged(errNoConnect)
	h.b.checks.running = false
	h.b.checks.start()
	h.until("the checks", func() bool { return !h.b.checks.running })
	if len(h.b.sessions) != 0 || h.b.used != 0 {
		t.Errorf("%d sessions, %d bytes", len(h.b.sessions), h.b.used)
	}
}

// A CONNECT whose client has gone does not count, and its password is not checked. So clients that
// go at once do not keep others out.
func TestChecksOfGoneClients(t *testing.T) {
	h := newFixture(t)
	h.setPasswords(line("alice", "secret", 1))
	h.b.checks.running = true
	for i := range MaxChecks {
		h.dial(fmt.Sprint("c", i), "tcp").send(connect(5, "id", login("alice", "x")))
	}
	h.until("the CONNECTs", func() bool { return len(h.b.checks.waiting) == MaxChecks })
	for _, p := range h.peers {
		p.conn.Close()
	}
	h.until("their ends", func() bool { return len(h.b.clients) == 0 })
	if n := len(h.b.checks.waiting); n != 0 || h.b.checks.bytes != 0 {
		t.Errorf("%d checks with %d bytes wait", n, h.b.checks.bytes)
	}
	h.dial("late", "tcp").send(connect(5, "late", login("alice", "secret")))
	h.until("the CONNECT", func() bool { return len(h.b.checks.waiting) == 1 })
	h.b.checks.running = false
	h.b.checks.start()
	h.until("the answer", func() bool { return h.b.Clients() == 1 })
}

// The goroutine of the checks ends with the last of them, also if the manager is closed meanwhile.
func TestCheckGoroutineEnds(t *testing.T) {
	h := newFixture(t)
	before := looptest.TakeStock(t)
	h.setPasswords(line("alice", "secret", 1))
	play(h, "tcp", []step{{"a", connect(5, "a", login("alice", "secret")), "a: CONNACK 0x0"}})
	p := h.dial("b", "tcp")
	p.send(connect(5, "b", login("alice", "secret")))
	h.until("the CONNECT", func() bool { return h.b.checks.running || p.open })
	h.m.Close()
	before.Check(t, 0)
}
