package reactor

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// SetDialURL makes a connection of Connect dial another address than that of its URL:
// tcp://host:port or unix:///path. A proxy or a local socket can be reached in this way. Nothing
// else changes: TLS uses the host of the connection's own URL for ServerName, and protocols use it
// for what they send, such as Host. RemoteAddr returns the address that was dialed.
//
// SetDialURL must be called in EvOpen or before, because after that the connection is being
// dialed. It returns an error if it is too late, if the URL is bad, or if the connection is no
// stream made by Connect. A later call replaces the URL.
func (c *Conn) SetDialURL(url string) error {
	c.mgr.checkOwner()
	switch {
	case c.life >= closing || c.is(failed):
		return ErrClosed
	case c.role != roleClient || c.isDatagram():
		return errors.New("reactor: SetDialURL: want a stream made by Connect")
	case !c.dialing() || c.ext.dial.started:
		return errors.New("reactor: SetDialURL: too late, the connection is being dialed")
	}
	u, t, err := parseSocket(url)
	if err != nil {
		return err
	}
	if u.Scheme != "unix" && (t.sockType != unix.SOCK_STREAM || t.tls || u.Host == "" || u.Port == 0) {
		return fmt.Errorf("reactor: bad URL %q: want tcp://host:port with a port other than 0, or unix:///path", u.Redacted())
	}
	d := c.ext.dial
	d.url, d.network = u, t.network
	return nil
}

// Target returns the URL that Connect was called with. ok is false on other connections, and after
// EvConnect. It is for an Opening that asks a proxy for a tunnel to it.
func (s Stack) Target() (u URL, ok bool) {
	if x := s.c.ext; x != nil && x.dial != nil {
		return x.dial.target, true
	}
	return URL{}, false
}
