package ws

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/gobwas/ws/wsflate"

	"github.com/rikki-go/rikki/internal/quote"
	"github.com/rikki-go/rikki/proto/http"
)

// extension is an element of Sec-WebSocket-Extensions [RFC 6455 9.1].
type extension struct {
	name   []byte
	params []extensionParam
}

type extensionParam struct {
	name, value []byte // value is nil if the parameter has none
}

var errExtensions = errors.New("header Sec-WebSocket-Extensions is malformed: " +
	"want a list like name; parameter=value")

// eachExtension calls fn for each extension in the lines of the header. The extension is
// valid until fn returns. eachExtension returns an error if a line is not a list of
// extensions. The side that receives such a line must fail the connection [RFC 6455 9.1].
//
// httphead.ScanOptions is not used, because it also accepts malformed lists: for example
// "a b", "a; b=", "a; b=1 2", and quoted values that are not tokens
// (TestGobwasAcceptsIllegalExtensions).
func eachExtension(lines [][]byte, fn func(e extension)) error {
	var e extension
	for _, line := range lines {
		for s := (extensionScanner{rest: line}); !s.done(); {
			if s.take(',') { // an empty element [RFC 9110 5.6.1.2]
				continue
			}
			e.name = s.token()
			e.params = e.params[:0]
			for s.take(';') {
				p := extensionParam{name: s.token()}
				if s.take('=') {
					p.value = s.value()
				}
				e.params = append(e.params, p)
			}
			if s.bad || !s.done() && !s.take(',') {
				return errExtensions
			}
			fn(e)
		}
	}
	return nil
}

// extensionScanner splits a line into tokens, values and separators.
type extensionScanner struct {
	rest []byte
	bad  bool // a token or a value was missing or malformed
}

func (s *extensionScanner) done() bool {
	s.rest = bytes.TrimLeft(s.rest, " \t")
	return len(s.rest) == 0
}

