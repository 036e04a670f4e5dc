package mqtt

import (
	"fmt"
	"io"

	"github.com/rikki-go/rikki/internal/quote"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// This file has the ends of a connection that come from the peer.
//
//	what the peer does               a client                     a server
//	its stream ends, or a Close      ClosedError, unless this     an error only inside a packet,
//	frame arrives, no DISCONNECT     side has sent DISCONNECT     or if packets wait until CONNECT
//	                                 or a Close frame, or is      is answered
//	                                 draining
//	DISCONNECT                       RefusedError                 no error
//	CONNACK that refuses             RefusedError

// maxQuoted is how many bytes of a server's text an error has.
const maxQuoted = 128

// A RefusedError is the data of EvError after a CONNACK that refuses the connection, and after
// the DISCONNECT of a 5.0 server, whatever its reason code. In package session it is also the error
// of a topic filter that the server refuses with SUBACK or UNSUBACK.
type RefusedError struct {
	Cmd     Cmd // CmdConnack, CmdDisconnect, CmdSuback or CmdUnsuback
	Code    ReasonCode
	Version uint8 // the protocol level that defines Code

	Reason          string // 5.0: Reason String, for people
	ServerReference string // 5.0: another server to use, if Code is 0x9C or 0x9D
}

// newRefusedError returns the error for the CONNACK or DISCONNECT in m. It copies the texts.
func newRefusedError(m *Message, version uint8) *RefusedError {
	e := &RefusedError{Cmd: m.Cmd, Code: m.Ack, Version: version}
	var p Property
	for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
		switch p.ID {
		case PropReasonString:
			e.Reason = string(p.Value)
		case PropServerReference:
			e.ServerReference = string(p.Value)
		}
	}
	return e
}

// Error returns who ended the connection or what was refused, the code with its name, and the texts
// of the server.
func (e *RefusedError) Error() string {
	text := "mqtt: connection refused: " + e.Code.text(e.Version)
	switch {
	case e.Cmd == CmdDisconnect && e.Code == 0:
		text = "mqtt: disconnected by the server: 0x00 Normal disconnection"
	case e.Cmd == CmdDisconnect:
		text = "mqtt: disconnected by the server: " + e.Code.text(e.Version)
	case e.Cmd == CmdSuback:
		text = "mqtt: subscription refused: " + e.Code.textIn(e.Cmd, e.Version)
	case e.Cmd == CmdUnsuback:
		text = "mqtt: unsubscription refused: " + e.Code.textIn(e.Cmd, e.Version)
	}
	if e.Reason != "" {
		text += ": " + quote.Text(e.Reason, maxQuoted)
	}
	if e.ServerReference != "" {
		text += " (other server: " + quote.Text(e.ServerReference, maxQuoted) + ")"
	}
	return text
}

// A ClosedError is the cause in EvError if the server ends the stream of a client, and neither
// side has sent DISCONNECT. Over WebSocket it may have sent a Close frame before. A server that
// stops or is killed ends a connection so. errors.Is finds io.ErrUnexpectedEOF in it.
//
// A client that has sent DISCONNECT or a Close frame, or that is draining, gets no error.
type ClosedError struct {
	// Code is the code of the WebSocket Close frame, ws.StatusNoStatusRcvd if the frame had none,
	// and 0 if there was no Close frame.
	Code   ws.StatusCode
	Reason string // of the Close frame

	when string // "before CONNACK" or "inside a packet"; "" if between packets
}

// Error says when the stream ended, and returns the code and the reason of the Close frame.
func (e *ClosedError) Error() string {
	text := "mqtt: connection closed by the server"
	if e.when != "" {
		text = "mqtt: connection closed " + e.when
	}
	switch {
	case e.Code == ws.StatusNoStatusRcvd:
		text += ": WebSocket close without a code"
	case e.Code != 0:
		text += ": WebSocket close code " + ws.StatusName(e.Code)
	}
	if e.Reason != "" {
		text += ", reason " + quote.CutAt(e.Reason, maxQuoted)
	}
	return text + ": " + io.ErrUnexpectedEOF.Error()
}

// Unwrap returns io.ErrUnexpectedEOF.
func (*ClosedError) Unwrap() error { return io.ErrUnexpectedEOF }

// End implements reactor.Ender.
func (l *layer) End(c *reactor.Conn) error {
	unparsed := c.Recv.Len()
	if l.overWS {
		unparsed = l.wsInput.Len()
	}
	return l.endError(unparsed, c.Stack().Draining() || ws.CheckSend(c) == ws.ErrCloseSent)
}

// Finished implements reactor.Finisher. After DISCONNECT in either direction nothing is missing.
func (l *layer) Finished(*reactor.Conn) bool { return l.phase == disconnected }

// closeFrame handles a Close frame of the peer.
func (l *layer) closeFrame(c *reactor.Conn, m *ws.Message) {
	err := l.endError(l.wsInput.Len(), m.Expected)
	if closed, ok := err.(*ClosedError); ok {
		code, reason := m.CloseStatus()
		closed.Code, closed.Reason = code, string(reason)
	}
	if err != nil {
		c.Fail(err)
	}
}

// endError returns the error for a stream that ends now. unparsed is the number of input bytes that
// are not parsed yet, and expected says that this side is ending the connection. endError returns
// nil if nothing is missing.
func (l *layer) endError(unparsed int, expected bool) error {
	switch {
	case l.phase == disconnected:
		return nil
	case l.role == server && unparsed > 0 && l.phase == connecting:
		return fmt.Errorf("mqtt: connection closed before its CONNECT was answered: %w", io.ErrUnexpectedEOF)
	case l.role == server && unparsed > 0:
		return fmt.Errorf("mqtt: connection closed inside a packet: %w", io.ErrUnexpectedEOF)
	case l.role == server:
		return nil
	case expected:
		return nil
	case l.role == client && unparsed > 0:
		return &ClosedError{when: "inside a packet"}
	case l.role == client && l.phase != connected:
		return &ClosedError{when: "before CONNACK"}
	}
	return &ClosedError{}
}
