//go:build linux

package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// servers are the programs with rikki's defaults that rows attack. Each makes its listener.
var servers = map[string]func(m *reactor.Manager) (*reactor.Conn, error){
	"http":       serveHTTP,
	"http-send8": serveHTTP, // with Limits.Send, see newManager
	"tls":        serveTLS,
	"ws": func(m *reactor.Manager) (*reactor.Conn, error) {
		return ws.Listen(m, "ws://127.0.0.1:0", echoWS, nil)
	},
	"ws-deflate": func(m *reactor.Manager) (*reactor.Conn, error) {
		return ws.Listen(m, "ws://127.0.0.1:0", echoWS, nil, &ws.Options{Deflate: &ws.Deflate{}})
	},
	"ws-wrap": func(m *reactor.Manager) (*reactor.Conn, error) {
		return ws.Listen(m, "ws://127.0.0.1:0", wrapWS, nil, &ws.Options{Deflate: &ws.Deflate{}})
	},
	"raw": func(m *reactor.Manager) (*reactor.Conn, error) {
		return m.Listen("tcp://127.0.0.1:0", echo, nil)
	},
	"udp": func(m *reactor.Manager) (*reactor.Conn, error) {
		return m.Listen("udp://127.0.0.1:0", echo, nil)
	},
	"post": func(m *reactor.Manager) (*reactor.Conn, error) {
		return m.Listen("tcp://127.0.0.1:0", echoOr('!', postStorm), nil)
	},
	"resolve": func(m *reactor.Manager) (*reactor.Conn, error) {
		return m.Listen("tcp://127.0.0.1:0", echoOr('!', connectMany), nil)
	},
}

// serveMain runs a server until its standard input ends. It prints its address. A line with a
// number on standard input makes its clock run that many times faster from then on.
func serveMain(name string, files int) error {
	listen := servers[name]
	if listen == nil {
		return fmt.Errorf("-server %q: there is no such server", name)
	}
	if files > 0 {
		limit := syscall.Rlimit{Cur: uint64(files), Max: uint64(files)}
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			return os.NewSyscallError("setrlimit", err)
		}
	}
	k := newClock()
	m, err := newManager(name, k)
	if err != nil {
		return err
	}
	defer m.Close()
	l, err := listen(m)
	if err != nil {
		return err
	}
	fmt.Println(l.LocalAddr())
	commands := make(chan int, 1)
	go func() {
		defer close(commands)
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			if speed, err := strconv.Atoi(in.Text()); err == nil {
				commands <- speed
				m.Post(func() {})
			}
		}
		m.Post(func() {})
	}()
	// With a fast clock the loop must not sleep until the timers are due by the slow one.
	for wait := time.Duration(-1); ; {
		if err := m.Poll(wait); err != nil {
			return err
		}
		select {
		case speed, ok := <-commands:
			if !ok {
				return nil
			}
			k.speedUp(speed)
			wait = 5 * time.Millisecond
		default:
		}
	}
}

func newManager(name string, k *clock) (*reactor.Manager, error) {
	opts := []reactor.Option{reactor.WithClock(k.now)}
	switch name {
	case "http-send8":
		opts = append(opts, reactor.WithLimits(reactor.Limits{Send: 8 << 20}))
	case "resolve":
		opts = append(opts, reactor.WithResolver(manyAddresses{}))
	}
	return reactor.New(opts...)
}

// clock is the time of a server. It can run faster than the real time, so that deadlines of a
// minute pass in a second.
type clock struct{ at atomic.Pointer[rate] }

// rate says that the clock has shown `shown` at the real time `real` and runs at a speed.
type rate struct {
	real, shown time.Time
	speed       int
}

func newClock() *clock {
	k := &clock{}
	now := time.Now()
	k.at.Store(&rate{now, now, 1})
	return k
}

func (k *clock) now() time.Time {
	r := k.at.Load()
	return r.shown.Add(time.Since(r.real) * time.Duration(r.speed))
}

func (k *clock) speedUp(speed int) { k.at.Store(&rate{time.Now(), k.now(), speed}) }

