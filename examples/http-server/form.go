package main

import (
	"errors"

	"github.com/rikki-go/rikki/examples/internal/upload"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// form is a form with files that arrives in pieces. What it has received is removed if it breaks
// off in the middle of a file. Complete files stay.
type form struct {
	parser http.MultipartParser
	file   *upload.File // the current one; nil between files
	files  int
	bytes  int64
	err    error // the reason why it was refused
	s      *server
}

// beginUpload is called when the header of an upload has arrived.
func (s *server) beginUpload(c *reactor.Conn, hm *http.Message) {
	switch boundary, err := hm.Boundary(); {
	case s.uploads == nil:
		http.Reply(c, 403, "", "Denied: file upload directory not set\n")
	case string(hm.Method) != "POST":
		http.Reply(c, 405, "Allow: POST\r\n", "POST a form\n")
	case err != nil:
		http.Reply(c, 400, "", "%v\n", err)
	default:
		f := &form{s: s}
		f.parser = http.MultipartParser{Boundary: boundary, Begin: f.begin, Data: f.data, End: f.end}
		c.FnData = f
		http.StreamBody(c, s.maxUpload)
	}
}

// begin is called for each part. Fields that are no files, and files that were not chosen, are
// ignored.
func (f *form) begin(part *http.Part) (err error) {
	if len(part.Filename) > 0 {
		f.file, err = upload.Create(f.s.uploads, string(part.Filename), -1)
	}
	return err
}

func (f *form) data(p []byte) error {
	if f.file == nil {
		return nil
	}
	_, err := f.file.Write(p)
	return err
}

func (f *form) end() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Commit()
	f.files++
	f.bytes += f.file.Size
	f.s.peers.Info("written", "bytes", f.file.Size)
	f.file = nil
	return err
}

// write takes a piece of the form.
func (f *form) write(c *reactor.Conn, p []byte) {
	if f == nil || f.err != nil {
		return
	}
	if _, f.err = f.parser.Write(p); f.err != nil {
		f.refuse(c)
	}
}

// finish answers the complete form.
func (f *form) finish(c *reactor.Conn) {
	if f.err = f.parser.Close(); f.err != nil {
		f.refuse(c)
		return
	}
	http.Reply(c, 200, "", "Uploaded %d files, %d bytes\n", f.files, f.bytes)
}

// refuse answers with an error. In the middle of a body that ends the connection.
func (f *form) refuse(c *reactor.Conn) {
	f.abort()
	f.s.peers.Info("upload refused", "id", c.ID(), "remote", c.RemoteAddr(), "error", f.err)
	if _, bad := errors.AsType[*http.Error](f.err); bad || upload.IsRefusal(f.err) {
		http.Reply(c, 400, "", "%v\n", f.err)
		return
	}
	http.Reply(c, 500, "", "The server cannot store the file\n")
}

// abort removes an incomplete file. f may be nil.
func (f *form) abort() {
	if f != nil {
		f.file.Abort()
		f.file = nil
	}
}
