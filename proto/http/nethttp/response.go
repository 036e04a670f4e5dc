package nethttp

import (
	"context"
	stdhttp "net/http"
	"path"
	"runtime"
	"strconv"
	"strings"

	"github.com/rikki-go/rikki/proto/http"
)

// bufferSize is how many bytes of a response are collected before its header is sent, and before
// they are given to the loop. A response that is shorter gets a Content-Length. net/http has the
// same number.
const bufferSize = 2048

// response is the ResponseWriter of an exchange. Its methods must not be called at the same time,
// except those that set deadlines, as in net/http.
type response struct {
	x          *exchange
	header     stdhttp.Header // the handler's; nil before it asks
	sent       stdhttp.Header // as it was when WriteHeader was called; nil if it was empty
	status     int            // 0 before WriteHeader
	length     int64          // Content-Length that the handler has set; -1: none
	written    int64          // bytes that the handler has written
	buf        []byte         // written and not yet given to the exchange
	begun      bool           // the header was given to the exchange
	done       bool           // the handler has returned
	fullDuplex bool
	trailers   []string // names that the handler has announced
}

// Header implements http.ResponseWriter.
func (w *response) Header() stdhttp.Header {
	if w.header == nil {
		w.header = stdhttp.Header{}
	}
	return w.header
}

// WriteHeader implements http.ResponseWriter. A status of 1xx is sent at once. It panics if code is
// not in the range 100 to 999.
func (w *response) WriteHeader(code int) {
	switch {
	case w.x.isHijacked():
		w.logCall("http: response.WriteHeader on hijacked connection")
		return
	case w.status != 0:
		w.logCall("http: superfluous response.WriteHeader call")
		return
	case code < 100 || code > 999:
		panic("nethttp: invalid WriteHeader code " + strconv.Itoa(code))
	case code < 200 && code != stdhttp.StatusSwitchingProtocols:
		if w.x.req.ProtoMinor > 0 { // an HTTP/1.0 client does not know them [RFC 9110 15.2]
			w.x.sendInterim(appendHead(nil, code, headerLines(w.header, "Content-Length", "Transfer-Encoding")), code == stdhttp.StatusContinue)
		}
		return
	}
	if w.status = code; len(w.header) > 0 {
		w.sent = w.header.Clone()
	}
	if text := w.header.Get("Content-Length"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err == nil && n >= 0 {
			w.length = n
		} else {
			w.x.b.logf("http: invalid Content-Length of %q", text)
			w.header.Del("Content-Length")
			w.sent.Del("Content-Length")
		}
	}
}

// logCall logs a wrong call, with the place of the caller outside of this package.
func (w *response) logCall(what string) {
	pcs := make([]uintptr, 16)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		if !strings.Contains(f.Function, "proto/http/nethttp.(*response)") {
			w.x.b.logf("%s from %s (%s:%d)", what, f.Function, path.Base(f.File), f.Line)
			return
		}
	}
}

// Write implements http.ResponseWriter. The first call begins a response with status 200 if
// WriteHeader was not called. The error is http.ErrHijacked, http.ErrBodyNotAllowed,
// http.ErrContentLength, os.ErrDeadlineExceeded, or that of the connection.
func (w *response) Write(p []byte) (int, error) {
	if err := w.beforeWrite(len(p)); err != nil || len(p) == 0 {
		return 0, err
	}
	if len(w.buf)+len(p) <= bufferSize {
		w.buf = append(w.buf, p...)
		return len(p), nil
	}
	if err := w.flushBuffer(p, false); err != nil {
		return 0, err
	}
	return len(p), nil
}

// WriteString implements io.StringWriter.
func (w *response) WriteString(s string) (int, error) {
	if len(w.buf)+len(s) > bufferSize {
		return w.Write([]byte(s))
	}
	err := w.beforeWrite(len(s))
	if err != nil {
		return 0, err
	}
	w.buf = append(w.buf, s...)
	return len(s), nil
}

// beforeWrite begins the response, and checks whether n more bytes may be written.
func (w *response) beforeWrite(n int) error {
	if w.x.isHijacked() {
		if n > 0 {
			w.logCall("http: response.Write on hijacked connection")
		}
		return stdhttp.ErrHijacked
	}
	if w.status == 0 {
		w.WriteHeader(stdhttp.StatusOK)
	}
	if n == 0 {
		return nil
	}
	if !bodyAllowed(w.status) {
		return stdhttp.ErrBodyNotAllowed
	}
	if w.written += int64(n); w.length >= 0 && w.written > w.length {
		return stdhttp.ErrContentLength
	}
	return nil
}

