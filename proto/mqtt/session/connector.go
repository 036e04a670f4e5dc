package session

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/rikki-go/rikki/internal/quote"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
)

// connector decides when the session connects, and to which URL. It is a state machine: it gets the
// time, and what has become of each attempt. It makes no connection itself.
//
//	          next                     up
//	waiting ---------> connecting ------------> connected
//	   ^                   | failed                 | down
//	   +-------------------+------------------------+
//	        the verdict says how long to wait, or that the session has ended
type connector struct {
	urls         []string // of Options; copied before a server that has moved replaces one
	backoff      Backoff  // without zero fields
	retryRefused bool
	random       func(n int64) int64 // a random number from 0 to n-1

	at      int    // index in urls of the URL to try next
	refused []bool // by index in urls: refused in a way that will not heal. Nil: none
	// others are the servers of a Server Reference with 0x9C, which are tried before urls. They are
	// used until a connection was up, or until each has failed.
	others        []string
	othersRefused bool // each of the others that has failed did so in a way that will not heal
	hops          int  // how many of the others have failed, or how often servers have moved

	attempt  int       // number of the attempt that next has returned
	failures int       // attempts and short connections since the bound of the delay was reset
	upSince  time.Time // when the connection was up
	viaOther bool      // the connection is to one of the others
}

// verdict says what follows an attempt that has failed, or a connection that has ended.
type verdict struct {
	err   error         // the reason, with what is wrong in a Server Reference
	final bool          // the session ends
	wait  time.Duration // until the next attempt, if the session does not end
}

// newConnector returns a connector whose next attempt is the first one, to urls[0].
func newConnector(urls []string, b Backoff, retryRefused bool, random func(n int64) int64) *connector {
	if b.Min == 0 {
		b.Min = DefaultBackoffMin
	}
	if b.Max == 0 {
		b.Max = max(DefaultBackoffMax, b.Min)
	}
	if b.Stable == 0 {
		b.Stable = DefaultBackoffStable
	}
	return &connector{urls: urls, backoff: b, retryRefused: retryRefused, random: random}
}

// next returns the URL of the attempt that begins now, and the number of the attempt. It begins
// with 1 after a connection was up.
func (c *connector) next() (url string, number int) {
	c.attempt++
	if len(c.others) > 0 {
		return c.others[0], c.attempt
	}
	return c.urls[c.at], c.attempt
}

// up is called when the server has accepted the session.
func (c *connector) up(now time.Time) {
	c.upSince, c.attempt = now, 0
	c.viaOther = len(c.others) > 0
	c.others, c.refused, c.hops = nil, nil, 0
}

// down is called when a connection that was up has ended. url is the one that it was made with. The
// next attempt is to the same server, unless err has a Server Reference. If the connection was to a
// server that another one has named, the next attempt is to the one that has named it.
func (c *connector) down(now time.Time, url string, err error) verdict {
	if now.Sub(c.upSince) >= c.backoff.Stable {
		c.failures = 0
	}
	servers, moved, err := serverReference(url, err)
	switch {
	case len(servers) == 0:
	case moved && !c.viaOther:
		c.replace(servers)
	default:
		c.others, c.othersRefused, c.hops = servers, true, 0
	}
	return verdict{err: err, wait: c.delay()}
}

// failed is called when the attempt of next has failed. url is the one that was used.
func (c *connector) failed(url string, err error) verdict {
	servers, moved, err := serverReference(url, err)
	stays := !c.retryRefused && len(servers) == 0 && !heals(err)
	switch {
	case len(c.others) > 0:
		c.othersRefused = c.othersRefused && stays
		c.others = c.others[1:]
		if c.hops++; len(servers) > 0 && c.hops < maxReferences { // servers may name each other
			c.others = append(servers, c.others...)
			c.others = c.others[:min(len(c.others), maxReferences)]
		}
		if len(c.others) == 0 { // the servers that urls[at] has named count as urls[at] itself
			c.advance(c.othersRefused)
		}
	case moved && len(servers) > 0:
		c.replace(servers)
		if c.hops++; c.hops >= maxReferences {
			c.hops = 0
			c.advance(false)
		}
	case len(servers) > 0:
		c.others, c.othersRefused, c.hops = servers, true, 0
	default:
		c.advance(stays)
	}
	if c.allRefused() {
		return verdict{err: err, final: true}
	}
	return verdict{err: err, wait: c.delay()}
}

