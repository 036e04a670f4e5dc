package mqtt

import "errors"

var (
	// ErrIncomplete says that the bytes so far are the beginning of a packet.
	// Nothing was consumed: call again with the same bytes and more.
	ErrIncomplete = errors.New("mqtt: incomplete packet")

	// ErrMalformed is what every *ParseError is.
	ErrMalformed = errors.New("mqtt: malformed packet")

	// ErrVersion is a protocol level that this package does not speak: in a
	// CONNECT, in the CONNACK of a server that refuses ours, or as an argument.
	ErrVersion = errors.New("mqtt: unsupported protocol version")

	// ErrTooLarge is a packet larger than allowed: by the encoding
	// (268,435,455 bytes after the fixed header), or by a limit of the caller's.
	ErrTooLarge = errors.New("mqtt: packet too large")
)

// ParseError says which rule of the standard a packet breaks. Parse returns it
// for a packet received, the Append functions for one that must not be sent.
//
// errors.Is finds ErrMalformed in all of them, and also ErrVersion where Code is
// ReasonUnsupportedVersion and ErrTooLarge where it is ReasonPacketTooLarge.
type ParseError struct {
	Cmd    Cmd        // the packet, 0 if its type is not one
	Code   ReasonCode // what a 5.0 CONNACK or DISCONNECT would say of it, whichever the version
	Rule   string     // "MQTT-3.3.1-4", or "section 2.2.3" where the rule has no number
	Reason string     // what is wrong
}

// fault makes the error for a packet of that version. v4 and v5 are the rules of
// 3.1.1 and 5.0 that it breaks. Whoever knows the packet's type sets it.
func fault(version uint8, code ReasonCode, v4, v5, reason string) *ParseError {
	rule := v4
	if version == 5 {
		rule = v5
	}
	return &ParseError{Code: code, Rule: rule, Reason: reason}
}

// Error names the packet, the kind of fault, what is wrong, and the rule.
func (e *ParseError) Error() string {
	return "mqtt: " + e.Cmd.String() + ": " + e.Code.Name(5) + ": " + e.Reason + " [" + e.Rule + "]"
}

// Is makes errors.Is find the sentinels of this package.
func (e *ParseError) Is(target error) bool {
	switch target {
	case ErrMalformed:
		return true
	case ErrVersion:
		return e.Code == ReasonUnsupportedVersion
	case ErrTooLarge:
		return e.Code == ReasonPacketTooLarge
	}
	return false
}
