package ws

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/rikki-go/rikki/proto/http"
)

// extension is an element of Sec-WebSocket-Extensions [RFC 6455 9.1].
type extension struct {
	name   []byte
	params []extensionParam
}

type extensionParam struct {
	name, value []byte // value is nil if there is none
}

var errExtensions = errors.New("Sec-WebSocket-Extensions is malformed")

// eachExtension calls fn for the extensions of all the header's lines. An
// extension is valid until fn returns. The error is for lines that are no list
// of extensions. The side that gets such a line must fail the connection
// [RFC 6455 9.1].
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

// extensionScanner takes a line apart.
type extensionScanner struct {
	rest []byte
	bad  bool // something was missing
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

// value takes a token or a quoted string, which must be a token without its
// quotes and escapes [RFC 6455 9.1].
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

const permessageDeflate = "permessage-deflate"

// deflateTerms are the parameters of an offer or an answer. Window bits are 0 if
// they are not among them.
type deflateTerms struct {
	serverFresh, clientFresh bool // no context takeover
	serverBits, clientBits   uint8
}

// terms reads the parameters of permessage-deflate [RFC 7692 7.1]. An offer's
// client_max_window_bits may be without value, and is 15 then [RFC 7692 7.1.2.2].
func (e extension) terms(answer bool) (t deflateTerms, err error) {
	for _, p := range e.params {
		var twice bool
		ok := p.value == nil
		switch string(p.name) {
		case "server_no_context_takeover":
			twice, t.serverFresh = t.serverFresh, true
		case "client_no_context_takeover":
			twice, t.clientFresh = t.clientFresh, true
		case "server_max_window_bits":
			twice = t.serverBits != 0
			t.serverBits, ok = windowBits(p.value)
		case "client_max_window_bits":
			twice = t.clientBits != 0
			if t.clientBits, ok = windowBits(p.value); p.value == nil && !answer {
				t.clientBits, ok = maxWindow, true
			}
		default:
			return t, fmt.Errorf("parameter %q is unknown", p.name)
		}
		if twice {
			return t, fmt.Errorf("parameter %s is there twice", p.name)
		}
		if !ok && p.value == nil {
			return t, fmt.Errorf("parameter %s has no value", p.name)
		}
		if !ok {
			return t, fmt.Errorf("parameter %s has the value %q", p.name, p.value)
		}
	}
	return t, nil
}

// windowBits reads a number from 8 to 15 without leading zeros [RFC 7692 7.1.2].
func windowBits(v []byte) (bits uint8, ok bool) {
	n, err := strconv.ParseUint(string(v), 10, 8)
	return uint8(n), err == nil && n >= minWindow && n <= maxWindow && v[0] != '0'
}

// accept chooses the first offer of permessage-deflate among a request's
// Sec-WebSocket-Extensions that can be accepted, with contexts that fit into
// room bytes. answer is the value of the answer's header, empty if there is none.
// An offer with parameters that are unknown, there twice or have bad values is
// declined [RFC 7692 7.1]. The error is that of eachExtension.
func (d *Deflate) accept(lines [][]byte, room int) (p deflateParams, answer string, err error) {
	err = eachExtension(lines, func(e extension) {
		if p.on() || string(e.name) != permessageDeflate {
			return
		}
		offer, err := e.terms(false)
		if err != nil {
			return
		}
		p = d.wishes()
		p.sendTakeover = p.sendTakeover && !offer.serverFresh // [RFC 7692 7.1.1.1]
		p.recvTakeover = p.recvTakeover && !offer.clientFresh
		if offer.serverBits != 0 {
			p.sendBits = min(p.sendBits, offer.serverBits)
		}
		if offer.clientBits == 0 { // it may not be asked [RFC 7692 7.1.2.2]
			p.recvBits = maxWindow
		} else {
			p.recvBits = min(p.recvBits, offer.clientBits)
		}
		p = d.afford(p, room)
		answer = p.answer(offer)
	})
	if err != nil {
		return deflateParams{}, "", err
	}
	return p, answer, nil
}

// answer is a server's. What is not said about windows is 15.
func (p deflateParams) answer(offer deflateTerms) string {
	t := deflateTerms{serverFresh: !p.sendTakeover, clientFresh: !p.recvTakeover}
	if offer.serverBits != 0 || p.sendBits < maxWindow { // [RFC 7692 7.1.2.1]
		t.serverBits = p.sendBits
	}
	if p.recvBits < maxWindow {
		t.clientBits = p.recvBits
	}
	return t.String()
}

// String writes the terms as an element of Sec-WebSocket-Extensions.
func (t deflateTerms) String() string {
	s := permessageDeflate
	if t.serverFresh {
		s += "; server_no_context_takeover"
	}
	if t.clientFresh {
		s += "; client_no_context_takeover"
	}
	if t.serverBits != 0 {
		s += "; server_max_window_bits=" + strconv.Itoa(int(t.serverBits))
	}
	if t.clientBits != 0 {
		s += "; client_max_window_bits=" + strconv.Itoa(int(t.clientBits))
	}
	return s
}

// offer is the value of a request's Sec-WebSocket-Extensions, and what is kept
// of it until the answer comes: the most that can be agreed upon.
func (d *Deflate) offer(room int) (asked deflateParams, value string) {
	asked = d.afford(d.wishes(), room)
	t := deflateTerms{serverFresh: !asked.recvTakeover, clientFresh: !asked.sendTakeover}
	if asked.recvBits < maxWindow {
		t.serverBits = asked.recvBits
	}
	if asked.sendBits < maxWindow {
		t.clientBits = asked.sendBits
		return asked, t.String()
	}
	return asked, t.String() + "; client_max_window_bits" // ours may be restricted [RFC 7692 7.1.2.2]
}

// agree holds a server's answer to an offer against the letter of RFC 7692
// section 7.1; it may leave the extension out. d may be nil and asked zero, then
// nothing was offered. An error is the reason why the handshake fails.
func (d *Deflate) agree(asked deflateParams, lines [][]byte) (p deflateParams, err error) {
	var bad error
	n := 0
	err = eachExtension(lines, func(e extension) {
		if n++; n > 1 {
			bad = errors.New("server chose more than one extension")
		} else {
			p, bad = asked.take(e)
		}
	})
	if err == nil {
		err = bad
	}
	if err != nil || !p.on() {
		return deflateParams{}, err
	}
	return d.afford(p, d.cost(asked)), nil
}

// take takes the server's terms over.
func (asked deflateParams) take(e extension) (p deflateParams, err error) {
	if string(e.name) != permessageDeflate || !asked.on() {
		return p, fmt.Errorf("server chose extension %q, which was not offered", e.name)
	}
	t, err := e.terms(true)
	if err != nil {
		return p, fmt.Errorf("server chose %s: %w", permessageDeflate, err)
	}
	refuse := func(format string, args ...any) (deflateParams, error) {
		return p, fmt.Errorf("server chose "+permessageDeflate+" "+format, args...)
	}
	switch {
	case !asked.recvTakeover && !t.serverFresh: // [RFC 7692 7.1.1.1]
		return refuse("without server_no_context_takeover, which was asked for")
	case asked.recvBits < maxWindow && t.serverBits == 0: // [RFC 7692 7.1.2.1]
		return refuse("without server_max_window_bits, which was asked for")
	case t.serverBits > asked.recvBits:
		return refuse("with server_max_window_bits=%d, offered were %d", t.serverBits, asked.recvBits)
	case t.clientBits > asked.sendBits: // [RFC 7692 7.1.2.2]
		return refuse("with client_max_window_bits=%d, offered were %d", t.clientBits, asked.sendBits)
	}
	p = asked
	p.sendTakeover = asked.sendTakeover && !t.clientFresh // [RFC 7692 7.1.1.2]
	p.recvTakeover = !t.serverFresh
	if t.serverBits != 0 {
		p.recvBits = t.serverBits
	}
	if t.clientBits != 0 {
		p.sendBits = t.clientBits
	}
	return p, nil
}
