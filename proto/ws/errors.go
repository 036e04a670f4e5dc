package ws

import (
	"errors"
	"fmt"
	"strconv"

	gobwas "github.com/gobwas/ws"
)

// StatusCode is the code in a Close frame. It says why a side closes the connection
// [RFC 6455 7.4.1]. It is the type of gobwas/ws, with its methods.
type StatusCode = gobwas.StatusCode

// The status codes of RFC 6455. No Close frame may carry StatusNoMeaningYet,
// StatusNoStatusRcvd, StatusAbnormalClosure or StatusTLSHandshake [RFC 6455 7.4.1].
const (
	StatusNormalClosure           = gobwas.StatusNormalClosure           // 1000
	StatusGoingAway               = gobwas.StatusGoingAway               // 1001
	StatusProtocolError           = gobwas.StatusProtocolError           // 1002
	StatusUnsupportedData         = gobwas.StatusUnsupportedData         // 1003
	StatusNoMeaningYet            = gobwas.StatusNoMeaningYet            // 1004
	StatusNoStatusRcvd            = gobwas.StatusNoStatusRcvd            // 1005: received no code
	StatusAbnormalClosure         = gobwas.StatusAbnormalClosure         // 1006
	StatusInvalidFramePayloadData = gobwas.StatusInvalidFramePayloadData // 1007
	StatusPolicyViolation         = gobwas.StatusPolicyViolation         // 1008
	StatusMessageTooBig           = gobwas.StatusMessageTooBig           // 1009
	StatusMandatoryExt            = gobwas.StatusMandatoryExt            // 1010
	StatusInternalServerError     = gobwas.StatusInternalServerError     // 1011
	StatusTLSHandshake            = gobwas.StatusTLSHandshake            // 1015
)

// validStatus reports whether a Close frame may carry the code. Codes 3000 to 4999 are for
// libraries and applications [RFC 6455 7.4.2]. The IANA registry defines 1012 to 1014, which
// are newer than RFC 6455. gobwas.CheckCloseFrameData is not used: it refuses 1012 to 1014 and
// accepts codes above 4999.
func validStatus(code StatusCode) bool {
	switch {
	case code.IsProtocolReserved(): // [RFC 6455 7.4.1]
		return false
	case code >= 1012 && code <= 1014:
		return true
	}
	return code.IsProtocolDefined() || code.IsApplicationSpec() || code.IsPrivateSpec()
}

// StatusName returns a status code with its name for logs and errors, as in "1001 going away". The
// names are those of the IANA registry, in lower case. For a code without a name it is "4000".
func StatusName(code StatusCode) string {
	text := strconv.Itoa(int(code))
	if name := statusNames[code]; name != "" {
		return text + " " + name
	}
	return text
}

var statusNames = map[StatusCode]string{
	StatusNormalClosure:           "normal closure",
	StatusGoingAway:               "going away",
	StatusProtocolError:           "protocol error",
	StatusUnsupportedData:         "unsupported data",
	StatusNoStatusRcvd:            "no status received",
	StatusAbnormalClosure:         "abnormal closure",
	StatusInvalidFramePayloadData: "invalid frame payload data",
	StatusPolicyViolation:         "policy violation",
	StatusMessageTooBig:           "message too big",
	StatusMandatoryExt:            "mandatory extension",
	StatusInternalServerError:     "internal error",
	1012:                          "service restart",
	1013:                          "try again later",
	1014:                          "bad gateway",
	StatusTLSHandshake:            "TLS handshake",
}

var (
	// ErrNotOpen is returned when a frame is sent before EvWSOpen.
	ErrNotOpen = errors.New("ws: handshake is not finished: send after EvWSOpen")
	// ErrCloseSent is returned when a frame is sent after a Close frame [RFC 6455 5.5.1].
	// When the connection has ended, the error is reactor.ErrClosed instead.
	ErrCloseSent = errors.New("ws: nothing can be sent after a Close frame")
	// ErrMessageOpen is returned when a message is sent while a Writer is in the
	// middle of one [RFC 6455 5.4].
	ErrMessageOpen = errors.New("ws: a Writer is in the middle of a message: close the Writer first")
	// ErrControlTooLong is returned for a control frame with more than 125
	// bytes of payload [RFC 6455 5.5].
	ErrControlTooLong = errors.New("ws: control frame has more than 125 bytes of payload")
	// ErrOpCode is returned for an opcode that is neither a message (text, binary) nor a
	// control frame (close, ping, pong).
	ErrOpCode = errors.New("ws: opcode is neither a message nor a control frame")
	// ErrNotWebSocket is returned for a connection that does not speak
	// WebSocket.
	ErrNotWebSocket = errors.New("ws: connection does not speak WebSocket")
)

// A ProtocolError is the data of EvError when the peer breaks the protocol or exceeds a
// limit. The peer gets Code in a Close frame, unless a Close frame was sent before.
type ProtocolError struct {
	Code   StatusCode
	Reason string
}

func (e *ProtocolError) Error() string {
	return "ws: " + e.Reason + " (close code " + StatusName(e.Code) + ")"
}

func violation(code StatusCode, format string, args ...any) error {
	if len(args) > 0 {
		format = fmt.Sprintf(format, args...)
	}
	return &ProtocolError{Code: code, Reason: format}
}

// A HandshakeError says why an opening handshake failed. A client gets it as the data of
// EvError, if the server's response does not accept the handshake. A server gets it from
// Upgrade, if the request is not a valid handshake or is refused.
type HandshakeError struct {
	Status int    // of the response
	Header string // the name of the header that is wrong, or empty
	Reason string
}

func (e *HandshakeError) Error() string { return "ws: handshake: " + e.Reason }
