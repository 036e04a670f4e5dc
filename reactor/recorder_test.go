package reactor_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// recorded makes a manager with a clock. It logs warnings into a buffer.
func recorded(t *testing.T) (*reactor.Manager, *looptest.Clock, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	m, k := timed(t, reactor.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	return m, k, &log
}

// dumped returns what the one record in the log shows: in order, the line that introduces
// each entry and the text column of its hex dump.
func dumped(t *testing.T, log *bytes.Buffer) []string {
	t.Helper()
	if n := strings.Count(log.String(), "flight recorder"); n != 1 || strings.Count(log.String(), "\n") != 1 {
		t.Fatalf("%d records of a flight recorder in %q, want one and nothing else", n, log)
	}
	_, dump, _ := strings.Cut(log.String(), "dump=")
	var lines []string
	for _, line := range strings.Split(strings.Trim(strings.TrimSpace(dump), `"`), `\n`) {
		if _, text, ok := strings.Cut(line, "|"); ok {
			lines = append(lines, strings.TrimSuffix(text, "|"))
		} else if line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

func wantLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// The ring keeps the last entries, the oldest first, each with its time, its size and its
// first bytes.
func TestFlightRecorder(t *testing.T) {
	for had := range 8 { // fewer than fit, as many, more
		m, k, log := recorded(t)
		c, p := wrap(t, m, (&recorder{}).Handle)
		c.SetRecorder(&reactor.Recorder{Entries: 3, Bytes: 5})
		spin(t, m, 1)
		var all []string
		for i := range had {
			k.Advance(time.Second)
			at := k.Now().Format("15:04:05.000000")
			if i%2 == 0 {
				p.WriteString(fmt.Sprint("in-", i, "-and the rest"))
				spin(t, m, 1)
				all = append(all, at+" read 17 bytes", fmt.Sprint("in-", i, "-"))
			} else {
				fmt.Fprint(c, "o", i)
				spin(t, m, 1)
				all = append(all, at+" write 2 bytes", fmt.Sprint("o", i))
			}
		}
		if log.Len() > 0 {
			t.Fatalf("logged before anything failed: %s", log)
		}
		c.Fail(errors.New("the reason"))
		c.Fail(errors.New("another reason"))
		wantLines(t, dumped(t, log), all[max(0, len(all)-6):]...)
		for _, want := range []string{"level=WARN", "id=1", `error="the reason"`, "network=fd"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("%q lacks %q", log, want)
			}
		}
		spin(t, m, 2)
		if n := strings.Count(log.String(), "\n"); n != 1 {
			t.Errorf("%d records", n)
		}
	}
}

// When a connection fails, for any reason, the log shows what was sent and received
// before.
func TestFlightRecorderAtEachFailure(t *testing.T) {
	for name, fail := range map[string]func(k *looptest.Clock, c *reactor.Conn, p *peer){
		"deadline": func(k *looptest.Clock, c *reactor.Conn, p *peer) {
			c.SetDeadlines(reactor.Deadlines{Idle: time.Second})
			k.Advance(time.Second)
		},
		"limit": func(k *looptest.Clock, c *reactor.Conn, p *peer) {
			c.SetLimits(reactor.Limits{Recv: 1})
			c.Recv.AppendString("kept")
			p.WriteString("too much")
		},
		"reset": func(k *looptest.Clock, c *reactor.Conn, p *peer) { p.Reset() },
	} {
		t.Run(name, func(t *testing.T) {
			m, k, log := recorded(t)
			var c *reactor.Conn
			r := &recorder{}
			l := listen(t, m, "tcp://127.0.0.1:0", func(conn *reactor.Conn, ev reactor.Event, data any) {
				if !conn.IsListening() {
					c = conn
					if ev != reactor.EvRead || !bytes.Contains(conn.Recv.Bytes(), []byte("too much")) {
						r.Handle(conn, ev, data)
					}
				}
			})
			l.SetRecorder(&reactor.Recorder{Entries: 4, Bytes: 64}) // inherited
			p := looptest.DialSocket(t, l.LocalAddr())
			await(t, m, "EvAccept", r.Saw(reactor.EvAccept))
			p.WriteString("the final bytes")
			await(t, m, "EvRead", r.Saw(reactor.EvRead))
			fail(k, c, p)
			await(t, m, "EvClose", r.Closed)
			if lines := dumped(t, log); len(lines) < 2 || lines[1] != "the final bytes" {
				t.Errorf("%q", lines)
			}
			if text := r.Err(t).Error(); !strings.Contains(log.String(), text) {
				t.Errorf("%s does not say %q", log, text)
			}
			if !strings.Contains(log.String(), "remote="+c.RemoteAddr().String()) {
				t.Errorf("%s does not name the peer", log)
			}
		})
	}
}

// Redact may change the copy that is kept. What is delivered and sent stays the same.
func TestFlightRecorderRedacts(t *testing.T) {
	m, _, log := recorded(t)
	r := &recorder{}
	c, p := wrap(t, m, r.Handle)
	var seen []string
	c.SetRecorder(&reactor.Recorder{Entries: 4, Bytes: 12, Redact: func(of *reactor.Conn, write bool, b []byte) {
		if of != c {
			t.Error("another connection")
		}
		seen = append(seen, fmt.Sprint(write, " ", string(b)))
		if i := bytes.Index(b, []byte("pw=")); i >= 0 {
			copy(b[i+3:], "*********************")
		}
	}})
	p.WriteString("user pw=hunter2 and more")
	await(t, m, "EvRead", r.Saw(reactor.EvRead))
	c.Write([]byte("pw=swordfish"))
	await(t, m, "what was written", p.Received("pw=swordfish"))
	if string(r.Got) != "user pw=hunter2 and more" {
		t.Errorf("delivered %q", r.Got)
	}
	wantLines(t, seen, "false user pw=hunt", "true pw=swordfish")
	c.Fail(errors.New("x"))
	lines := dumped(t, log)
	if len(lines) != 4 || lines[1] != "user pw=****" || lines[3] != "pw=*********" {
		t.Errorf("%q", lines)
	}
	for _, secret := range []string{"hunt", "sword", "68 75 6e 74"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%s shows %q", log, secret)
		}
	}
}

// The recorder can be turned off. Turned on again, it has no old entries.
func TestFlightRecorderOffAndOn(t *testing.T) {
	m, _, log := recorded(t)
	r := &recorder{}
	l := listen(t, m, "tcp://127.0.0.1:0", r.Handle)
	l.SetRecorder(&reactor.Recorder{Entries: 4, Bytes: 8})
	l.SetRecorder(nil)
	looptest.DialSocket(t, l.LocalAddr())
	await(t, m, "EvAccept", r.Saw(reactor.EvAccept))
	for c := range m.Conns() {
		c.Fail(errors.New("x"))
	}
	off, p := wrap(t, m, r.Handle)
	off.SetRecorder(&reactor.Recorder{Entries: 4, Bytes: 8})
	p.WriteString("old")
	await(t, m, "EvRead", r.Saw(reactor.EvRead))
	off.SetRecorder(&reactor.Recorder{}) // none either
	off.Fail(errors.New("x"))
	if log.Len() > 0 {
		t.Errorf("logged %s", log)
	}

	r = &recorder{}
	on, p := wrap(t, m, r.Handle)
	on.SetRecorder(&reactor.Recorder{Entries: 4, Bytes: 8})
	p.WriteString("old")
	await(t, m, "EvRead", r.Saw(reactor.EvRead))
	on.SetRecorder(&reactor.Recorder{Entries: 4, Bytes: 8})
	p.WriteString("new")
	await(t, m, "the second EvRead", func() bool { return r.Count(reactor.EvRead) == 2 })
	on.Fail(errors.New("x"))
	if lines := dumped(t, log); len(lines) != 2 || lines[1] != "new" {
		t.Errorf("%q", lines)
	}
	spin(t, m, 2)
	harmless(t, "SetRecorder after EvClose", func() { on.SetRecorder(&reactor.Recorder{Entries: 1}); on.SetRecorder(nil) })
}

// The entry of a datagram names its own peer.
func TestFlightRecorderOfDatagrams(t *testing.T) {
	m, _, log := recorded(t)
	r := &recorder{}
	l := listen(t, m, "udp://127.0.0.1:0", r.Handle)
	l.SetRecorder(&reactor.Recorder{Entries: 4, Bytes: 8})
	var want []string
	for i := range 2 {
		p, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
		if err := unix.Sendto(p.FD, []byte{byte('0' + i)}, 0, looptest.Sockaddr(l.LocalAddr())); err != nil {
			t.Fatal(err)
		}
		await(t, m, "EvRead", func() bool { return r.Count(reactor.EvRead) == i+1 })
		want = append(want, "read 1 bytes, "+at.String())
	}
	l.Fail(errors.New("x"))
	lines := dumped(t, log)
	for i, w := range want {
		if len(lines) != 4 || !strings.HasSuffix(lines[2*i], w) {
			t.Errorf("%q, want %q", lines, want)
		}
	}
}

// A Redact hook fails the connection because of what it sees. The log does not show that.
func TestRedactThatFails(t *testing.T) {
	m, _, log := recorded(t)
	c, p := wrap(t, m, (&recorder{}).Handle)
	c.SetRecorder(&reactor.Recorder{Entries: 2, Bytes: 12, Redact: func(c *reactor.Conn, _ bool, b []byte) {
		c.Fail(errors.New("a secret"))
		clear(b)
	}})
	p.WriteString("hunter2")
	await(t, m, "the record", func() bool { return log.Len() > 0 })
	if lines := dumped(t, log); len(lines) != 1 || !strings.Contains(lines[0], "read 7 bytes") {
		t.Errorf("%q", lines)
	}
}

// The recorder allocates nothing when it is off, nor when its ring is full.
func TestFlightRecorderDoesNotAllocate(t *testing.T) {
	for _, on := range []bool{false, true} {
		m := newManager(t)
		c, p := wrap(t, m, echo)
		if on {
			c.SetRecorder(&reactor.Recorder{Entries: 4, Bytes: 32, Redact: func(_ *reactor.Conn, _ bool, b []byte) { clear(b) }})
		}
		buf := make([]byte, 64)
		wantNoAllocs(t, func() { exchange(t, m, p.FD, buf) })
	}
}
