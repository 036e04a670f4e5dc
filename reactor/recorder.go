package reactor

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/rikki-go/rikki/internal/quote"
	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// Recorder configures a connection's flight recorder. The flight recorder keeps the last reads
// and writes, and logs them at level Warn when the connection fails. With TLS it keeps
// plaintext. An error that it logs counts as handled. It uses at most Entries times Bytes
// bytes of memory.
type Recorder struct {
	Entries int // how many reads and writes to keep; at least 1
	Bytes   int // how many bytes of each to keep, from its beginning
	// Redact, if not nil, hides secrets. p is a copy of the bytes to keep. Redact may change
	// it in place and must not use it after it returns. write is true for bytes that were
	// written, and false for bytes that were read. Each call has the bytes of one read or
	// write, at most Bytes of them: a secret may begin in one call and end in the next.
	Redact func(c *Conn, write bool, p []byte)
}

// SetRecorder turns the flight recorder on or off. r is copied. A new recorder is empty. A nil
// r, or Entries below 1, turns the recorder off. Accepted connections inherit the setting from
// their listener. After EvClose SetRecorder does nothing.
func (c *Conn) SetRecorder(r *Recorder) {
	c.mgr.checkOwner()
	if r == nil || r.Entries < 1 || c.life == closed {
		if c.settings().recorder != nil {
			c.ext.settings.recorder = nil
		}
		return
	}
	own := &flightRecorder{Recorder: *r}
	own.Bytes = max(r.Bytes, 0)
	c.ownSettings().recorder = own
}

// SetHexdump turns the logging of all bytes read and written on or off. The records have level
// Info. With TLS they show plaintext. Accepted connections inherit the setting from their
// listener.
func (c *Conn) SetHexdump(on bool) {
	c.mgr.checkOwner()
	c.set(hexdump, on)
}

// traceRead gives bytes that were read to the hexdump and the recorder, if they are on.
func (c *Conn) traceRead(p []byte) {
	if c.is(hexdump) || c.ext != nil && c.settings().recorder != nil {
		c.trace("read", c.RemoteAddr(), p)
	}
}

// traceWrite does the same for bytes that were written. peer is the receiver of a datagram; if
// it is the zero AddrPort, the connection's RemoteAddr is used.
func (c *Conn) traceWrite(peer netip.AddrPort, p []byte) {
	if c.is(hexdump) || c.ext != nil && c.settings().recorder != nil {
		c.trace("write", peer, p)
	}
}

// trace logs p, and keeps it in the recorder. what is "read" or "write".
func (c *Conn) trace(what string, peer netip.AddrPort, p []byte) {
	if !peer.IsValid() {
		peer = c.RemoteAddr()
	}
	if c.is(hexdump) {
		c.mgr.log.Info(what, append(c.attrsWithPeer(peer), "bytes", len(p), "dump", "\n"+hex.Dump(p))...)
	}
	if recorder := c.settings().recorder; recorder != nil {
		recorder.add(c, what, peer, p)
	}
}

// flightRecorder keeps the last reads and writes of one connection in a ring.
type flightRecorder struct {
	Recorder
	ring []flightEntry
	next int // index of the next entry; if the ring is full, the oldest one is there
}

// flightEntry is one read or write.
type flightEntry struct {
	at   time.Time
	what string         // "read" or "write"
	peer netip.AddrPort // zero if it is not known, as on UNIX-domain sockets
	size int            // how many bytes were read or written
	data []byte         // the first of them, at most Bytes
}

// add adds an entry. It replaces the oldest one if the ring is full.
func (f *flightRecorder) add(c *Conn, what string, peer netip.AddrPort, p []byte) {
	if len(f.ring) < f.Entries {
		f.ring = append(f.ring, flightEntry{})
	}
	e := &f.ring[f.next]
	f.next = (f.next + 1) % f.Entries
	data := append(e.data[:0], p[:min(len(p), f.Bytes)]...)
	*e = flightEntry{c.mgr.clock(), what, peer, len(p), data[:0]} // no data yet: Redact may call Fail, which logs the ring
	if f.Redact != nil {
		f.Redact(c, what == "write", data)
	}
	e.data = data
}

// log logs all entries in one record, the oldest first, with the error that the connection
// failed with.
func (f *flightRecorder) log(c *Conn, err error) {
	if !c.mgr.mayLog() {
		return
	}
	var b strings.Builder
	for i := range f.ring {
		e := &f.ring[(f.next+i)%len(f.ring)]
		fmt.Fprintf(&b, "\n%s %s %d bytes", e.at.Format("15:04:05.000000"), e.what, e.size)
		if e.peer.IsValid() {
			fmt.Fprintf(&b, ", %v", e.peer)
		}
		fmt.Fprintf(&b, "\n%s", hex.Dump(e.data))
	}
	attrs := append(c.attrs(), "error", quote.Error(err))
	if b.Len() > 0 { // something was read or written
		attrs = append(attrs, "dump", b.String())
	}
	c.mgr.log.Warn("flight recorder", attrs...)
}

// attrs returns the attributes with which log records name the connection:
//
//	id        Conn.ID
//	network   "tcp", "udp", "unix", or "fd" for WrapFD
//	local     the socket's own address
//	remote    the peer's address
//	protocol  the layers
//
// An address is a netip.AddrPort, or the path of a UNIX-domain socket as a string. What is not
// known, or does not exist, has no attribute.
func (c *Conn) attrs() []any { return c.attrsWithPeer(c.RemoteAddr()) }

// attrsWithPeer is attrs with another peer: the one that a datagram came from or goes to.
func (c *Conn) attrsWithPeer(peer netip.AddrPort) []any {
	attrs := []any{"id", c.id, "network", c.network()}
	if a := c.LocalAddr(); a.IsValid() {
		attrs = append(attrs, "local", a)
	} else if name := c.localName(); name != "" {
		attrs = append(attrs, "local", name)
	}
	if peer.IsValid() {
		attrs = append(attrs, "remote", peer)
	} else if name := c.remoteName(); name != "" {
		attrs = append(attrs, "remote", quote.Text(name, quote.MaxText)) // the peer has chosen it
	}
	if p := c.protocol(); p != "" {
		attrs = append(attrs, "protocol", p)
	}
	return attrs
}

// localName returns the path that the connection's UNIX-domain socket is bound to, or "".
func (c *Conn) localName() string {
	if c.isStreamListener() { // known after EvClose too
		return c.ext.accept.name
	}
	return poll.LocalName(int(c.fd))
}

// remoteName returns the path that the UNIX-domain socket of the connection's peer is bound to,
// or "".
func (c *Conn) remoteName() string { return poll.RemoteName(int(c.fd)) }

// protocol names the layers by their packages, the lowest first: "http", "ws/mqtt". It returns
// "" if there are no layers.
func (c *Conn) protocol() string {
	var names []string
	for p := range c.layers.all() {
		name, _, _ := strings.Cut(strings.TrimPrefix(fmt.Sprintf("%T", p), "*"), ".")
		names = append(names, name)
	}
	return strings.Join(names, "/")
}
