package proxy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/rikki-go/rikki/internal/quote"
	"github.com/rikki-go/rikki/reactor"
)

// The numbers of SOCKS5 [RFC 1928, RFC 1929].
const (
	socksVersion = 5
	loginVersion = 1

	methodNone     = 0x00
	methodPassword = 0x02
	methodRefused  = 0xff // none of the offered methods

	commandConnect = 1

	typeIPv4 = 1
	typeName = 3
	typeIPv6 = 4
)

// A SOCKSError is the cause of EvError if a SOCKS5 proxy refuses a tunnel.
type SOCKSError struct {
	Target string // host and port that the proxy was asked for
	Code   byte   // the reply: 1 to 8 have names [RFC 1928 6]
}

var socksReplies = [...]string{
	1: "general failure", 2: "connection not allowed by its rules", 3: "network unreachable",
	4: "host unreachable", 5: "connection refused", 6: "TTL expired", 7: "command not supported",
	8: "address type not supported",
}

func (e *SOCKSError) Error() string {
	text := "proxy: SOCKS5 " + e.Target + ": the proxy replies " + strconv.Itoa(int(e.Code))
	if int(e.Code) < len(socksReplies) {
		text += ", " + socksReplies[e.Code]
	}
	return text
}

// ErrSOCKSLogin is the cause of EvError if a SOCKS5 proxy wants a user and password and the URL of
// the proxy has none, or if it does not accept those.
var ErrSOCKSLogin = errors.New("proxy: SOCKS5 login")

// socks5 is the Opening of SOCKS5. It waits for one answer after the other.
type socks5 struct {
	target string
	login  []byte // as RFC 1929 has it; nil without credentials
	ask    []byte // the request
	step   socksStep
}

type socksStep uint8

const (
	socksBegin  socksStep = iota
	socksMethod           // waits for the choice of a method
	socksLogin            // waits for the answer to the login
	socksReply            // waits for the reply to the request
)

// newSOCKS5 returns a function that makes the Opening for one connection.
func newSOCKS5(u, target reactor.URL) (func() reactor.Opening, error) {
	o := socks5{target: target.HostPort()}
	if u.User != "" || u.HasPassword {
		if u.User == "" || len(u.User) > 255 || len(u.Password) > 255 { // [RFC 1929 2]
			return nil, fmt.Errorf("proxy: bad URL %q: want a user of 1 to 255 bytes and a password of 255 bytes at most", withoutUser(u))
		}
		o.login = append([]byte{loginVersion, byte(len(u.User))}, u.User...)
		o.login = append(append(o.login, byte(len(u.Password))), u.Password...)
	}
	o.ask = []byte{socksVersion, commandConnect, 0}
	if a, err := netip.ParseAddr(target.Host); err != nil {
		o.ask = append(append(o.ask, typeName, byte(len(target.Host))), target.Host...)
	} else if a = a.Unmap(); a.Is4() {
		o.ask = append(append(o.ask, typeIPv4), a.AsSlice()...)
	} else {
		o.ask = append(append(o.ask, typeIPv6), a.AsSlice()...)
	}
	o.ask = binary.BigEndian.AppendUint16(o.ask, target.Port)
	return func() reactor.Opening { one := o; return &one }, nil
}

// Step implements reactor.Opening.
func (o *socks5) Step() string {
	what := "choice of a method"
	switch o.step {
	case socksLogin:
		what = "answer to the login"
	case socksReply:
		what = "reply"
	}
	return "proxy: SOCKS5 " + o.target + ": " + what
}

// Advance implements reactor.Opening.
func (o *socks5) Advance(_ *reactor.Conn, in []byte) (used int, out []byte, done bool, err error) {
	switch {
	case o.step == socksBegin:
		o.step = socksMethod
		if o.login == nil {
			return 0, []byte{socksVersion, 1, methodNone}, false, nil
		}
		return 0, []byte{socksVersion, 2, methodNone, methodPassword}, false, nil
	case len(in) == 0:
		return 0, nil, false, nil
	}
	if want := o.version(); in[0] != want {
		return 0, nil, false, fmt.Errorf("%s: it does not speak SOCKS5, its first bytes are %s", o.Step(), quote.Cut(in[:min(len(in), 16)]))
	}
	if len(in) < 2 {
		return 0, nil, false, nil
	}
	switch o.step {
	case socksMethod:
		out, err = o.method(in[1])
		return 2, out, false, err
	case socksLogin:
		if in[1] != 0 { // [RFC 1929 2]
			return 2, nil, false, fmt.Errorf("%w: the proxy does not accept the user and password of its URL (status %d)", ErrSOCKSLogin, in[1])
		}
		o.step = socksReply
		return 2, o.ask, false, nil
	}
	return o.reply(in)
}

// version returns the first byte of the answer that o waits for.
func (o *socks5) version() byte {
	if o.step == socksLogin {
		return loginVersion
	}
	return socksVersion
}

// method handles the proxy's choice of a method [RFC 1928 3], and returns what is sent next.
func (o *socks5) method(chosen byte) (out []byte, err error) {
	switch {
	case chosen == methodNone:
		o.step = socksReply
		return o.ask, nil
	case chosen == methodPassword && o.login != nil:
		o.step = socksLogin
		return o.login, nil
	case chosen == methodRefused && o.login == nil:
		return nil, fmt.Errorf("%w: the proxy wants a user and password, or another method, and its URL has none", ErrSOCKSLogin)
	case chosen == methodRefused:
		return nil, fmt.Errorf("%w: the proxy accepts neither a user and password nor none", ErrSOCKSLogin)
	}
	return nil, fmt.Errorf("proxy: SOCKS5 %s: the proxy chooses the method 0x%02x, which was not offered", o.target, chosen)
}

// reply handles the reply to the request [RFC 1928 6]. What follows it belongs to the tunnel.
func (o *socks5) reply(in []byte) (used int, out []byte, done bool, err error) {
	if in[1] != 0 {
		return len(in), nil, false, &SOCKSError{o.target, in[1]}
	}
	if len(in) < 5 { // the shortest address has more
		return 0, nil, false, nil
	}
	n := 4 + 2 // and the address
	switch in[3] {
	case typeIPv4:
		n += 4
	case typeIPv6:
		n += 16
	case typeName:
		n += 1 + int(in[4])
	default:
		return 0, nil, false, fmt.Errorf("%s: unknown address type %d", o.Step(), in[3])
	}
	if len(in) < n {
		return 0, nil, false, nil
	}
	return n, nil, true, nil
}
