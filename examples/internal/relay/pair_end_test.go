package relay

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// joined is a proxy with one connection through it. The client and the target are bare sockets.
// Their buffers and those of the proxy's sockets are small and of a fixed size. Therefore the
// kernel holds less than high-low bytes of a direction that nobody reads, whenever its
// acknowledgements arrive.
type joined struct {
	t      *testing.T
	m      *reactor.Manager
	l      *reactor.Conn
	ln     *looptest.Socket // the target's listener
	client *end
	target *end
}

// end is the socket of the client or of the target.
type end struct {
	*looptest.Socket
	name string
}

// shrink makes the buffers of a socket small and keeps the kernel from growing them. A listener
// hands the sizes on to the connections that it accepts.
func shrink(t *testing.T, fd int) {
	t.Helper()
	for _, option := range []int{unix.SO_RCVBUF, unix.SO_SNDBUF} {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, 32<<10); err != nil {
			t.Fatal(err)
		}
	}
}

func newJoined(t *testing.T, opts ...reactor.Option) *joined {
	t.Helper()
	ln, addr := looptest.ListenSocket(t)
	shrink(t, ln.FD)
	j := connectClient(t, "tcp://"+addr, "", opts...)
	j.ln = ln
	j.acceptTarget()
	return j
}

// connectClient starts a proxy and a client that connects to it and writes request. The
// proxy has accepted the client and not yet connected to the target.
func connectClient(t *testing.T, to, request string, opts ...reactor.Option) *joined {
	t.Helper()
	return connectWith(t, defaults(t, "-to", to), request, opts...)
}

// connectWith is connectClient with options. Their URL to listen on is replaced.
func connectWith(t *testing.T, o *options, request string, opts ...reactor.Option) *joined {
	t.Helper()
	o.listen = "tcp://127.0.0.1:0"
	small := func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { shrink(t, int(fd)) })
	}
	opts = append([]reactor.Option{reactor.WithDeadlines(o.Deadlines()),
		reactor.WithSockets(reactor.Sockets{Control: small})}, opts...)
	j := &joined{t: t, m: looptest.NewManager(t, opts...)}
	l, err := o.forward(j.m)
	if err != nil {
		t.Fatal(err)
	}
	j.l = l
	j.client = &end{looptest.NewSocket(t, looptest.Open(t, l.LocalAddr().Addr(), unix.SOCK_STREAM)), "client"}
	shrink(t, j.client.FD)
	looptest.Connect(t, j.client.FD, l.LocalAddr())
	j.client.WriteString(request)
	looptest.Await(t, j.m, "the client", func() bool { return j.m.Stats().Accepted == 1 })
	return j
}

func (j *joined) acceptTarget() {
	j.t.Helper()
	j.target = &end{j.ln.AwaitAccept(j.m), "target"}
	j.await("the connection to the target", func() bool { return j.m.Stats().Paused == 0 })
}

func (j *joined) await(what string, done func() bool) {
	j.t.Helper()
	looptest.Await(j.t, j.m, what, done)
}

// eachWay runs a test in both directions.
func eachWay(t *testing.T, test func(t *testing.T, j *joined, from, to *end), opts ...reactor.Option) {
	for _, name := range []string{"client", "target"} {
		t.Run("from "+name, func(t *testing.T) {
			j := newJoined(t, opts...)
			if name == "client" {
				test(t, j, j.client, j.target)
			} else {
				test(t, j, j.target, j.client)
			}
		})
	}
}

// say writes s at one end and waits until the other end has read it.
func (j *joined) say(from, to *end, s string) {
	j.t.Helper()
	want := len(to.In) + len(s)
	from.WriteString(s)
	j.await(s, func() bool { to.Receive(); return len(to.In) >= want })
}

// fill writes numbers at one end, while the other does not read, until the proxy has stopped
// reading. It returns the number of bytes written. The proxy does not begin to read again before
// the other end reads: the kernel takes less than the proxy must write for that.
func (j *joined) fill(from *end) (written int) {
	j.t.Helper()
	return j.fillAll(from)[from]
}

// fillAll is fill at several ends at once.
func (j *joined) fillAll(from ...*end) map[*end]int {
	j.t.Helper()
	written := map[*end]int{}
	j.await("the proxy to stop reading", func() bool {
		for _, e := range from {
			written[e] += e.WriteSome(numbers(written[e], 1<<14))
		}
		return j.m.Stats().Paused == len(from)
	})
	return written
}

// numbers returns n bytes of the stream of all 8-byte numbers 0, 1, 2, …, from an offset on.
func numbers(from, n int) (p []byte) {
	for i := from / 8; len(p) < n+8; i++ {
		p = binary.BigEndian.AppendUint64(p, uint64(i))
	}
	return p[from%8:][:n]
}

func (j *joined) wantGone() {
	j.t.Helper()
	j.await("the end of both connections", func() bool { return j.m.Stats().Conns == 0 })
}

func (j *joined) wantReset(e *end) {
	j.t.Helper()
	j.await("the "+e.name+"'s end", e.Ended)
	if e.EOF || e.Err != unix.ECONNRESET {
		j.t.Errorf("the %s reads the end %v, error %v, want a reset", e.name, e.EOF, e.Err)
	}
}

func (j *joined) wantOpen(e *end) {
	j.t.Helper()
	looptest.Spin(j.t, j.m, 20)
	if e.Ended() {
		j.t.Fatalf("the %s reads the end %v, error %v", e.name, e.EOF, e.Err)
	}
}

