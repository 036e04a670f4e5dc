package reactor_test

import (
	"encoding/binary"
	"math/rand/v2"

	"golang.org/x/sys/unix"
)

// vandal is one client of the torture test. It holds some bare sockets, and does something to
// one of them again and again. It runs on a goroutine of its own.
type vandal struct {
	x       *torture
	rnd     *rand.Rand
	targets []unix.Sockaddr
	fds     []int
	did     map[string]int
	junk    []byte
}

const vandalSockets = 24 // the most that one vandal holds

func newVandal(x *torture, n uint64, targets []unix.Sockaddr) *vandal {
	v := &vandal{x: x, rnd: rand.New(rand.NewPCG(x.seed, n)), did: map[string]int{}, junk: make([]byte, 1<<16)}
	for _, to := range targets { // a copy: Connect writes to it
		switch to := to.(type) {
		case *unix.SockaddrInet4:
			v.targets = append(v.targets, &unix.SockaddrInet4{Addr: to.Addr, Port: to.Port})
		case *unix.SockaddrInet6:
			v.targets = append(v.targets, &unix.SockaddrInet6{Addr: to.Addr, Port: to.Port})
		case *unix.SockaddrUnix:
			v.targets = append(v.targets, &unix.SockaddrUnix{Name: to.Name})
		}
	}
	for i := range v.junk {
		v.junk[i] = byte(v.rnd.Uint32())
	}
	return v
}

// run does each act once, in any order, and then acts by chance: tortureActs of them, and more
// until x.quit.
func (v *vandal) run() {
	for _, i := range v.rnd.Perm(len(acts)) {
		v.act(&acts[i])
	}
	for i := 0; i < tortureActs || !v.x.quit.Load(); i++ {
		if len(v.fds) < vandalSockets && v.rnd.IntN(3) == 0 {
			v.connect()
		}
		v.act(&acts[v.rnd.IntN(len(acts))])
	}
	for _, fd := range v.fds {
		unix.Close(fd)
	}
	v.x.mu.Lock()
	defer v.x.mu.Unlock()
	for name, n := range v.did {
		v.x.done[name] += n
	}
}

// act does something to one of the sockets. If there is none it connects one first; if that
// fails too it gets a descriptor that is not open.
func (v *vandal) act(a *act) {
	if len(v.fds) == 0 {
		v.connect()
	}
	v.did[a.name]++
	if len(v.fds) == 0 {
		a.do(v, -1)
		return
	}
	i := v.rnd.IntN(len(v.fds))
	if a.do(v, v.fds[i]); a.ends {
		unix.Close(v.fds[i])
		v.fds[i] = v.fds[len(v.fds)-1]
		v.fds = v.fds[:len(v.fds)-1]
	}
}

// connect connects a socket. Calls on the socket block for a moment at most.
func (v *vandal) connect() {
	to := v.targets[v.rnd.IntN(len(v.targets))]
	family := unix.AF_UNIX
	switch to.(type) {
	case *unix.SockaddrInet4:
		family = unix.AF_INET
	case *unix.SockaddrInet6:
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err != nil {
		return
	}
	unix.CloseOnExec(fd)
	moment := unix.NsecToTimeval(2e6)
	unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &moment)
	unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &moment)
	if err := unix.Connect(fd, to); err != nil && err != unix.EINPROGRESS {
		unix.Close(fd)
		return
	}
	v.fds = append(v.fds, fd)
}

const (
	request   = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	handshake = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	frame = "\x82\x85\x00\x00\x00\x00hello" // masked with zeros
)

// act is what a client does to a socket, which is closed afterwards if it ends.
type act struct {
	name string
	ends bool
	do   func(v *vandal, fd int)
}

var acts = []act{
	{"connect", false, func(v *vandal, _ int) {
		if len(v.fds) < vandalSockets {
			v.connect()
		}
	}},
	{"garbage", false, func(v *vandal, fd int) { unix.Write(fd, v.junk[:v.rnd.IntN(2000)]) }},
	{"byte", false, func(v *vandal, fd int) { unix.Write(fd, v.junk[:1]) }},
	{"request", false, func(_ *vandal, fd int) { unix.Write(fd, []byte(request+request)) }},
	{"half a request", false, func(v *vandal, fd int) { unix.Write(fd, []byte(handshake)[:v.rnd.IntN(len(handshake))]) }},
	{"handshake", false, func(_ *vandal, fd int) { unix.Write(fd, []byte(handshake+frame)) }},
	{"TLS", false, (*vandal).shake},
	{"half of TLS", false, func(v *vandal, fd int) { unix.Write(fd, clientHello()[:v.rnd.IntN(len(clientHello()))]) }},
	{"frames", false, func(_ *vandal, fd int) { unix.Write(fd, []byte(frame+frame+frame)) }},
	{"flood", false, func(v *vandal, fd int) {
		for range 32 { // 2 MB, more than sockets hold
			if n, err := unix.Write(fd, v.junk); n < len(v.junk) || err != nil {
				return
			}
		}
	}},
	{"read", false, func(v *vandal, fd int) { unix.Read(fd, make([]byte, 1+v.rnd.IntN(1<<16))) }},
	{"half-close", false, func(_ *vandal, fd int) { unix.Shutdown(fd, unix.SHUT_WR) }},
	{"stop reading", false, func(_ *vandal, fd int) { unix.Shutdown(fd, unix.SHUT_RD) }},
	{"reset", true, func(_ *vandal, fd int) {
		unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}},
	{"vanish", true, func(*vandal, int) {}},
	{"finish", true, func(_ *vandal, fd int) {
		unix.Shutdown(fd, unix.SHUT_WR)
		for buf, i := make([]byte, 1<<16), 0; i < 100; i++ {
			if n, err := unix.Read(fd, buf); n <= 0 || err != nil {
				return
			}
		}
	}},
	{"post", false, func(v *vandal, _ int) { v.x.m.Post(v.x.act) }},
	{"wake", false, func(v *vandal, _ int) {
		id := 1 + v.rnd.Uint64N(v.x.lastID.Load()+1)
		v.x.m.Wakeup(id, binary.BigEndian.AppendUint64(nil, id))
	}},
}
