//go:build linux

package main

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/panjf2000/gnet/v2"

	"github.com/rikki-go/rikki/internal/freeport"
	"github.com/rikki-go/rikki/reactor"
)

// BenchmarkWakeup calls a loop from another goroutine. In "one" each call waits until the loop has
// answered, so the loop sleeps before it. In "many" 1,000 calls follow each other, and then the
// last one is waited for. The loops run on goroutines of their own.
func BenchmarkWakeup(b *testing.B) {
	b.Run("post", wakePost)
	b.Run("wakeup", wakeConn)
	b.Run("channel", wakeChannel)
	b.Run("gnet", wakeGnet)
}

const manyWakeups = 1000

// wakeups runs both forms. prepare returns a function that makes the loop call done once.
func wakeups(b *testing.B, prepare func(done func()) (wake func() error)) {
	answered := make(chan struct{}, 1)
	answer := func() { answered <- struct{}{} }
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		wake := prepare(answer)
		for b.Loop() {
			if err := wake(); err != nil {
				b.Fatal(err)
			}
			<-answered
		}
	})
	b.Run("many", func(b *testing.B) {
		b.ReportAllocs()
		n := 0
		wake := prepare(func() {
			if n++; n == manyWakeups {
				answer()
			}
		})
		for b.Loop() {
			n = 0
			for range manyWakeups {
				if err := wake(); err != nil {
					b.Fatal(err)
				}
			}
			<-answered
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/manyWakeups, "ns/call")
	})
}

// runLoop runs a loop until the benchmark ends.
func runLoop(b *testing.B) *reactor.Manager {
	m, err := reactor.New()
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer m.Close()
		m.Run(ctx)
	}()
	b.Cleanup(func() { cancel(); <-ended })
	return m
}

// wakePost calls Manager.Post.
func wakePost(b *testing.B) {
	m := runLoop(b)
	wakeups(b, func(done func()) func() error {
		return func() error { return m.Post(done) }
	})
}

// wakeConn wakes up a connection with some bytes.
func wakeConn(b *testing.B) {
	m := runLoop(b)
	var call func()
	var id uint64
	err := m.Do(context.Background(), func() {
		c, err := m.Listen("tcp://127.0.0.1:0", func(_ *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvWakeup {
				call()
			}
		}, nil)
		if err == nil {
			id = c.ID()
		}
	})
	if err != nil || id == 0 {
		b.Fatal(id, err)
	}
	data := []byte("wake up")
	wakeups(b, func(done func()) func() error {
		call = done // the loop reads it after Wakeup
		return func() error { return m.Wakeup(id, data) }
	})
}

// wakeChannel sends on a channel to a goroutine.
func wakeChannel(b *testing.B) {
	calls := make(chan func(), 64)
	go func() {
		for fn := range calls {
			fn()
		}
	}()
	b.Cleanup(func() { close(calls) })
	wakeups(b, func(done func()) func() error {
		return func() error {
			calls <- done
			return nil
		}
	})
}

// gnetLoop keeps the connection that a benchmark wakes up.
type gnetLoop struct {
	gnet.BuiltinEventEngine
	booted chan gnet.Engine
	conn   chan gnet.Conn
}

func (g *gnetLoop) OnBoot(e gnet.Engine) gnet.Action { g.booted <- e; return gnet.None }

func (g *gnetLoop) OnOpen(c gnet.Conn) ([]byte, gnet.Action) { g.conn <- c; return nil, gnet.None }

// wakeGnet calls Wake of a connection of gnet, whose callback runs on the loop.
func wakeGnet(b *testing.B) {
	addr, err := freeport.Addr()
	if err != nil {
		b.Fatal(err)
	}
	g := &gnetLoop{booted: make(chan gnet.Engine, 1), conn: make(chan gnet.Conn, 1)}
	ended := make(chan error, 1)
	go func() { ended <- gnet.Run(g, "tcp://"+addr, gnet.WithLogger(gnetLog{})) }()
	var e gnet.Engine
	select {
	case e = <-g.booted:
	case err := <-ended:
		b.Fatal(err)
	}
	peer, err := net.DialTimeout("tcp", addr, timeout)
	if err != nil {
		b.Fatal(err)
	}
	defer peer.Close()
	c := <-g.conn
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		e.Stop(ctx)
		<-ended
	})
	wakeups(b, func(done func()) func() error {
		called := func(gnet.Conn, error) error { done(); return nil }
		return func() error { return c.Wake(called) }
	})
}