func (s *extensionScanner) take(c byte) bool {
	if s.done() || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

func (s *extensionScanner) token() []byte {
	s.rest = bytes.TrimLeft(s.rest, " \t")
	n := bytes.IndexAny(s.rest, " \t,;=\"")
	if n < 0 {
		n = len(s.rest)
	}
	token := s.rest[:n]
	s.rest = s.rest[n:]
	s.bad = s.bad || !http.IsToken(token)
	return token
}

// value takes a token or a quoted string. The quoted string must be a token after its
// quotes and escapes are removed [RFC 6455 9.1].
func (s *extensionScanner) value() []byte {
	if !s.take('"') {
		return s.token()
	}
	var v []byte
	for i := 0; i < len(s.rest); i++ {
		c := s.rest[i]
		if c == '"' {
			s.rest = s.rest[i+1:]
			s.bad = s.bad || !http.IsToken(v)
			return v
		}
		if c == '\\' && i+1 < len(s.rest) {
			i++
			c = s.rest[i]
		}
		v = append(v, c)
	}
	s.bad = true
	return nil
}

// windowWithoutValue is the value of wsflate.Parameters.ClientMaxWindowBits for an offer of
// client_max_window_bits without a value [RFC 7692 7.1.2.2].
const windowWithoutValue wsflate.WindowBits = 1

// parameters reads the parameters of permessage-deflate in an offer or an answer
// [RFC 7692 7.1]. If a window is missing, its field is 0. Only an offer may have
// client_max_window_bits without a value. The field is windowWithoutValue then.
//
// wsflate.Parameters.Parse is not used, because it also accepts invalid parameters: two
// client_max_window_bits if one is without a value, "08", and numbers that overflow.
func (e extension) parameters(answer bool) (t wsflate.Parameters, err error) {
	for i, p := range e.params {
		ok := p.value == nil
		switch string(p.name) {
		case "server_no_context_takeover":
			t.ServerNoContextTakeover = true
		case "client_no_context_takeover":
			t.ClientNoContextTakeover = true
		case "server_max_window_bits":
			t.ServerMaxWindowBits, ok = windowBits(p.value)
		case "client_max_window_bits":
			if t.ClientMaxWindowBits, ok = windowBits(p.value); p.value == nil && !answer {
				t.ClientMaxWindowBits, ok = windowWithoutValue, true
			}
		default:
			return t, fmt.Errorf("parameter %s is unknown", quote.Cut(p.name))
		}
		same := func(q extensionParam) bool { return bytes.Equal(q.name, p.name) }
		switch {
		case slices.ContainsFunc(e.params[:i], same):
			return t, fmt.Errorf("parameter %s appears twice", p.name)
		case !ok && p.value == nil:
			return t, fmt.Errorf("parameter %s has no value: want 8 to 15", p.name)
		case !ok:
			return t, fmt.Errorf("parameter %s has the invalid value %s", p.name, quote.Cut(p.value))
		}
	}
	return t, nil
}

// windowBits reads a number from 8 to 15 without leading zeros [RFC 7692 7.1.2].
func windowBits(v []byte) (bits wsflate.WindowBits, ok bool) {
	n, err := strconv.ParseUint(string(v), 10, 8)
	return wsflate.WindowBits(n), err == nil && n >= minWindow && n <= maxWindow && v[0] != '0'
}

// acceptOffer accepts the first valid offer of permessage-deflate in a request's
// Sec-WebSocket-Extensions. An offer is declined if a parameter is unknown, appears twice or
// has an invalid value [RFC 7692 7.1]. Context takeover is turned off if the contexts do not
// fit into budget bytes. answer is the value of the response's header. It is empty if no offer
// was accepted. The error is the error of eachExtension.
func (d *Deflate) acceptOffer(lines [][]byte, pool *flatePool, budget int) (p deflateParams, answer string, err error) {
	err = eachExtension(lines, func(e extension) {
		if p.enabled() || string(e.name) != wsflate.ExtensionName {
			return
		}
		offer, err := e.parameters(false)
		if err != nil {
			return
		}
		p = d.requestedParams()
		p.sendTakeover = p.sendTakeover && !offer.ServerNoContextTakeover // [RFC 7692 7.1.1.1]
		p.recvTakeover = p.recvTakeover && !offer.ClientNoContextTakeover
		if offer.ServerMaxWindowBits.Defined() {
			p.sendBits = min(p.sendBits, uint8(offer.ServerMaxWindowBits))
		}
		switch offer.ClientMaxWindowBits {
		case 0: // the server may not limit the client's window [RFC 7692 7.1.2.2]
			p.recvBits = maxWindow
		case windowWithoutValue: // the server may limit it to any size
		default:
			p.recvBits = min(p.recvBits, uint8(offer.ClientMaxWindowBits))
		}
		p = d.withinBudget(p, pool, budget)
		answer = p.answer(offer)
	})
	if err != nil {
		return deflateParams{}, "", err
	}
	return p, answer, nil
}

// answer returns the value of the response's header. If it leaves out a window, this window
// is 15.
func (p deflateParams) answer(offer wsflate.Parameters) string {
	t := wsflate.Parameters{
		ServerNoContextTakeover: !p.sendTakeover,
		ClientNoContextTakeover: !p.recvTakeover,
	}
	if offer.ServerMaxWindowBits.Defined() || p.sendBits < maxWindow { // [RFC 7692 7.1.2.1]
		t.ServerMaxWindowBits = wsflate.WindowBits(p.sendBits)
	}
	if p.recvBits < maxWindow {
		t.ClientMaxWindowBits = wsflate.WindowBits(p.recvBits)
	}
	return formatDeflate(t)
}

// formatDeflate writes permessage-deflate as an element of Sec-WebSocket-Extensions.
// httphead.WriteOptions is not used: it needs an io.Writer and writes no blanks.
func formatDeflate(t wsflate.Parameters) string {
	s := wsflate.ExtensionName
	if t.ServerNoContextTakeover {
		s += "; server_no_context_takeover"
	}
	if t.ClientNoContextTakeover {
		s += "; client_no_context_takeover"
	}
	if t.ServerMaxWindowBits.Defined() {
		s += "; server_max_window_bits=" + strconv.Itoa(int(t.ServerMaxWindowBits))
	}
	if t.ClientMaxWindowBits.Defined() {
		s += "; client_max_window_bits"
	}
	if t.ClientMaxWindowBits > windowWithoutValue {
		s += "=" + strconv.Itoa(int(t.ClientMaxWindowBits))
	}
	return s
}

// offer returns the value of a request's Sec-WebSocket-Extensions. asked contains the offered
// parameters: the server may agree to them or to less. The client keeps asked until the
// response arrives.
func (d *Deflate) offer(pool *flatePool, budget int) (asked deflateParams, value string) {
	asked = d.withinBudget(d.requestedParams(), pool, budget)
	t := wsflate.Parameters{
		ServerNoContextTakeover: !asked.recvTakeover,
		ClientNoContextTakeover: !asked.sendTakeover,
	}
	if asked.recvBits < maxWindow {
		t.ServerMaxWindowBits = wsflate.WindowBits(asked.recvBits)
	}
	t.ClientMaxWindowBits = windowWithoutValue // the server may limit our window [RFC 7692 7.1.2.2]
	if asked.sendBits < maxWindow {
		t.ClientMaxWindowBits = wsflate.WindowBits(asked.sendBits)
	}
	return asked, formatDeflate(t)
}

// checkAnswer checks a server's answer to an offer [RFC 7692 7.1]. The answer may leave the
// extension out. If nothing was offered, d may be nil and asked is zero. If checkAnswer
// returns an error, the handshake fails.
func (d *Deflate) checkAnswer(asked deflateParams, pool *flatePool, lines [][]byte) (p deflateParams, err error) {
	var refused error
	n := 0
	err = eachExtension(lines, func(e extension) {
		if n++; n > 1 {
			refused = errors.New("server chose more than one extension")
		} else {
			p, refused = asked.limitedBy(e)
		}
	})
	if err == nil {
		err = refused
	}
	if err != nil || !p.enabled() {
		return deflateParams{}, err
	}
	// The offer has charged what asked costs. With a smaller window the context may cost more.
	left := max(d.budgetLeft(pool.contextBytes), 0)
	return d.withinBudget(p, pool, d.contextCost(asked, pool)+left), nil
}

// limitedBy returns what was asked with the limits that the server's answer sets.
func (asked deflateParams) limitedBy(e extension) (p deflateParams, err error) {
	if string(e.name) != wsflate.ExtensionName || !asked.enabled() {
		return p, fmt.Errorf("server chose extension %s, which was not offered", quote.Cut(e.name))
	}
	t, err := e.parameters(true)
	if err != nil {
		return p, fmt.Errorf("server chose %s: %w", wsflate.ExtensionName, err)
	}
	refuse := func(format string, args ...any) (deflateParams, error) {
		return p, fmt.Errorf("server chose "+wsflate.ExtensionName+" "+format, args...)
	}
	serverBits, clientBits := uint8(t.ServerMaxWindowBits), uint8(t.ClientMaxWindowBits)
	switch {
	case !asked.recvTakeover && !t.ServerNoContextTakeover: // [RFC 7692 7.1.1.1]
		return refuse("without server_no_context_takeover, which was offered")
	case asked.recvBits < maxWindow && serverBits == 0: // [RFC 7692 7.1.2.1]
		return refuse("without server_max_window_bits, which was offered")
	case serverBits > asked.recvBits:
		return refuse("with server_max_window_bits=%d, but the offer was %d", serverBits, asked.recvBits)
	case clientBits > asked.sendBits: // [RFC 7692 7.1.2.2]
		return refuse("with client_max_window_bits=%d, but the offer was %d", clientBits, asked.sendBits)
	}
	p = asked
	p.sendTakeover = asked.sendTakeover && !t.ClientNoContextTakeover // [RFC 7692 7.1.1.2]
	p.recvTakeover = !t.ServerNoContextTakeover
	if serverBits != 0 {
		p.recvBits = serverBits
	}
	if clientBits != 0 {
		p.sendBits = clientBits
	}
	return p, nil
}