// flushBuffer gives the exchange what the handler has written: the header, unless it has it
// already, the buffer, and p. If last is true, end follows.
func (w *response) flushBuffer(p []byte, last bool) error {
	if !w.begun {
		first := w.buf
		if len(first) == 0 {
			first = p
		}
		w.begin(first)
	}
	for _, part := range [][]byte{w.buf, p} {
		if len(part) == 0 || w.x.req.Method == stdhttp.MethodHead {
			continue
		}
		if err := w.x.write(part, last); err != nil {
			return err
		}
	}
	w.buf = w.buf[:0]
	return nil
}

// Flush implements http.Flusher.
func (w *response) Flush() { w.FlushError() }

// FlushError sends what was written so far. It waits until the loop has taken it. The client may
// not have it then. The error is that of the connection, or os.ErrDeadlineExceeded.
func (w *response) FlushError() error {
	if w.x.isHijacked() {
		return stdhttp.ErrHijacked
	}
	if w.status == 0 {
		w.WriteHeader(stdhttp.StatusOK)
	}
	if err := w.flushBuffer(nil, false); err != nil {
		return err
	}
	return w.x.flush()
}

// finish is called when the handler has returned. It sends the rest of the response.
func (w *response) finish() {
	w.done = true
	if !w.x.isHijacked() {
		if w.status == 0 {
			w.WriteHeader(stdhttp.StatusOK)
		}
		err := w.flushBuffer(nil, true)
		short := w.length > w.written && w.x.req.Method != stdhttp.MethodHead && bodyAllowed(w.status)
		w.x.end(w.trailerLines(), err != nil || short)
	} else {
		w.x.end("", false)
	}
	if f := w.x.req.MultipartForm; f != nil {
		f.RemoveAll()
	}
}

// bodyAllowed reports whether a response with that status may have a body [RFC 9110 6.4.1].
func bodyAllowed(status int) bool {
	return status >= 200 && status != 204 && status != 205 && status != 304
}

// begin gives the exchange the header of the response. p is the beginning of the body, and all of
// it if the handler has returned.
func (w *response) begin(p []byte) {
	w.begun = true
	h, r := w.sent, w.x.req
	w.announceTrailers()
	hasEncoding := h.Get("Transfer-Encoding") != ""
	_, sized := h["Content-Length"]
	isHEAD := r.Method == stdhttp.MethodHead
	size := w.length
	if w.done && !w.hasTrailers() && !hasEncoding && bodyAllowed(w.status) && !sized && (!isHEAD || len(p) > 0) {
		size = int64(len(p))
		w.length = size
	}
	closes := r.Close || h.Get("Connection") == "close"
	if r.ContentLength != 0 && !w.x.bodyRead() && (!w.x.isWanted() || !closes && !w.fullDuplex && !w.x.discardBody()) {
		closes = true
	}
	if !bodyAllowed(w.status) {
		size = 0
	}
	if size < 0 || hasEncoding && size > 0 {
		size = http.Chunked
	}
	w.x.start(replyHead{w.status, w.headLines(p, closes, hasEncoding), size, size == http.Chunked && r.ProtoMinor == 0})
}

// headLines returns the lines of the response's header.
func (w *response) headLines(p []byte, closes, hasEncoding bool) string {
	h := w.sent
	var b strings.Builder
	connection := h.Get("Connection")
	_, typed := h["Content-Type"]
	if bodyAllowed(w.status) && !typed && !hasEncoding && h.Get("Content-Encoding") == "" && len(p) > 0 {
		b.Grow(64)
		writeLine(&b, "Content-Type", stdhttp.DetectContentType(p))
	}
	exclude := append(make([]string, 0, 4), "Content-Length", "Transfer-Encoding") // the layer writes them
	if w.status == stdhttp.StatusNotModified {
		exclude = append(exclude, "Content-Type")
	}
	switch {
	case closes && !hasToken(connection, "close"):
		writeLine(&b, "Connection", "close")
		exclude = append(exclude, "Connection")
	case !closes && strings.EqualFold(connection, "keep-alive"): // the layer writes it
		exclude = append(exclude, "Connection")
	}
	writeLines(&b, h, exclude...)
	return b.String()
}

// CloseNotify implements http.CloseNotifier, for old handlers.
func (w *response) CloseNotify() <-chan bool {
	gone := make(chan bool, 1)
	context.AfterFunc(w.x.req.Context(), func() { gone <- true })
	return gone
}
