package http

import (
	"errors"

	"github.com/rikki-go/rikki/reactor"
)

// A Piece is the data of reactor.EvHTTPBody: the next piece of a body that StreamBody has asked
// for. It and its slices are valid until the handler returns.
type Piece struct {
	Msg    *Message // the header of the message; its Body is empty
	Data   []byte   // at least one byte, without chunk framing; the handler may change it in place
	Offset int64    // how many bytes of the body came before Data
}

// errStreamBody is returned by StreamBody in the wrong place.
var errStreamBody = errors.New("http: StreamBody must be called in EvHTTPHdrs, or while the connection is paused since then")

// StreamBody makes the body of the current message arrive in pieces: it is not collected in Recv.
// Call it in EvHTTPHdrs, on a server or a client. If the handler pauses the connection in
// EvHTTPHdrs, StreamBody may be called until Resume. From then on:
//
//   - Each piece raises reactor.EvHTTPBody with a *Piece, as soon as it arrives. The sizes of the
//     pieces have no meaning.
//   - At the end EvHTTPMsg is raised, with an empty Body. A message without body raises only this
//     event.
//   - c.Pause stops the pieces after the event, so that the peer stops sending. This is how a
//     program that cannot take more slows an upload down.
//
// max bounds the size of this one body, in bytes. Zero means Limits.Body, and a negative value
// means no limit. A server answers a larger body with 413: EvError comes then, and EvClose after
// it, but no EvHTTPMsg. The pieces before may have been delivered. StreamBody copies the header, so
// that the Message of the events stays valid. A client that has sent "Expect: 100-continue" gets
// 100.
//
// A server may answer while the body arrives. [ReplyStart] and the pieces of the answer go on
// beside it. An answer that is complete before the body ends the connection, and no more pieces
// are delivered.
//
// The error is ErrNotHTTP, reactor.ErrClosed, or says that the call came too late, or that the
// handler has taken bytes out of Recv.
func StreamBody(c *reactor.Conn, max int64) error { return reported(c, streamBody(c, max)) }

func streamBody(c *reactor.Conn, max int64) error {
	if c.Stack().Closed() {
		return reactor.ErrClosed
	}
	l, ok := reactor.Find[*layer](c)
	switch {
	case !ok:
		return ErrNotHTTP
	case !l.inMessage || l.bodyBegun || l.discarding || l.stream != nil:
		return errStreamBody
	case c.Recv.Len() < l.recvLeft: // the connection fails when the handler returns
		return errRecvChanged
	case !l.parser.hasBody():
		return nil
	}
	if max == 0 {
		max = int64(l.parser.Limits.body())
	}
	s := l.spares.getStream()
	l.stream = s
	s.decoder = newPieceDecoder(&l.parser, max)
	if s.err = s.decoder.checkLength(); s.err == nil && c.Recv.Len() == l.parser.headEnd {
		l.sendContinue(c)
	}
	s.head = append(s.head, c.Recv.Bytes()[:l.parser.headEnd]...)
	l.parser.refillMessage(s.head, &s.msg)
	s.msg.setScheme(c.IsTLS())
	s.msg.Raw = s.msg.Head
	s.piece.Msg = &s.msg
	c.Stack().AddHeld(cap(s.head))
	return nil
}

// sendContinue sends 100 (Continue) to a client that waits for it [RFC 9110 10.1.1]. After the
// beginning of the response it is too late.
func (l *layer) sendContinue(c *reactor.Conn) {
	if l.expectsContinue && l.unanswered && l.out.kind == outNone {
		c.Send.AppendString("HTTP/1.1 100 Continue\r\n\r\n")
	}
	l.expectsContinue = false
}

// stream is the state of a body that is delivered in pieces.
type stream struct {
	decoder pieceDecoder
	head    []byte // a copy of the header
	msg     Message
	piece   Piece
	err     error // the body is wrong; the pieces before the wrong byte are delivered
	done    bool  // the body is complete; EvHTTPMsg was not raised yet
}

// ended reports whether no more bytes are decoded. Then Recv may be empty although there is
// something to deliver.
func (s *stream) ended() bool { return s != nil && (s.done || s.err != nil) }

// continueStream delivers the next piece of a body, and the end of the message. It returns true if
// the next message may be delivered.
func (l *layer) continueStream(c *reactor.Conn) bool {
	s := l.stream
	if !l.bodyBegun {
		l.bodyBegun = true
		c.Recv.Consume(l.parser.headEnd)
	}
	if !s.ended() {
		data, used, done, err := s.decoder.next(c.Recv.Bytes())
		c.Recv.Consume(used)
		s.done, s.err = done, err
		if len(data) > 0 && !l.deliverPiece(c, data) {
			return l.discarding
		}
	}
	switch {
	case s.err != nil:
		l.refuse(c, l.parser.withStatus(s.err))
	case s.done:
		return l.endStream(c)
	default:
		c.Stack().SetReceiving(true)
	}
	return false
}

// deliverPiece raises EvHTTPBody. It returns false if the body cannot go on now.
func (l *layer) deliverPiece(c *reactor.Conn, data []byte) bool {
	s, held := l.stream, c.Recv.Len()
	s.piece = Piece{Msg: &s.msg, Data: data, Offset: s.decoder.decoded - int64(len(data))}
	c.Call(reactor.EvHTTPBody, &s.piece)
	s.piece.Data = nil
	switch {
	case !l.attached(c) || l.discarding:
		return false
	case c.Recv.Len() != held:
		c.Fail(errRecvChanged)
	}
	return !c.InputStopped()
}

// endStream raises EvHTTPMsg after the pieces of a body. It returns true if the next message may
// be delivered.
func (l *layer) endStream(c *reactor.Conn) bool {
	l.parser.Reset()
	next := l.deliverMessage(c, &l.stream.msg, 0)
	l.dropStream(c)
	return next
}

// dropStream forgets the body that is delivered in pieces.
func (l *layer) dropStream(c *reactor.Conn) {
	if s := l.stream; s != nil {
		c.Stack().AddHeld(-cap(s.head))
		l.stream = nil
		l.spares.putStream(s)
	}
}
