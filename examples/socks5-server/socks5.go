package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
)

// Bytes of the protocol. [RFC 1928] unless it says otherwise.
const (
	version      = 5
	loginVersion = 1 // [RFC 1929 2]

	methodNone  = 0 // no authentication
	methodLogin = 2 // user name and password
	methodNo    = 0xff

	commandConnect = 1

	addrIPv4   = 1
	addrDomain = 3
	addrIPv6   = 4
)

// reply is the outcome of a request [RFC 1928 6].
type reply byte

const (
	replySucceeded        reply = 0
	replyFailure          reply = 1
	replyNotAllowed       reply = 2
	replyNetUnreachable   reply = 3
	replyHostUnreachable  reply = 4
	replyRefused          reply = 5
	replyBadCommand       reply = 7
	replyBadAddress       reply = 8
	loginSucceeded, noWay byte  = 0, 1
)

// errIncomplete means that a message has not arrived completely.
var errIncomplete = errors.New("the message is not complete")

// parseGreeting returns the methods that a client offers, and the size of the message
// [RFC 1928 3].
func parseGreeting(p []byte) (methods []byte, n int, err error) {
	switch {
	case len(p) > 0 && p[0] != version:
		return nil, 0, fmt.Errorf("version %d of SOCKS, want 5", p[0])
	case len(p) < 2 || len(p) < 2+int(p[1]):
		return nil, 0, errIncomplete
	}
	n = 2 + int(p[1])
	return p[2:n], n, nil
}

// parseLogin returns the user name and the password of a client, and the size of the message
// [RFC 1929 2].
func parseLogin(p []byte) (user, password []byte, n int, err error) {
	if len(p) > 0 && p[0] != loginVersion {
		return nil, nil, 0, fmt.Errorf("version %d of the login, want 1", p[0])
	}
	if len(p) < 2 || len(p) < 3+int(p[1]) {
		return nil, nil, 0, errIncomplete
	}
	user, p = p[2:2+p[1]], p[2+p[1]:]
	if len(p) < 1+int(p[0]) {
		return nil, nil, 0, errIncomplete
	}
	return user, p[1 : 1+p[0]], 3 + len(user) + int(p[0]), nil
}

// refusal is the error for a request that the server does not carry out.
type refusal struct {
	reply  reply
	reason string
}

func (r *refusal) Error() string { return r.reason }

func refuse(r reply, format string, args ...any) error {
	return &refusal{r, fmt.Sprintf(format, args...)}
}

// parseRequest returns the URL that a client wants to be connected to, and the size of the message
// [RFC 1928 4]. The error is errIncomplete, a *refusal, or says that this is no SOCKS.
func parseRequest(p []byte) (url string, n int, err error) {
	if len(p) > 0 && p[0] != version {
		return "", 0, fmt.Errorf("version %d of SOCKS in the request, want 5", p[0])
	}
	if len(p) < 5 {
		return "", 0, errIncomplete
	}
	if p[1] != commandConnect {
		return "", 0, refuse(replyBadCommand, "command %d is not supported", p[1])
	}
	at, size := 4, 0
	switch p[3] {
	case addrIPv4:
		size = 4
	case addrIPv6:
		size = 16
	case addrDomain:
		at, size = 5, int(p[4])
	default:
		return "", 0, refuse(replyBadAddress, "address type %d is not supported", p[3])
	}
	if n = at + size + 2; len(p) < n {
		return "", 0, errIncomplete
	}
	addr, port := p[at:at+size], binary.BigEndian.Uint16(p[at+size:])
	host := string(addr)
	if p[3] != addrDomain {
		ip, _ := netip.AddrFromSlice(addr)
		host = ip.String()
	} else if !validHost(host) {
		return "", 0, refuse(replyHostUnreachable, "bad host name %q", host)
	}
	if port == 0 {
		return "", 0, refuse(replyFailure, "port 0")
	}
	return "tcp://" + net.JoinHostPort(host, strconv.Itoa(int(port))), n, nil
}

// validHost reports whether a name may be put into a URL: it is an IP address or has only
// characters of host names.
func validHost(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil && !strings.Contains(name, "%") {
		return true
	}
	other := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._", r))
	}
	return name != "" && !strings.ContainsFunc(name, other)
}

// appendReply appends the reply to a request [RFC 1928 6]. bound is the address that the server
// connects from; it need not be valid.
func appendReply(dst []byte, r reply, bound netip.AddrPort) []byte {
	dst = append(dst, version, byte(r), 0)
	ip := bound.Addr().Unmap()
	switch {
	case ip.Is6():
		dst = append(dst, addrIPv6)
	default:
		dst = append(dst, addrIPv4)
	}
	if !ip.IsValid() {
		ip = netip.IPv4Unspecified()
	}
	return binary.BigEndian.AppendUint16(append(dst, ip.AsSlice()...), bound.Port())
}

// replyFor returns the reply for the reason why the target cannot be reached.
func replyFor(err error) reply {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.reply
	}
	_, unknown := errors.AsType[*net.DNSError](err)
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return replyRefused
	case errors.Is(err, syscall.ENETUNREACH):
		return replyNetUnreachable
	case errors.Is(err, syscall.EHOSTUNREACH), unknown, errors.As(err, &timeout) && timeout.Timeout():
		return replyHostUnreachable
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return replyNotAllowed
	}
	return replyFailure
}
