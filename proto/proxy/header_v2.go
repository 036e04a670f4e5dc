package proxy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"net/netip"
)

// Version 2 [PP 2.2]:
//
//	12 bytes  signature
//	 1 byte   version (2) and command
//	 1 byte   address family and protocol
//	 2 bytes  length of what follows
//	          addresses and ports, 0, 12, 36 or 216 bytes
//	          TLVs: type, length in 2 bytes, value

const (
	signatureV2 = "\r\n\r\n\x00\r\nQUIT\n"
	fixedV2     = 16  // bytes before the addresses
	unixSize    = 108 // bytes of each path

	commandLocal = 0
	commandProxy = 1

	familyUnspec = 0
	familyInet   = 1
	familyInet6  = 2
	familyUnix   = 3

	protocolUnspec   = 0
	protocolStream   = 1
	protocolDatagram = 2
)

// addressSize is the length of the addresses, by family.
var addressSize = [...]int{familyUnspec: 0, familyInet: 12, familyInet6: 36, familyUnix: 2 * unixSize}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// parseV2 parses a header that begins like version 2.
func parseV2(b []byte, h *Header, limit int) (int, error) {
	if len(b) > 12 && b[12]>>4 != 2 {
		return 0, bad("version 2: its byte 12 says version %d", b[12]>>4)
	}
	if len(b) > 12 && b[12]&15 > commandProxy {
		return 0, bad("version 2: unknown command %d", b[12]&15)
	}
	// Of LOCAL the receiver ignores all but the length, and must accept it.
	local := len(b) > 12 && b[12]&15 == commandLocal
	if !local && len(b) > 13 && (b[13]>>4 > familyUnix || b[13]&15 > protocolDatagram) {
		return 0, bad("version 2: unknown family and protocol 0x%02x", b[13])
	}
	if len(b) < fixedV2 {
		return 0, ErrIncomplete
	}
	n := fixedV2 + int(binary.BigEndian.Uint16(b[14:]))
	if n > limit {
		return 0, bad("version 2: it has %d bytes, the limit is %d", n, limit)
	}
	size := 0
	if !local {
		size = addressSize[b[13]>>4]
	}
	switch {
	case fixedV2+size > n:
		return 0, bad("version 2: %d bytes after the length, want %d for the addresses", n-fixedV2, size)
	case len(b) < n:
		return 0, ErrIncomplete
	}
	h.Version, h.Local = 2, local
	if local {
		return n, nil
	}
	if b[13]&15 != protocolUnspec {
		h.Datagram = b[13]&15 == protocolDatagram
		h.parseAddresses(b[13]>>4, b[fixedV2:n])
	}
	if err := h.parseTLVs(b[:n:n], fixedV2+size); err != nil {
		*h = Header{}
		return 0, err
	}
	return n, nil
}

// parseAddresses parses the addresses at the beginning of b, which has enough bytes.
func (h *Header) parseAddresses(family byte, b []byte) {
	port := func(at int) uint16 { return binary.BigEndian.Uint16(b[at:]) }
	switch family {
	case familyInet:
		h.Source = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b)), port(8))
		h.Dest = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:])), port(10))
	case familyInet6:
		h.Source = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b)), port(32))
		h.Dest = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[16:])), port(34))
	case familyUnix:
		h.SourcePath, h.DestPath = path(b[:unixSize]), path(b[unixSize:2*unixSize])
	}
}

// path returns a path that zero bytes fill up. A name in Linux's abstract namespace begins with a
// zero byte.
func path(b []byte) string {
	from := 0
	if len(b) > 1 && b[0] == 0 && b[1] != 0 {
		from = 1
	}
	if n := bytes.IndexByte(b[from:], 0); n >= 0 {
		b = b[:from+n]
	}
	return string(b)
}

// parseTLVs parses the TLVs in the header b, which begin at the offset `at`. It checks the
// checksum, if there is one.
func (h *Header) parseTLVs(b []byte, at int) error {
	for at < len(b) {
		if len(b)-at < 3 {
			return bad("version 2: %d bytes after the last TLV", len(b)-at)
		}
		t, n := b[at], int(binary.BigEndian.Uint16(b[at+1:]))
		at += 3
		if n > len(b)-at {
			return bad("version 2: TLV of type 0x%02x has %d bytes, %d are left", t, n, len(b)-at)
		}
		if t == TypeCRC32C && !checksumFits(b, at, n) {
			return bad("version 2: the CRC-32C is wrong")
		}
		h.TLVs = append(h.TLVs, TLV{t, b[at : at+n : at+n]})
		at += n
	}
	return nil
}

// checksumFits reports whether b has the checksum of n bytes at the offset `at`. It is computed
// with zeros in its place.
func checksumFits(b []byte, at, n int) bool {
	if n != 4 {
		return false
	}
	sum := crc32.Update(0, castagnoli, b[:at])
	sum = crc32.Update(sum, castagnoli, make([]byte, 4))
	return crc32.Update(sum, castagnoli, b[at+4:]) == binary.BigEndian.Uint32(b[at:])
}

// appendV2 appends a header that was checked.
func appendV2(dst []byte, h *Header) ([]byte, error) {
	size := 0
	for _, v := range h.TLVs {
		if v.Type == TypeCRC32C {
			return dst, errors.New("proxy: Header: a CRC-32C among TLVs cannot be sent")
		}
		size += 3 + len(v.Value)
	}
	command, family, protocol := byte(commandProxy), byte(familyUnspec), byte(protocolUnspec)
	var addresses []byte
	switch {
	case h.Local:
		command = commandLocal
	case h.Source.IsValid():
		if family = familyInet6; h.Source.Addr().Is4() {
			family = familyInet
		}
		addresses = append(h.Source.Addr().AsSlice(), h.Dest.Addr().AsSlice()...)
		addresses = binary.BigEndian.AppendUint16(addresses, h.Source.Port())
		addresses = binary.BigEndian.AppendUint16(addresses, h.Dest.Port())
	case h.SourcePath != "" || h.DestPath != "":
		family, addresses = familyUnix, make([]byte, 2*unixSize)
		copy(addresses, h.SourcePath)
		copy(addresses[unixSize:], h.DestPath)
	}
	if family != familyUnspec {
		if protocol = protocolStream; h.Datagram {
			protocol = protocolDatagram
		}
	}
	if size += len(addresses); size > math.MaxUint16 {
		return dst, errors.New("proxy: Header: more than 65,535 bytes of addresses and TLVs")
	}
	dst = append(append(dst, signatureV2...), 2<<4|command, family<<4|protocol)
	dst = binary.BigEndian.AppendUint16(dst, uint16(size))
	dst = append(dst, addresses...)
	for _, v := range h.TLVs {
		dst = append(dst, v.Type)
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(v.Value)))
		dst = append(dst, v.Value...)
	}
	return dst, nil
}
