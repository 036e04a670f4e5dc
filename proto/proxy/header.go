package proxy

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// The PROXY protocol, as HAProxy's proxy-protocol.txt defines it [PP]. A load balancer puts one
// header in front of each connection that it passes on. Version 1 is a line of text, version 2 is
// binary. header_v1.go and header_v2.go have one each.

// Header is a header of the PROXY protocol.
//
// Source and Dest, or SourcePath and DestPath, are the addresses of the connection between the
// client and the load balancer. They are zero if the header has none: if Local is set, if version 1
// says UNKNOWN, or if version 2 says AF_UNSPEC. Then the addresses of the socket count.
type Header struct {
	Version    int            // 1 or 2
	Local      bool           // version 2, LOCAL: the load balancer itself has connected, for example to look whether the server answers
	Datagram   bool           // version 2: the client's protocol keeps message boundaries, as UDP does
	Source     netip.AddrPort // the client's address
	Dest       netip.AddrPort // the address that the client has connected to, of the same family
	SourcePath string         // version 2, AF_UNIX: the client's path, which may be empty
	DestPath   string         // version 2, AF_UNIX: the path that the client has connected to
	TLVs       []TLV          // version 2: what else the header says, in order; none with Local
}

// A TLV is an additional field of version 2, such as the name that the client has asked for.
type TLV struct {
	Type  byte
	Value []byte // 65,535 bytes at most
}

// Types of TLVs [PP 2.2].
const (
	TypeALPN      = 0x01 // the ALPN protocol of the client's TLS
	TypeAuthority = 0x02 // the host that the client has asked for, as in SNI
	TypeCRC32C    = 0x03 // checksum of the header; Parse checks it, AppendHeader does not add one
	TypeNoOp      = 0x04 // padding
	TypeUniqueID  = 0x05 // identifier of the connection, 128 bytes at most
	TypeSSL       = 0x20 // about the client's TLS, with TLVs of its own
	TypeNetNS     = 0x30 // name of a network namespace
)

// TLV returns the value of the first TLV of a type, and whether there is one.
func (h *Header) TLV(t byte) (value []byte, ok bool) {
	for _, v := range h.TLVs {
		if v.Type == t {
			return v.Value, true
		}
	}
	return nil, false
}

// DefaultMaxHeader is how many bytes a header may have by default. Version 1 has 107 at most. A
// header of version 2 has 52 bytes for IPv6, and 232 bytes for AF_UNIX, before its TLVs.
const DefaultMaxHeader = 4096

// Errors of ParseHeader.
var (
	// ErrIncomplete means that the bytes are the beginning of a header, and that more are needed.
	ErrIncomplete = errors.New("proxy: incomplete PROXY protocol header")
	// ErrNoHeader means that the bytes are not the beginning of a header. The error that wraps
	// it has the first bytes.
	ErrNoHeader = errors.New("no PROXY protocol header")
	// ErrBadHeader means that a header has begun and is malformed or too long. The error that wraps
	// it says what is wrong.
	ErrBadHeader = errors.New("bad PROXY protocol header")
)

func bad(format string, args ...any) error {
	return fmt.Errorf("proxy: %w: %s", ErrBadHeader, fmt.Sprintf(format, args...))
}

// ParseHeader parses the header at the beginning of b into h, and returns its length in bytes. What
// follows it belongs to the connection. Values of TLVs refer to b. limit is how many bytes the
// header may have; 0 or less means DefaultMaxHeader.
//
// The error is ErrIncomplete, or wraps ErrNoHeader or ErrBadHeader. Bytes that cannot become a
// header are refused as soon as that is clear.
func ParseHeader(b []byte, h *Header, limit int) (n int, err error) {
	if limit <= 0 {
		limit = DefaultMaxHeader
	}
	*h = Header{}
	switch {
	case len(b) == 0:
		return 0, ErrIncomplete
	case startsLike(b, signatureV2):
		return parseV2(b, h, limit)
	case startsLike(b, signatureV1):
		return parseV1(b, h, limit)
	}
	const shown = 16
	return 0, fmt.Errorf("proxy: %w: the first bytes are %s", ErrNoHeader, strconv.QuoteToASCII(string(b[:min(len(b), shown)])))
}

// startsLike reports whether b begins with signature, or is the beginning of it.
func startsLike(b []byte, signature string) bool {
	n := min(len(b), len(signature))
	return string(b[:n]) == signature[:n]
}

// AppendHeader appends h to dst, in the version that h says. It returns an error if h has what the
// version cannot express; dst is unchanged then. Without addresses version 1 says UNKNOWN.
func AppendHeader(dst []byte, h *Header) ([]byte, error) {
	if err := h.check(); err != nil {
		return dst, err
	}
	if h.Version == 1 {
		return appendV1(dst, h), nil
	}
	return appendV2(dst, h)
}

// check returns an error if h cannot be sent.
func (h *Header) check() error {
	unix := h.SourcePath != "" || h.DestPath != ""
	wrong := func(why string) error { return errors.New("proxy: Header: " + why) }
	switch {
	case h.Version != 1 && h.Version != 2:
		return wrong("Version is " + strconv.Itoa(h.Version) + ", want 1 or 2")
	case h.Source.IsValid() != h.Dest.IsValid():
		return wrong("it has only one of Source and Dest")
	case h.Source.Addr().Is4() != h.Dest.Addr().Is4():
		return wrong("Source and Dest are not of one family")
	case h.Source.Addr().Zone() != "" || h.Dest.Addr().Zone() != "":
		return wrong("Source or Dest has a zone, which means nothing on another host")
	case unix && h.Source.IsValid():
		return wrong("it has addresses and paths")
	case h.Local && (unix || h.Source.IsValid() || len(h.TLVs) > 0):
		return wrong("with Local it has no addresses and no TLVs")
	case h.Version == 1 && (h.Local || h.Datagram || unix || len(h.TLVs) > 0):
		return wrong("version 1 has no Local, Datagram, paths and TLVs")
	case len(h.SourcePath) > unixSize || len(h.DestPath) > unixSize:
		return wrong("a path has more than " + strconv.Itoa(unixSize) + " bytes")
	case !validPath(h.SourcePath) || !validPath(h.DestPath):
		return wrong("a path contains a zero byte")
	}
	return nil
}

// validPath reports whether zero bytes after a path would mark its end. A name in Linux's abstract
// namespace begins with one.
func validPath(p string) bool { return p != "\x00" && strings.LastIndexByte(p, 0) <= 0 }