// advance moves on to the next URL that has not refused. If all have, the position does not matter.
// stays says that the current URL has refused in a way that will not heal.
func (c *connector) advance(stays bool) {
	if stays {
		if c.refused == nil {
			c.refused = make([]bool, len(c.urls))
		}
		c.refused[c.at] = true
	}
	for range c.urls {
		if c.at = (c.at + 1) % len(c.urls); c.refused == nil || !c.refused[c.at] {
			return
		}
	}
}

// allRefused reports whether no URL is left that a further attempt makes sense with.
func (c *connector) allRefused() bool {
	for i := range c.urls {
		if c.refused == nil || !c.refused[i] {
			return false
		}
	}
	return len(c.others) == 0
}

// maxMoved is the largest number of URLs, unless Options has more. Servers that have moved again
// and again do not make the list longer.
const maxMoved = 64

// replace replaces the URL that was used by the servers to which it has moved.
func (c *connector) replace(servers []string) {
	servers = servers[:min(len(servers), max(1, maxMoved-len(c.urls)+1))]
	splice := func(n int) (urls []string) {
		urls = append(urls, c.urls[:c.at]...)
		urls = append(urls, servers...)
		return append(urls, c.urls[n:]...)
	}
	if c.refused != nil {
		refused := make([]bool, c.at, len(c.urls)+len(servers))
		copy(refused, c.refused)
		c.refused = append(append(refused, make([]bool, len(servers))...), c.refused[c.at+1:]...)
	}
	c.urls = splice(c.at + 1)
}

// delay returns the time until the next attempt: from 0 to a bound that doubles each time.
func (c *connector) delay() time.Duration {
	bound := c.backoff.Max
	if c.failures < 63 && c.backoff.Min <= bound>>c.failures {
		bound = c.backoff.Min << c.failures
	}
	c.failures++
	return time.Duration(c.random(int64(min(bound, math.MaxInt64-1)) + 1))
}

// heals reports whether a later attempt may succeed although nothing is changed on this side. The
// codes that are not listed are about the state of the server, such as 0x88 Server unavailable.
func heals(err error) bool {
	var refusal *mqtt.RefusedError
	var handshake *ws.HandshakeError
	switch {
	case errors.Is(err, mqtt.ErrVersion):
		return false
	case errors.As(err, &handshake):
		return handshake.Status != 401 && handshake.Status != 403 && handshake.Header != "Sec-WebSocket-Protocol"
	case !errors.As(err, &refusal) || refusal.Cmd != mqtt.CmdConnack:
		return true
	case refusal.Version != 5:
		switch refusal.Code {
		case mqtt.ConnackBadProtocolVersion, mqtt.ConnackIdentifierRejected, mqtt.ConnackBadUserNameOrPassword, mqtt.ConnackNotAuthorized:
			return false
		}
		return true
	}
	switch refusal.Code {
	case mqtt.ReasonMalformedPacket, mqtt.ReasonProtocolError, mqtt.ReasonUnsupportedVersion,
		mqtt.ReasonClientIDNotValid, mqtt.ReasonBadUserNameOrPassword, mqtt.ReasonNotAuthorized,
		mqtt.ReasonBanned, mqtt.ReasonBadAuthMethod, mqtt.ReasonTopicNameInvalid,
		mqtt.ReasonPacketTooLarge, mqtt.ReasonPayloadFormatInvalid, mqtt.ReasonRetainNotSupported,
		mqtt.ReasonQoSNotSupported, mqtt.ReasonServerMoved:
		return false
	}
	return true
}

// serverReference returns the URLs of the servers that the server at url names in a CONNACK or
// DISCONNECT. moved says that it has moved to them for good. If the reference cannot be used, the
// returned error says why. 5.0 section 4.11.
func serverReference(url string, err error) (servers []string, moved bool, _ error) {
	var refusal *mqtt.RefusedError
	if !errors.As(err, &refusal) || refusal.ServerReference == "" || refusal.Version != 5 {
		return nil, false, err
	}
	if refusal.Code != mqtt.ReasonUseAnotherServer && refusal.Code != mqtt.ReasonServerMoved {
		return nil, false, err
	}
	servers, why := parseReference(url, refusal.ServerReference)
	if why != nil {
		err = fmt.Errorf("%w; Server Reference %s is ignored: %w", err, quote.Cut(refusal.ServerReference), why)
	}
	return servers, refusal.Code == mqtt.ReasonServerMoved, err
}
