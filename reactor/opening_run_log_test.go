package reactor_test

import (
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// A load balancer looks whether the port is open. That is no reason for a log record.
func TestSilentPeerIsNotLogged(t *testing.T) {
	var log looptest.Warnings
	m := newManager(t, reactor.WithLogger(log.Logger()))
	var r recorder
	l := openingListener(t, m, func() reactor.Opening { return answering() }, r.Handle)
	looptest.DialSocket(t, l.LocalAddr()).Close()
	await(t, m, "Refused", func() bool { return m.Stats().Refused == 1 && m.Stats().Conns == 0 })
	p := looptest.DialSocket(t, l.LocalAddr())
	await(t, m, "accept", func() bool { return m.Stats().Conns == 1 })
	looptest.Must(t, unix.SetsockoptLinger(p.FD, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
	p.Close() // resets
	await(t, m, "Refused", func() bool { return m.Stats().Refused == 2 && m.Stats().Conns == 0 })
	log.WantNone(t)
	r.Want(t, "")
}

// The number of log records is bounded, however many peers there are.
func TestRefusedOpeningsAreLoggedWithALimit(t *testing.T) {
	var log looptest.Warnings
	m := looptest.NewStillManager(t, reactor.WithLogger(log.Logger()))
	l := openingListener(t, m, func() reactor.Opening { return answering() }, func(*reactor.Conn, reactor.Event, any) {})
	for i := range 150 {
		p := looptest.DialSocket(t, l.LocalAddr())
		p.WriteString("bad\n")
		await(t, m, "Refused", func() bool { return m.Stats().Refused == uint64(i+1) })
		p.Close()
	}
	if n := len(log.Take()); n != 100 || m.Stats().Suppressed != 50 {
		t.Errorf("%d records, %d suppressed, want 100 and 50", n, m.Stats().Suppressed)
	}
}
