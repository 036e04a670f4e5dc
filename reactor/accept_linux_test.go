package reactor_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// With no descriptor left a listener does not spin on the connection that it
// cannot accept: it says so, rests for a second and then goes on.
func TestAcceptWithoutDescriptors(t *testing.T) {
	m, k := timed(t, reactor.WithLogger(slog.New(slog.DiscardHandler)))
	var log strings.Builder
	noisy := newManager(t, reactor.WithClock(k.now), reactor.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	r := &recorder{}
	l := listen(t, noisy, "tcp://127.0.0.1:0", r.handle)
	spin(t, noisy, 2)
	dialRaw(t, l.LocalAddr())

	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 3 // below what is open: nothing more can be opened
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	spin(t, noisy, 5)
	quiet := !pollable(t, noisy.Fd())
	_, err := m.Listen("tcp://127.0.0.1:0", nil, nil)
	if e := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); e != nil {
		t.Fatal(e)
	}
	if err == nil {
		t.Error("there was a descriptor left for Listen")
	}
	if !quiet {
		t.Error("the connection that cannot be accepted keeps waking the loop")
	}
	if n := strings.Count(log.String(), "level=ERROR msg=accept"); n != 1 {
		t.Errorf("%d records in %q, want 1", n, log.String())
	}
	k.advance(time.Second - 1)
	if spin(t, noisy, 3); r.count(reactor.EvAccept) != 0 {
		t.Error("accepted before the rest was over")
	}
	k.advance(1)
	await(t, noisy, "EvAccept", r.saw(reactor.EvAccept))
	r.want(t, "OPEN OPEN ACCEPT")
}
