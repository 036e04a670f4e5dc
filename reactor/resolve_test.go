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

// mute is a resolver that does not answer until its context ends, and then with
// late, as a real one may.
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
	dial(t, m, "tcp://unknown.test:80", r.handle)
	await(t, m, "EvClose", r.closed)
	r.want(t, "OPEN ERROR CLOSE")
	var dns *net.DNSError
	if err := r.err(t); !errors.As(err, &dns) || dns.Name != "unknown.test" || !dns.IsNotFound {
		t.Errorf("%v", err)
	}
}

// Whatever the resolver says is wrong, the error names the host.
func TestResolverErrorsNameTheHost(t *testing.T) {
	reason := errors.New("the reason")
	for name, answer := range map[string]func() ([]netip.Addr, error){
		"error":   func() ([]netip.Addr, error) { return nil, reason },
		"nothing": func() ([]netip.Addr, error) { return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t, reactor.WithResolver(resolverFunc(func(context.Context, string) ([]netip.Addr, error) { return answer() })))
			r := &recorder{}
			dial(t, m, "tcp://host.test:80", r.handle)
			await(t, m, "EvClose", r.closed)
			r.want(t, "OPEN ERROR CLOSE")
			err := r.err(t)
			if !strings.Contains(err.Error(), "host.test") {
				t.Errorf("%v does not name the host", err)
			}
			if name == "error" && !errors.Is(err, reason) {
				t.Errorf("%v hides the resolver's error", err)
			}
		})
	}
}

// It is asked for both families at once, and for each of them once.
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
	dial(t, m, urlOf(hostPort("Host.test", l.LocalAddr().Port())), r.handle)
	await(t, m, "EvConnect", r.saw(reactor.EvConnect))
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
		dial(t, m, "tcp://slow.test:80", r.handle)
		spin(t, m, 1)
		k.advance(4*time.Second - 1)
		spin(t, m, 3)
		r.want(t, "OPEN")
		k.advance(1)
		spin(t, m, 3)
		r.want(t, "OPEN ERROR CLOSE")
		err := r.err(t)
		var timeout net.Error
		var dns *net.DNSError
		if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() || !errors.As(err, &dns) || dns.Name != "slow.test" {
			t.Errorf("%v (%T)", err, err)
		}
		await(t, m, "the resolver to be cancelled", func() bool { return resolver.ended.Load() == 2 })
		spin(t, m, 5) // its late answer is dropped
		r.want(t, "OPEN ERROR CLOSE")
	}
}

// Closing cancels the look-up, and an answer that comes nevertheless is dropped.
func TestCloseCancelsTheLookUp(t *testing.T) {
	for want, end := range map[string]func(c *reactor.Conn){
		"OPEN CLOSE":       (*reactor.Conn).Close,
		"OPEN ERROR CLOSE": func(c *reactor.Conn) { c.Fail(errors.New("x")) },
	} {
		resolver := &mute{late: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}
		m := newManager(t, reactor.WithResolver(resolver))
		r := &recorder{}
		c := dial(t, m, "tcp://slow.test:80", r.handle)
		await(t, m, "the look-ups", func() bool { return resolver.asked.Load() == 2 })
		end(c)
		await(t, m, "EvClose", r.closed)
		await(t, m, "the resolver to be cancelled", func() bool { return resolver.ended.Load() == 2 })
		spin(t, m, 5)
		r.want(t, want)
	}
}

// The answer that is delivered in the same turn as the handler closes the
// connection is not heard of either.
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
	c := dial(t, m, "tcp://slow.test:1", r.handle)
	spin(t, m, 1)
	m.Post(c.Close) // before the answer, which comes by the same way
	close(release)
	answered.Wait()
	await(t, m, "EvClose", r.closed)
	spin(t, m, 5)
	r.want(t, "OPEN CLOSE")
}

func TestManagerCloseCancelsTheLookUp(t *testing.T) {
	resolver := &mute{}
	m := newManager(t, reactor.WithResolver(resolver))
	r := &recorder{}
	dial(t, m, "tcp://slow.test:80", r.handle)
	await(t, m, "the look-ups", func() bool { return resolver.asked.Load() == 2 })
	m.Close() // that the goroutine ends is the leak check's business
	r.want(t, "OPEN CLOSE")
}

// A slow resolver does not hold up the loop.
func TestLoopGoesOnWhileResolving(t *testing.T) {
	m := newManager(t, reactor.WithResolver(&mute{}))
	r := &recorder{}
	dial(t, m, "tcp://slow.test:80", nil)
	c := connected(t, m, "tcp4", echo, r.handle)
	c.Write([]byte("meanwhile"))
	await(t, m, "the echo", func() bool { return string(r.got) == "meanwhile" })
}
