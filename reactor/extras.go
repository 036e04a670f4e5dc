package reactor

import "net/netip"

// extras are the fields that most connections do not need. They are allocated on first use,
// which keeps Conn small.
type extras struct {
	transport     transport   // nil for a plain stream
	dial          *dialer     // while an outgoing connection is being established, else nil
	opening       *openingRun // with which an accepted connection begins or has begun; nil without one
	accept        *acceptor   // of a stream listener, else nil
	watchdog      *watchdog   // while something with a deadline is awaited, else nil
	settings      *settings   // nil if none was made
	sendThreshold int         // the smallest of high and the limits of unsent bytes
	undelivered   uint32      // bytes added to Recv while input was suspended; the next EvRead counts them
	missing       uint32      // bytes of the message in Recv, see Conn.expect
	heldByLayers  int         // bytes of unfinished messages, see Stack.AddHeld
	writeErr      error       // of a failed write; what the peer sent before is still to be read
}

// settings are what programs set on a connection, and a listener's address. Most connections with
// extras have none: their extras then take 96 bytes instead of 192.
type settings struct {
	local     netip.AddrPort // a listener's own address
	zone      string         // the zone of the peer's IPv6 address
	deadlines *Deadlines     // of this connection; nil: the manager's
	recorder  *flightRecorder
	high, low int    // water marks of Send, in bytes; a high of 0 is off
	limits    Limits // of this connection; zero fields mean the manager's
}

// noSettings is what connections without settings have. It is never changed.
var noSettings settings

// extra returns the connection's extras. The first call allocates them.
func (c *Conn) extra() *extras {
	if c.ext == nil {
		if c.ext = c.mgr.spareExtras.take(); c.ext == nil {
			c.ext = &extras{sendThreshold: c.mgr.sendThreshold}
		}
	}
	return c.ext
}

// dropUnusedExtras returns the extras to the manager's pool if all fields have their defaults. Call
// it when a field that is seldom in use has become zero. Without extras the threshold of the
// manager applies. It may be lower than that of a client, and costs a check then.
func (c *Conn) dropUnusedExtras() {
	if c.life < closed && c.ext != nil && *c.ext == (extras{sendThreshold: c.ext.sendThreshold}) {
		c.ext.sendThreshold = c.mgr.sendThreshold
		c.mgr.spareExtras.put(c.ext)
		c.ext = nil
	}
}

// settings returns the settings for reading.
func (c *Conn) settings() *settings {
	if c.ext != nil && c.ext.settings != nil {
		return c.ext.settings
	}
	return &noSettings
}

// ownSettings returns the settings for a change. The first call allocates them.
func (c *Conn) ownSettings() *settings {
	x := c.extra()
	if x.settings == nil {
		x.settings = new(settings)
	}
	return x.settings
}