// A client may end its direction and go on reading, as `printf … | nc` does. A target may
// do the same.
func TestHalfClosed(t *testing.T) {
	eachWay(t, func(t *testing.T, j *joined, from, to *end) {
		from.WriteString("request")
		from.Shutdown()
		j.await("the end", to.Ended)
		if string(to.In) != "request" || to.Err != nil {
			t.Fatalf("the %s reads %q, %v", to.name, to.In, to.Err)
		}
		j.wantOpen(from)
		j.say(to, from, "an answer")
		j.wantOpen(from)
		j.say(to, from, ", and more")
		to.Shutdown()
		j.await("the end", from.Ended)
		if string(from.In) != "an answer, and more" || from.Err != nil {
			t.Fatalf("the %s reads %q, %v", from.name, from.In, from.Err)
		}
		j.wantGone()
	})
}

// The end of stream is forwarded after all data, even if much of the data waits in the proxy.
func TestEndBehindData(t *testing.T) {
	eachWay(t, func(t *testing.T, j *joined, from, to *end) {
		written := j.fill(from)
		from.Shutdown()
		looptest.Spin(t, j.m, 20)
		looptest.Progress(t, j.m, "data", func() (int, bool) { return len(to.In), to.Ended() })
		if !bytes.Equal(to.In, numbers(0, written)) || to.Err != nil {
			t.Errorf("%d of %d bytes, %v", len(to.In), written, to.Err)
		}
		j.say(to, from, "thanks")
		to.Shutdown()
		j.await("the end", from.Ended)
		j.wantGone()
	})
}

// If a reset cuts an answer off, the other side reads a reset.
func TestResetInMidAnswer(t *testing.T) {
	eachWay(t, func(t *testing.T, j *joined, from, to *end) {
		j.say(to, from, "request")
		j.say(from, to, "half an ans")
		from.Reset()
		j.wantReset(to)
		j.wantGone()
	})
}

// The same holds if a part of the answer waits in the proxy.
func TestResetBehindData(t *testing.T) {
	eachWay(t, func(t *testing.T, j *joined, from, to *end) {
		j.fill(from)
		from.Reset()
		looptest.Spin(t, j.m, 20)
		looptest.Progress(t, j.m, "data", func() (int, bool) { return len(to.In), to.Ended() })
		j.wantReset(to)
		j.wantGone()
	})
}

// The same holds if the other side has ended its own direction.
func TestResetAfterHalfClose(t *testing.T) {
	eachWay(t, func(t *testing.T, j *joined, from, to *end) {
		to.WriteString("request")
		to.Shutdown()
		j.await("the end", from.Ended)
		j.say(from, to, "half an ans")
		from.Reset()
		j.wantReset(to)
		j.wantGone()
	})
}

// If one side closes its socket while the other still sends, the other side reads a reset.
func TestReaderCloses(t *testing.T) {
	eachWay(t, func(t *testing.T, j *joined, from, to *end) {
		j.fill(from)
		to.Close() // with unread bytes: the kernel sends a reset
		j.wantReset(from)
		j.wantGone()
	})
}

// heldResolver is a resolver that answers after it is closed.
type heldResolver chan struct{}

func (s heldResolver) LookupNetIP(ctx context.Context, network, _ string) ([]netip.Addr, error) {
	select {
	case <-s:
		if network == "ip4" {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		}
	case <-ctx.Done():
	}
	return nil, context.Cause(ctx)
}

// If the proxy cannot connect to the target, the client reads a reset. An end of stream would
// look like an empty answer.
func TestTargetNeverConnects(t *testing.T) {
	_, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_STREAM, -1) // does not listen
	for _, row := range []struct {
		name, to string
		wait     time.Duration
	}{
		{"refused", "tcp://" + at.String(), 0},
		{"bad URL", "tcp://nowhere", 0},
		{"too late", "tcp://silent.example:1", time.Hour},
	} {
		ends := []bool{false}
		if row.wait > 0 { // the others are reset at once
			ends = append(ends, true)
		}
		for _, ended := range ends {
			t.Run(fmt.Sprintf("%s, client ended %v", row.name, ended), func(t *testing.T) {
				clock := looptest.NewClock()
				j := connectClient(t, row.to, "request", reactor.WithResolver(make(heldResolver)), reactor.WithClock(clock.Now))
				if ended {
					j.client.Shutdown()
				}
				if row.wait > 0 {
					j.wantOpen(j.client)
					clock.Advance(row.wait)
				}
				j.wantReset(j.client)
				j.wantGone()
			})
		}
	}
}

// The client's bytes, and its end of stream or reset, wait until the target is connected.
func TestTargetConnectsLate(t *testing.T) {
	ln, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_STREAM, 8)
	for _, reset := range []bool{false, true} {
		release := make(heldResolver)
		j := connectClient(t, fmt.Sprintf("tcp://late.example:%d", at.Port()), "request", reactor.WithResolver(release))
		j.ln = ln
		looptest.Spin(t, j.m, 20)
		if reset {
			j.client.Reset()
		} else {
			j.client.Shutdown()
		}
		looptest.Spin(t, j.m, 20)
		close(release)
		j.acceptTarget()
		if reset {
			j.wantReset(j.target)
			j.wantGone()
			continue
		}
		j.await("the end", j.target.Ended)
		if string(j.target.In) != "request" || j.target.Err != nil {
			t.Errorf("the target reads %q, %v", j.target.In, j.target.Err)
		}
		j.say(j.target, j.client, "answer")
		j.target.Shutdown()
		j.await("the end", j.client.Ended)
		j.wantGone()
	}
}