// pages are the answers to GET, by path.
var pages = map[string][]byte{
	"/10":  slices.Repeat([]byte("x"), 10),
	"/10k": slices.Repeat([]byte("x"), 10<<10),
	"/1m":  slices.Repeat([]byte("x"), 1<<20),
	"/8m":  slices.Repeat([]byte("x"), 8<<20),
}

func serveHTTP(m *reactor.Manager) (*reactor.Conn, error) {
	return http.Listen(m, "http://127.0.0.1:0", page, nil)
}

func serveTLS(m *reactor.Manager) (*reactor.Conn, error) {
	cfg, err := selfSigned()
	if err != nil {
		return nil, err
	}
	l, err := http.Listen(m, "https://127.0.0.1:0", page, nil)
	if err == nil {
		l.StartTLS(cfg)
	}
	return l, err
}

func page(c *reactor.Conn, ev reactor.Event, data any) {
	if ev != reactor.EvHTTPMsg {
		return
	}
	body, ok := pages[string(data.(*http.Message).URI)]
	status := 200
	if !ok {
		status = 404
	}
	http.ReplyBytes(c, status, "", body)
}

// echoWS sends messages back. It answers one of more than 64 KiB with its size, so that the cost
// of a large message is the library's and not that of the answer.
func echoWS(c *reactor.Conn, ev reactor.Event, data any) {
	if ev != reactor.EvWSMsg {
		return
	}
	if msg := data.(*ws.Message); len(msg.Data) <= 64<<10 {
		ws.Send(c, msg.Data, msg.Op)
	} else {
		ws.Printf(c, ws.OpText, "%d bytes", len(msg.Data))
	}
}

// wrapWS sends messages back with Wrap, which never compresses.
func wrapWS(c *reactor.Conn, ev reactor.Event, data any) {
	if ev == reactor.EvWSMsg {
		msg := data.(*ws.Message)
		c.Write(msg.Data)
		ws.Wrap(c, len(msg.Data), msg.Op)
	}
}

func echo(c *reactor.Conn, ev reactor.Event, _ any) {
	if ev == reactor.EvRead {
		c.Write(c.Recv.Bytes())
		c.Recv.Reset()
	}
}

// echoOr is an echo that calls command for input that begins with a certain byte.
func echoOr(mark byte, command func(c *reactor.Conn)) reactor.Handler {
	return func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvRead && c.Recv.Len() > 0 && c.Recv.Bytes()[0] == mark {
			c.Recv.Reset()
			command(c)
			return
		}
		if ev == reactor.EvWakeup {
			c.Write([]byte{mark}) // the command is done
		}
		echo(c, ev, data)
	}
}

// postStorm starts a goroutine that posts functions in batches of 10,000. It begins the next
// batch when the last function of the batch before has run. The storm ends with the process.
func postStorm(c *reactor.Conn) {
	m := c.Manager()
	go func() {
		for ran := make(chan bool); ; <-ran {
			for range 9999 {
				m.Post(func() {})
			}
			if m.Post(func() { go func() { ran <- true }() }) != nil {
				return
			}
		}
	}()
}

// connectMany connects to a name with a thousand addresses, of which none answers. It tells the
// client when the connection has ended.
func connectMany(c *reactor.Conn) {
	id := c.ID()
	m := c.Manager()
	_, err := m.Connect("tcp://many.test:1", func(_ *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvError:
			_ = data.(error).Error() // it is expected
		case reactor.EvClose:
			m.Wakeup(id, nil)
		}
	}, nil)
	if err != nil {
		c.Fail(err)
	}
}

// manyAddresses resolves each name to a thousand addresses of loopback.
type manyAddresses struct{}

func (manyAddresses) LookupNetIP(_ context.Context, network, _ string) ([]netip.Addr, error) {
	var all []netip.Addr
	for i := range 1000 {
		if network == "ip4" {
			all = append(all, netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)}))
		}
	}
	return all, nil
}

// selfSigned makes a certificate with a key on P-256. The clients do not verify it.
func selfSigned() (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, nil
}

// serverNames lists the servers, for error messages.
func serverNames() string {
	var names []string
	for name := range servers {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
