package mqtt

import "errors"

var (
	// ErrIncomplete is returned if the bytes are only the beginning of a packet. No bytes
	// were used: call again with the same bytes and more.
	ErrIncomplete = errors.New("mqtt: incomplete packet")

	// ErrMalformed matches every *ParseError with errors.Is.
	ErrMalformed = errors.New("mqtt: malformed packet")

	// ErrVersion is returned for a protocol level that this package does not support. The
	// level comes from a CONNECT, from an argument, or from the CONNACK of a server that
	// refuses our version.
	ErrVersion = errors.New("mqtt: unsupported protocol version")

	// ErrTooLarge is returned for a packet that is larger than the encoding allows
	// (268,435,455 bytes after the fixed header) or larger than a limit of the caller.
	ErrTooLarge = errors.New("mqtt: packet too large")

	// ErrLimit is returned for a packet that exceeds a limit in Limits other than its size.
	ErrLimit = errors.New("mqtt: a limit is exceeded")
)

// ParseError says which rule of the standard a packet breaks. Parse returns it for a
// packet that was received, the Append functions for a packet that must not be sent.
//
// errors.Is finds ErrMalformed in every ParseError. It also finds ErrVersion if Code is
// ReasonUnsupportedVersion, ErrTooLarge if Code is ReasonPacketTooLarge, and ErrLimit if Code is
// ReasonQuotaExceeded or ReasonReceiveMaximumExceeded.
type ParseError struct {
	Cmd    Cmd        // the packet type as received, which may be a reserved one
	Code   ReasonCode // a reason code of 5.0, also for a packet of 3.1.1
	Rule   string     // "MQTT-3.3.1-4", or "section 2.2.3" if the rule has no number
	Reason string     // what is wrong
}

// newParseError returns the error for a packet of the given version. v4 and v5 are the rules of
// 3.1.1 and 5.0 that the packet breaks. A caller that knows the packet type sets Cmd later.
func newParseError(version uint8, code ReasonCode, v4, v5, reason string) *ParseError {
	rule := v4
	if version == 5 {
		rule = v5
	}
	return &ParseError{Code: code, Rule: rule, Reason: reason}
}

// Error returns the packet type, the reason code with its name, what is wrong, and the
// rule.
func (e *ParseError) Error() string {
	packet := e.Cmd.String() + ": "
	if e.Cmd == 0 && e.Code == ReasonUnsupportedVersion {
		packet = "" // the version was an argument, there is no packet
	}
	return "mqtt: " + packet + e.Code.text(5) + ": " + e.Reason + " [" + e.Rule + "]"
}

// Is reports whether target is one of the errors of this package that match e.
func (e *ParseError) Is(target error) bool {
	switch target {
	case ErrMalformed:
		return true
	case ErrVersion:
		return e.Code == ReasonUnsupportedVersion
	case ErrTooLarge:
		return e.Code == ReasonPacketTooLarge
	case ErrLimit:
		return e.Code == ReasonQuotaExceeded || e.Code == ReasonReceiveMaximumExceeded
	}
	return false
}
