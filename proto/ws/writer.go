package ws

import "github.com/rikki-go/rikki/reactor"

// A Writer sends one message in several frames [RFC 6455 5.4]. It is for programs that do not
// have the whole message at once. The message is compressed if compression was agreed.
//
// Until the Writer is closed, control frames may be sent. A call that sends another message
// returns ErrMessageOpen. Do not use a Writer after Close: NewWriter may return the same
// Writer for the connection's next message. A Writer belongs to the goroutine of its Manager.
type Writer struct {
	c        *reactor.Conn
	l        *layer
	first    byte // first byte of the next frame's header
	size     int  // payload bytes per frame
	buf      []byte
	memory   *incoming // owner of the memory of buf
	text     utf8State
	isText   bool      // the message is text
	open     bool      // the message has begun and is not closed
	deflater *deflater // nil if the message is not compressed
}

// NewWriter begins a message of the type OpText or OpBinary. The Writer sends frames with
// size bytes of payload. The last frame, and frames that Flush sends, may be shorter. The
// message must be closed before the next message is sent. NewWriter returns the same errors
// as Send. It panics if size is not positive.
func NewWriter(c *reactor.Conn, op OpCode, size int) (*Writer, error) {
	if size <= 0 {
		panic("ws: NewWriter with a frame size that is not positive")
	}
	if op.IsControl() { // [RFC 6455 5.5]
		return nil, ErrOpCode
	}
	l, err := maySend(c, op, nil)
	if err != nil {
		return nil, err
	}
	x, s := l.ensureExtras(), shared(c)
	if x.writer == nil {
		x.writer = new(Writer)
	}
	w := x.writer
	*w = Writer{c: c, l: l, first: byte(op), size: size, memory: s.getIncoming(), isText: op == OpText, open: true}
	w.buf = w.memory.parts
	if l.deflateAgreed() {
		w.deflater = x.deflate.borrowDeflater(s)
		w.first |= rsv1Bit
	}
	return w, nil
}

// Write adds p to the message and appends the frames that are full to c.Send. It copies p. The
// errors are:
//
//	reactor.ErrClosed   the connection is closed, or the Writer is closed
//	ErrCloseSent        a Close frame was sent
//	*ProtocolError      the text is not UTF-8; no byte of p is sent
func (w *Writer) Write(p []byte) (int, error) {
	if err := w.usable(); err != nil {
		return 0, err
	}
	if w.isText {
		text := w.text
		if !text.next(p) {
			return 0, errNotText
		}
		w.text = text
	}
	n := len(p)
	if w.deflater != nil {
		w.buf = w.deflater.write(w.buf, p)
		return n, w.sendFullFrames()
	}
	if len(w.buf) == 0 { // full frames need no copy in buf
		for ; len(p) > w.size; p = p[w.size:] {
			if err := w.sendFrame(p[:w.size], 0); err != nil {
				return n - len(p), err
			}
		}
	}
	w.buf = append(w.buf, p...)
	return n, w.sendFullFrames()
}

// Flush sends the bytes written so far as a frame. It does nothing if there are none. The
// errors are those of Write.
func (w *Writer) Flush() error {
	if err := w.usable(); err != nil {
		return err
	}
	if w.deflater != nil && w.deflater.unflushed {
		w.buf = w.deflater.flush(w.buf)
	}
	if err := w.sendFullFrames(); err != nil || len(w.buf) == 0 {
		return err
	}
	err := w.sendFrame(w.buf, 0)
	w.buf = w.buf[:0]
	return err
}

// Close sends the last frame of the message. The error is reactor.ErrClosed, ErrCloseSent, or a
// *ProtocolError if a text ends inside a rune. The *ProtocolError also fails the connection,
// because the frames that are already sent cannot be withdrawn.
func (w *Writer) Close() error {
	if err := w.usable(); err != nil {
		return err
	}
	if !w.text.complete() {
		c, l := w.c, w.l
		w.release()
		l.failWith(c, errNotText)
		return errNotText
	}
	if w.deflater != nil {
		w.buf = w.deflater.finish(w.buf)
	}
	err := w.sendFullFrames()
	if err == nil {
		err = w.sendFrame(w.buf, finBit)
	}
	w.release()
	return err
}

// usable returns an error if the message cannot be continued.
func (w *Writer) usable() error {
	switch {
	case !w.open:
		return reactor.ErrClosed
	case w.l.state != open:
		return afterCloseError(w.c)
	}
	return nil
}

// sendFullFrames sends the full frames in buf. It keeps at least one byte of a buf that is not
// empty, because this byte may belong to the last frame.
func (w *Writer) sendFullFrames() error {
	rest := w.buf
	for ; len(rest) > w.size; rest = rest[w.size:] {
		if err := w.sendFrame(rest[:w.size], 0); err != nil {
			return err
		}
	}
	w.buf = w.buf[:copy(w.buf, rest)]
	return nil
}

// sendFrame appends a frame with the payload p to Send. fin is finBit for the last frame,
// otherwise 0.
func (w *Writer) sendFrame(p []byte, fin byte) error {
	first := w.first | fin
	w.first = byte(OpContinuation)
	return appendFrame(w.c, first, p)
}

// release returns the borrowed memory. Afterwards other messages may be sent.
func (w *Writer) release() {
	s := shared(w.c)
	if w.deflater != nil {
		w.l.extras.deflate.returnDeflater(s, w.deflater)
	}
	w.memory.parts = w.buf
	s.putIncoming(w.memory)
	*w = Writer{}
}
