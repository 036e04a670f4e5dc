package proxy

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"
)

// Version 1 [PP 2.1]: "PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\r\n".

const (
	signatureV1 = "PROXY "
	maxV1       = 107 // bytes of the longest line, with CRLF
)

// parseV1 parses a header that begins like version 1.
func parseV1(b []byte, h *Header, limit int) (int, error) {
	limit = min(limit, maxV1)
	end := bytes.IndexByte(b[:min(len(b), limit)], '\n')
	switch {
	case end < 0 && len(b) >= limit:
		return 0, bad("version 1: no end of line in the first %d bytes", limit)
	case end < 0 && bytes.IndexByte(b[:max(len(b)-1, 0)], '\r') >= 0:
		return 0, bad("version 1: a CR without an LF")
	case end < 0:
		return 0, ErrIncomplete
	case b[end-1] != '\r': // the signature has no LF, so end > 0
		return 0, bad("version 1: the line does not end with CRLF")
	}
	h.Version = 1
	line := string(b[len(signatureV1) : end-1])
	if protocol, _, _ := strings.Cut(line, " "); protocol == "UNKNOWN" { // what follows it is ignored
		return end + 1, nil
	}
	if err := parseLine(line, h); err != nil {
		*h = Header{}
		return 0, err
	}
	return end + 1, nil
}

// parseLine parses "TCP4 192.0.2.1 192.0.2.2 4711 443".
func parseLine(line string, h *Header) error {
	f := strings.Split(line, " ")
	if f[0] != "TCP4" && f[0] != "TCP6" {
		return bad("version 1: protocol %s, want TCP4, TCP6 or UNKNOWN", strconv.QuoteToASCII(f[0]))
	}
	if len(f) != 5 {
		return bad("version 1: %d fields after PROXY, want 5", len(f))
	}
	source, err := parseAddress(f[0], f[1], f[3])
	if err != nil {
		return err
	}
	dest, err := parseAddress(f[0], f[2], f[4])
	if err != nil {
		return err
	}
	h.Source, h.Dest = source, dest
	return nil
}

// parseAddress parses an address and a port. netip refuses leading zeros in IPv4 addresses.
func parseAddress(protocol, host, port string) (netip.AddrPort, error) {
	a, err := netip.ParseAddr(host)
	if err != nil || a.Zone() != "" || a.Is4() != (protocol == "TCP4") {
		return netip.AddrPort{}, bad("version 1: %s is no address for %s", strconv.QuoteToASCII(host), protocol)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || strconv.FormatUint(n, 10) != port { // no sign, no leading zero
		return netip.AddrPort{}, bad("version 1: %s is no port", strconv.QuoteToASCII(port))
	}
	return netip.AddrPortFrom(a, uint16(n)), nil
}

// appendV1 appends a header that was checked.
func appendV1(dst []byte, h *Header) []byte {
	if !h.Source.IsValid() {
		return append(dst, "PROXY UNKNOWN\r\n"...)
	}
	protocol := "TCP6 "
	if h.Source.Addr().Is4() {
		protocol = "TCP4 "
	}
	dst = append(append(dst, signatureV1...), protocol...)
	dst = append(appendV1Addr(dst, h.Source.Addr()), ' ')
	dst = append(appendV1Addr(dst, h.Dest.Addr()), ' ')
	dst = append(strconv.AppendUint(dst, uint64(h.Source.Port()), 10), ' ')
	dst = strconv.AppendUint(dst, uint64(h.Dest.Port()), 10)
	return append(dst, "\r\n"...)
}

// appendV1Addr appends an address. An IPv4-mapped one has no dots in version 1: "sets of 4
// hexadecimal digits".
func appendV1Addr(dst []byte, a netip.Addr) []byte {
	if !a.Is4In6() {
		return a.AppendTo(dst)
	}
	b := a.As16()
	dst = append(dst, "::ffff:"...)
	dst = strconv.AppendUint(dst, uint64(b[12])<<8|uint64(b[13]), 16)
	dst = append(dst, ':')
	return strconv.AppendUint(dst, uint64(b[14])<<8|uint64(b[15]), 16)
}
