package reactor_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// mute is a resolver that does not answer before its context ends. Then it may answer
// with late, as a real resolver may.
type mute struct {
	asked, ended atomic.Int32
	late         []netip.Addr
}

func (r *mute) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	r.asked.Add(1)
	<-ctx.Done()
	defer r.ended.Add(1)
	if r.late != nil {
		return r.late, nil
	}
	return nil, ctx.Err()
}

func TestUnknownHost(t *testing.T) {
	m := newManager(t, reactor.WithResolver(resolverFunc(func(_ context.Context, host string) ([]netip.Addr, error) {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	})))
	r := &recorder{}
	dial(t, m, "tcp://unknown.test:80", r.Handle)
	await(t, m, "EvClose", r.Closed)
	r.Want(t, "OPEN ERROR CLOSE")
	var dns *net.DNSError
	if err := r.Err(t); !errors.As(err, &dns) || dns.Name != "unknown.test" || !dns.IsNotFound {
		t.Errorf("%v", err)
	}
}

// Whatever a resolver returns as an error, the connection's error names the host.
func TestResolverErrorsNameTheHost(t *testing.T) {
	reason := errors.New("the reason")
	for name, answer := range map[string]func() ([]netip.Addr, error){
		"error":   func() ([]netip.Addr, error) { return nil, reason },
		"nothing": func() ([]netip.Addr, error) { return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t, reactor.WithResolver(resolverFunc(func(context.Context, string) ([]netip.Addr, error) { return answer() })))
			r := &recorder{}
			dial(t, m, "tcp://host.test:80", r.Handle)
			await(t, m, "EvClose", r.Closed)
			r.Want(t, "OPEN ERROR CLOSE")
			err := r.Err(t)
			if !strings.Contains(err.Error(), "host.test") {
				t.Errorf("%v does not name the host", err)
			}
			if name == "error" && !errors.Is(err, reason) {
				t.Errorf("%v hides the resolver's error", err)
			}
		})
	}
}

// The resolver is asked for both families at once, one time each.
func TestResolverIsAskedOnceForEachFamily(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	m := newManager(t, reactor.WithResolver(lookup(func(network, host string) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, network+" "+host)
	})))
	l := listen(t, m, "tcp://127.0.0.1:0", nil)
	r := &recorder{}
	dial(t, m, urlOf(hostPort("Host.test", l.LocalAddr().Port())), r.Handle)
	await(t, m, "EvConnect", r.Saw(reactor.EvConnect))
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(asked)
	if got := strings.Join(asked, ", "); got != "ip4 Host.test, ip6 Host.test" {
		t.Errorf("asked for %s", got)
	}
}

type lookup func(network, host string)

func (f lookup) LookupNetIP(_ context.Context, network, host string) ([]netip.Addr, error) {
	f(network, host)
	return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}, nil
}

func TestResolveTimeout(t *testing.T) {
	for _, late := range [][]netip.Addr{nil, {netip.MustParseAddr("127.0.0.1")}} {
		resolver := &mute{late: late}
		m, k := timed(t, reactor.WithResolver(resolver), reactor.WithDeadlines(reactor.Deadlines{Resolve: 4 * time.Second}))
		r := &recorder{}
		dial(t, m, "tcp://slow.test:80", r.Handle)
		spin(t, m, 1)
		k.Advance(4*time.Second - 1)
		spin(t, m, 3)
		r.Want(t, "OPEN")
		k.Advance(1)
		spin(t, m, 3)
		r.Want(t, "OPEN ERROR CLOSE")
		err := r.Err(t)
		var timeout net.Error
		var dns *net.DNSError
		if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() || !errors.As(err, &dns) || dns.Name != "slow.test" {
			t.Errorf("%v (%T)", err, err)
		}
		await(t, m, "the resolver to be cancelled", func() bool { return resolver.ended.Load() == 2 })
		spin(t, m, 5) // its late answer is dropped
		r.Want(t, "OPEN ERROR CLOSE")
	}
}

// Close cancels the look-up. An answer that comes nevertheless is dropped.
func TestCloseCancelsTheLookUp(t *testing.T) {
	for want, end := range map[string]func(c *reactor.Conn){
		"OPEN CLOSE":       (*reactor.Conn).Close,
		"OPEN ERROR CLOSE": func(c *reactor.Conn) { c.Fail(errors.New("x")) },
	} {
		resolver := &mute{late: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}
		m := newManager(t, reactor.WithResolver(resolver))
		r := &recorder{}
		c := dial(t, m, "tcp://slow.test:80", r.Handle)
		await(t, m, "the look-ups", func() bool { return resolver.asked.Load() == 2 })
		end(c)
		await(t, m, "EvClose", r.Closed)
		await(t, m, "the resolver to be cancelled", func() bool { return resolver.ended.Load() == 2 })
		spin(t, m, 5)
		r.Want(t, want)
	}
}

// An answer is dropped even if it arrives in the turn in which the connection is closed.
func TestAnswerAfterCloseInTheSameTurn(t *testing.T) {
	release := make(chan struct{})
	var answered sync.WaitGroup
	answered.Add(2)
	m := newManager(t, reactor.WithResolver(resolverFunc(func(ctx context.Context, _ string) ([]netip.Addr, error) {
		<-release
		defer answered.Done()
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, ctx.Err()
	})))
	r := &recorder{}
	c := dial(t, m, "tcp://slow.test:1", r.Handle)
	spin(t, m, 1)
	m.Post(c.Close) // is posted before the answer
	close(release)
	answered.Wait()
	await(t, m, "EvClose", r.Closed)
	spin(t, m, 5)
	r.Want(t, "OPEN CLOSE")
}

func TestManagerCloseCancelsTheLookUp(t *testing.T) {
	resolver := &mute{}
	m := newManager(t, reactor.WithResolver(resolver))
	r := &recorder{}
	dial(t, m, "tcp://slow.test:80", r.Handle)
	await(t, m, "the look-ups", func() bool { return resolver.asked.Load() == 2 })
	m.Close() // newManager checks that the goroutine ends
	r.Want(t, "OPEN CLOSE")
}

// A slow resolver does not block the loop.
func TestLoopContinuesWhileResolving(t *testing.T) {
	m := newManager(t, reactor.WithResolver(&mute{}))
	r := &recorder{}
	dial(t, m, "tcp://slow.test:80", nil)
	c := connected(t, m, "tcp4", echo, r.Handle)
	c.Write([]byte("meanwhile"))
	await(t, m, "the echo", func() bool { return string(r.Got) == "meanwhile" })
}
