package reactor_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// A deadlineField is one of Deadlines, with its default and a connection that waits for nothing
// but that deadline. set is called before the wait begins.
type deadlineField struct {
	name     string // in the error
	set      func(d *reactor.Deadlines, v time.Duration)
	standard time.Duration // 0 is off
	begin    func(t *testing.T, m *reactor.Manager, r *recorder, set func(c *reactor.Conn))
}

func accepting(begin func(t *testing.T, c *reactor.Conn)) func(t *testing.T, m *reactor.Manager, r *recorder, set func(c *reactor.Conn)) {
	return func(t *testing.T, m *reactor.Manager, r *recorder, set func(c *reactor.Conn)) {
		t.Helper()
		c, _ := reach(t, m, "tcp server", r.handle, set)
		begin(t, c)
	}
}

var deadlineFields = []deadlineField{
	{"resolve", func(d *reactor.Deadlines, v time.Duration) { d.Resolve = v }, 5 * time.Second,
		func(t *testing.T, m *reactor.Manager, r *recorder, set func(c *reactor.Conn)) {
			set(dial(t, m, "tcp://slow.test:80", r.handle))
		}},
	{"connect", func(d *reactor.Deadlines, v time.Duration) { d.Connect = v }, 10 * time.Second,
		func(t *testing.T, m *reactor.Manager, r *recorder, set func(c *reactor.Conn)) {
			set(dial(t, m, urlOf(blackHole(t, "127.0.0.1").String()), r.handle))
		}},
	{"TLS handshake", func(d *reactor.Deadlines, v time.Duration) { d.TLS = v }, 10 * time.Second,
		func(t *testing.T, m *reactor.Manager, r *recorder, set func(c *reactor.Conn)) {
			l, _ := tlsListen(t, m, serverConfig(), r.handle)
			set(l)
			dialRaw(t, l.LocalAddr())
			await(t, m, "the connection", r.saw(reactor.EvAccept))
		}},
	{"TLS handshake", func(d *reactor.Deadlines, v time.Duration) { d.TLS = v }, 10 * time.Second,
		func(t *testing.T, m *reactor.Manager, r *recorder, set func(c *reactor.Conn)) {
			_, at := bindRaw(t, "127.0.0.1", unix.SOCK_STREAM, 1)
			set(tlsConnect(t, m, "tcp://"+at.String(), authority().Client(), r.handle))
			await(t, m, "the connection", r.saw(reactor.EvConnect))
		}},
	{"handshake", func(d *reactor.Deadlines, v time.Duration) { d.Handshake = v }, 0,
		accepting(func(_ *testing.T, c *reactor.Conn) { c.Stack().SetHandshaking(true) })},
	{"message", func(d *reactor.Deadlines, v time.Duration) { d.Message = v }, 0,
		accepting(func(_ *testing.T, c *reactor.Conn) { c.Stack().SetReceiving(true) })},
	{"idle", func(d *reactor.Deadlines, v time.Duration) { d.Idle = v }, 0,
		accepting(func(*testing.T, *reactor.Conn) {})},
	{"life", func(d *reactor.Deadlines, v time.Duration) { d.Life = v }, 0,
		accepting(func(*testing.T, *reactor.Conn) {})},
	{"stall", func(d *reactor.Deadlines, v time.Duration) { d.Stall = v }, 0,
		func(t *testing.T, m *reactor.Manager, r *recorder, set func(c *reactor.Conn)) {
			c, _ := reach(t, m, "wrapped", r.handle, set) // a socket that takes no more by itself
			c.Write(make([]byte, 16<<20))
			if spin(t, m, 3); c.Send.Len() == 0 {
				t.Fatal("the socket took everything")
			}
		}},
}

// wantFieldError wants the error of a deadline that passed. A look-up's names the host
// as well.
func wantFieldError(t *testing.T, err error, f deadlineField, after time.Duration) {
	t.Helper()
	var dns *net.DNSError
	if f.name == "resolve" && errors.As(err, &dns) && errors.Is(err, os.ErrDeadlineExceeded) && dns.Name == "slow.test" {
		return
	}
	var e *reactor.DeadlineError
	if !errors.As(err, &e) || e.Deadline != f.name || e.After != after {
		t.Errorf("%v, want the %s deadline of %v", err, f.name, after)
	}
}

