package reactor

import (
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"time"
)

// Recorder says what a connection's flight recorder keeps: the last reads and
// writes, to be logged at level Warn when the connection fails. With TLS they are
// plaintext. An error that is logged in this way counts as looked at. The memory is what
// is kept: Entries times Bytes at most.
type Recorder struct {
	Entries int // reads and writes that are kept; at least 1
	Bytes   int // of each, from its beginning
	// Redact, if not nil, is given the bytes to be kept, a copy that it may
	// change in place. write tells what was written from what was read. A piece
	// is what one read or write took: a secret may begin in one and end in the
	// next, and beyond Bytes nothing is kept.
	Redact func(c *Conn, write bool, p []byte)
}

// SetRecorder turns the flight recorder on, empty, or off if r is nil or has fewer than one
// Entries. Accepted connections inherit it from their listener.
func (c *Conn) SetRecorder(r *Recorder) {
	c.mgr.own()
	if r == nil || r.Entries < 1 || c.life == closed {
		if c.ext != nil {
			c.ext.flight = nil
		}
		return
	}
	c.extra().flight = &flight{Recorder: *r}
	c.ext.flight.Bytes = max(r.Bytes, 0)
}

// SetHexdump turns the logging of all bytes read and written, at level Info, on or off.
// Accepted connections inherit it from their listener.
func (c *Conn) SetHexdump(on bool) {
	c.mgr.own()
	c.set(hexdump, on)
}

// traceRead shows bytes that came to the hexdump and the recorder, if they are on.
func (c *Conn) traceRead(p []byte) {
	if c.is(hexdump) || c.ext != nil && c.ext.flight != nil {
		c.trace("read", c.RemoteAddr(), p)
	}
}

// traceWrite shows bytes that were written to peer.
func (c *Conn) traceWrite(peer netip.AddrPort, p []byte) {
	if c.is(hexdump) || c.ext != nil && c.ext.flight != nil {
		c.trace("write", peer, p)
	}
}

func (c *Conn) trace(what string, peer netip.AddrPort, p []byte) {
	if !peer.IsValid() {
		peer = c.RemoteAddr()
	}
	if c.is(hexdump) {
		c.mgr.log.Info(what, "id", c.id, "local", c.LocalAddr(), "remote", peer, "bytes", len(p), "dump", "\n"+hex.Dump(p))
	}
	if c.ext != nil && c.ext.flight != nil {
		c.ext.flight.keep(c, what, peer, p)
	}
}

// flight is a ring of what was read and written last.
type flight struct {
	Recorder
	ring []entry
	next int // where the next goes, once the ring is full
}

type entry struct {
	at   time.Time
	what string // "read" or "write"
	peer netip.AddrPort
	size int    // bytes read or written
	data []byte // the first of them
}

func (f *flight) keep(c *Conn, what string, peer netip.AddrPort, p []byte) {
	if len(f.ring) < f.Entries {
		f.ring = append(f.ring, entry{})
	}
	e := &f.ring[f.next]
	f.next = (f.next + 1) % f.Entries
	data := append(e.data[:0], p[:min(len(p), f.Bytes)]...)
	*e = entry{c.mgr.clock(), what, peer, len(p), data[:0]} // Redact may fail the connection, which shows the ring
	if f.Redact != nil {
		f.Redact(c, what == "write", data)
	}
	e.data = data
}

// log writes what was kept, the oldest first.
func (f *flight) log(c *Conn, err error) {
	var b strings.Builder
	for i := range f.ring {
		e := &f.ring[(f.next+i)%len(f.ring)]
		fmt.Fprintf(&b, "\n%s %s %d bytes, %v\n%s", e.at.Format("15:04:05.000000"), e.what, e.size, e.peer, hex.Dump(e.data))
	}
	c.mgr.log.Warn("flight recorder", append(c.attrs(), slog.Any("error", err), slog.String("dump", b.String()))...)
}

// attrs are what log records name a connection by.
func (c *Conn) attrs() []any {
	attrs := []any{"id", c.id, "network", c.network()}
	if a := c.LocalAddr(); a.IsValid() {
		attrs = append(attrs, "local", a)
	}
	if a := c.RemoteAddr(); a.IsValid() {
		attrs = append(attrs, "remote", a)
	}
	return append(attrs, "protocol", c.protocol())
}

// protocol names the layers by their packages, the lowest first: "http", "ws/mqtt".
func (c *Conn) protocol() string {
	var names []string
	for _, p := range c.layers {
		name, _, _ := strings.Cut(strings.TrimPrefix(fmt.Sprintf("%T", p), "*"), ".")
		names = append(names, name)
	}
	return strings.Join(names, "/")
}
