package ws

import "github.com/rikki-go/rikki/reactor"

// A Writer sends one message in frames [RFC 6455 5.4], for those who do not have
// all of it at once. Control frames may be sent meanwhile; another message may not:
// that is ErrMessageOpen. If compression was agreed the message is compressed. Like
// its connection a Writer belongs to the manager's goroutine. It must not be used
// once it is closed: NewWriter may return it again, for the connection's next
// message.
type Writer struct {
	c     *reactor.Conn
	l     *layer
	first byte // of the next frame
	size  int  // of frames, in bytes of payload
	buf   []byte
	loan  *incoming // whose memory buf is
	text  textState
	check bool      // the message is text
	open  bool      // it has begun, and goes on
	out   *deflater // nil if the message is not compressed
}

// NewWriter begins a message, OpText or OpBinary, in frames of size bytes; the last
// one, and those that Flush sends, may be shorter. It must be closed before the
// next message. Errors are those of Send. It
// panics if size is not positive.
func NewWriter(c *reactor.Conn, op OpCode, size int) (*Writer, error) {
	if size <= 0 {
		panic("ws: NewWriter wants a positive size of frames")
	}
	if op.isControl() { // [RFC 6455 5.5]
		return nil, ErrOpCode
	}
	l, err := maySend(c, op, nil)
	if err != nil {
		return nil, err
	}
	x, s := l.extra(), shared(c)
	if x.writer == nil {
		x.writer = new(Writer)
	}
	w := x.writer
	*w = Writer{c: c, l: l, first: byte(op), size: size, loan: s.getIncoming(), check: op == OpText, open: true}
	w.buf = w.loan.parts
	if l.deflates() {
		w.out = x.deflate.borrow(s)
		w.first |= rsv1Bit
	}
	return w, nil
}

// Write goes on with the message. What fills frames is appended to c.Send. The
// error is reactor.ErrClosed or ErrCloseSent if the connection is closed or
// closing, or the message was closed; a *ProtocolError if text is not UTF-8:
// nothing of p is sent then.
func (w *Writer) Write(p []byte) (int, error) {
	if err := w.usable(); err != nil {
		return 0, err
	}
	if w.check {
		text := w.text
		if !text.next(p) {
			return 0, errNotText
		}
		w.text = text
	}
	n := len(p)
	if w.out != nil {
		w.buf = w.out.write(w.buf, p)
		return n, w.emit()
	}
	if len(w.buf) == 0 { // no need to gather what is there
		for ; len(p) > w.size; p = p[w.size:] {
			if err := w.frame(p[:w.size], 0); err != nil {
				return n - len(p), err
			}
		}
	}
	w.buf = append(w.buf, p...)
	return n, w.emit()
}

// Flush sends what was written as a frame, if there is anything.
func (w *Writer) Flush() error {
	if err := w.usable(); err != nil {
		return err
	}
	if w.out != nil && w.out.open {
		w.buf = w.out.flush(w.buf)
	}
	if err := w.emit(); err != nil || len(w.buf) == 0 {
		return err
	}
	err := w.frame(w.buf, 0)
	w.buf = w.buf[:0]
	return err
}

// Close ends the message. The error is reactor.ErrClosed or ErrCloseSent, or
// a *ProtocolError if a text ends inside a rune: then the message, which cannot be
// taken back, fails the connection.
func (w *Writer) Close() error {
	if err := w.usable(); err != nil {
		return err
	}
	if !w.text.complete() {
		c, l := w.c, w.l
		w.end()
		l.refuse(c, errNotText)
		return errNotText
	}
	if w.out != nil {
		w.buf = w.out.end(w.buf)
	}
	err := w.emit()
	if err == nil {
		err = w.frame(w.buf, finBit)
	}
	w.end()
	return err
}

// usable says whether the message can go on.
func (w *Writer) usable() error {
	switch {
	case !w.open:
		return reactor.ErrClosed
	case w.l.state != open:
		return notOpen(w.c)
	}
	return nil
}

// emit sends the frames that are full. What may be the last frame is kept.
func (w *Writer) emit() error {
	rest := w.buf
	for ; len(rest) > w.size; rest = rest[w.size:] {
		if err := w.frame(rest[:w.size], 0); err != nil {
			return err
		}
	}
	w.buf = w.buf[:copy(w.buf, rest)]
	return nil
}

// frame appends a frame, the last one with finBit.
func (w *Writer) frame(p []byte, fin byte) error {
	first := w.first | fin
	w.first = byte(OpContinuation)
	return appendFrame(w.c, first, p)
}

// end lets other messages be sent again.
func (w *Writer) end() {
	s := shared(w.c)
	if w.out != nil {
		w.l.extras.deflate.giveBack(s, w.out)
	}
	w.loan.parts = w.buf
	s.putIncoming(w.loan)
	*w = Writer{}
}