// Zero means the value of the level above in every field, a negative one is off: at the
// manager, and at the connection or its listener. Who sets one field changes no other.
func TestZeroAndNegativeDeadlines(t *testing.T) {
	const unset = -12345
	for i, f := range deadlineFields {
		for _, row := range []struct {
			manager, conn time.Duration
			other         bool          // another field is set as well
			want          time.Duration // 0: never; unset: the default
		}{
			{manager: unset, conn: unset, want: unset},
			{manager: 0, conn: unset, want: unset},
			{manager: 0, conn: unset, other: true, want: unset},
			{manager: unset, conn: 0, want: unset},
			{manager: unset, conn: 0, other: true, want: unset},
			{manager: 0, conn: 0, other: true, want: unset},
			{manager: 3 * time.Second, conn: unset, want: 3 * time.Second},
			{manager: 3 * time.Second, conn: 0, want: 3 * time.Second},
			{manager: 3 * time.Second, conn: 0, other: true, want: 3 * time.Second},
			{manager: 3 * time.Second, conn: 20 * time.Second, want: 20 * time.Second},
			{manager: 20 * time.Second, conn: 3 * time.Second, want: 3 * time.Second},
			{manager: 3 * time.Second, conn: -1, want: 0},
			{manager: -1, conn: unset, want: 0},
			{manager: -1, conn: 0, other: true, want: 0},
			{manager: -time.Hour, conn: 3 * time.Second, want: 3 * time.Second},
			{manager: unset, conn: -1, want: 0},
			{manager: unset, conn: -time.Hour, other: true, want: 0},
			{manager: unset, conn: 3 * time.Second, want: 3 * time.Second},
		} {
			if row.want == unset {
				row.want = f.standard
			}
			t.Run(fmt.Sprintf("%d %s %+v", i, f.name, row), func(t *testing.T) {
				with := func(v time.Duration) (d reactor.Deadlines) {
					if row.other { // that never passes here
						d.Life = 1000 * time.Hour
						if f.name == "life" {
							d = reactor.Deadlines{Idle: 1000 * time.Hour}
						}
					}
					f.set(&d, v)
					return d
				}
				opts := []reactor.Option{reactor.WithResolver(&mute{})}
				if row.manager != unset {
					opts = append(opts, reactor.WithDeadlines(with(row.manager)))
				}
				m, k := timed(t, opts...)
				r := &recorder{}
				f.begin(t, m, r, func(c *reactor.Conn) {
					if row.conn != unset {
						c.SetDeadlines(with(row.conn))
					}
				})
				spin(t, m, 3)
				wait := func(d time.Duration) {
					k.advance(d)
					spin(t, m, 3)
				}
				if row.want == 0 {
					if wait(100 * time.Hour); len(r.errs) > 0 || r.closed() {
						t.Errorf("%s, %v, want no deadline", eventList(r.events), r.errs)
					}
					return
				}
				if wait(row.want - 1); len(r.errs) > 0 || r.closed() {
					t.Fatalf("too early: %v", r.errs)
				}
				if wait(1); len(r.errs) != 1 {
					t.Fatalf("%s, want the deadline of %v", eventList(r.events), row.want)
				}
				wantFieldError(t, r.errs[0], f, row.want)
				await(t, m, "EvClose", r.closed)
			})
		}
	}
}

// Zero at a connection goes back to the manager's value, also after another was set.
func TestZeroDeadlineTakesAValueBack(t *testing.T) {
	for _, f := range deadlineFields[4:] {
		t.Run(f.name, func(t *testing.T) {
			var d, own reactor.Deadlines
			f.set(&d, 5*time.Second)
			f.set(&own, -1)
			m, k := timed(t, reactor.WithDeadlines(d))
			r := &recorder{}
			f.begin(t, m, r, func(*reactor.Conn) {})
			for c := range m.Conns() {
				c.SetDeadlines(own)
				c.SetDeadlines(reactor.Deadlines{})
			}
			k.advance(5*time.Second - 1)
			if spin(t, m, 3); len(r.errs) > 0 {
				t.Fatalf("too early: %v", r.errs)
			}
			k.advance(1)
			spin(t, m, 3)
			wantFieldError(t, r.err(t), f, 5*time.Second)
		})
	}
}
