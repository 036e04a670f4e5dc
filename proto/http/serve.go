package http

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"syscall"

	"github.com/rikki-go/rikki/reactor"
)

// ServeOptions says how [ServeDir] and [ServeFile] answer. Only FS is required.
type ServeOptions struct {
	// FS has the files: the result of [Dir], an embed.FS, the FS of an os.Root, and so on. It is
	// called on the goroutine of the loop and must not block for long.
	FS fs.FS
	// Prefix is the beginning of the URL paths that is not part of the file names. With the
	// Prefix "/static", the path /static/a.js is the file a.js.
	Prefix string
	// Index is the name of the file that stands for its directory. "" means index.html.
	Index string
	// List makes directories without an Index answer with a list of their files. Without List
	// the response is 404.
	List bool
	// NotFound is the name of a file that is the body of responses with the status 404.
	NotFound string
	// Headers are further header lines, "Name: value\r\n" each, for the responses that have a
	// file or a list, and for 304.
	Headers string
	// MIMETypes maps extensions such as ".log" to the value of Content-Type. The others have the
	// usual types. A file with an unknown extension is text/plain or application/octet-stream.
	MIMETypes map[string]string
	// NoGzip turns off the search for compressed files. Without it, a client that accepts gzip
	// gets a.js.gz, if there is one, for a.js. a.js may be missing then.
	NoGzip bool
	// ETag returns the entity tag of a file, with quotation marks, or "". If ETag is nil, the tag
	// consists of the time and the size. There is none if the time is zero, as in an embed.FS.
	ETag func(name string, info fs.FileInfo) string
}

// ServeDir answers a request with the file that its path names, like mg_http_serve_dir. hm is the
// message of EvHTTPMsg or EvHTTPHdrs.
//
//	status   answers
//	200      the file; a list of the directory, with List
//	206      a range of the file, with Range and If-Range
//	301      a directory whose path does not end with a slash: the path with one
//	304      If-None-Match, If-Modified-Since
//	403      the system does not allow to read the file
//	404      no regular file; a path with "..", "." or an empty segment, also with percent escapes
//	405      a method other than GET and HEAD
//	406      only a compressed file exists, and the client does not accept gzip
//	412      If-Match, If-Unmodified-Since
//	416      a range after the end
//	500      the file cannot be read
//
// The layer reads the file as fast as the client reads, as [ReplyReader] does. If the file becomes
// shorter meanwhile, the connection is aborted. Ranges need a file that is an io.Seeker. If a
// request asks for several ranges, the response has the whole file.
//
// The path is compared with percent escapes decoded. A handler that protects a part of the
// directory must do the same, or better keep it in another FS.
//
// ServeDir returns ErrNoRequest or reactor.ErrClosed if there is nothing to answer. All other
// errors are the reason of a response with status 500: FS is nil, a header line is not valid, or
// the file cannot be read. An error that the program does not use is logged once.
func ServeDir(c *reactor.Conn, hm *Message, opts *ServeOptions) error {
	return serve(c, hm, opts, func(f *fileServer) error {
		name, slash, ok := fileName(hm.URI, opts.Prefix)
		if !ok {
			return f.notFound()
		}
		info, err := f.stat(name)
		switch {
		case err == nil && info.IsDir():
			return f.serveDir(name, slash)
		case slash:
			return f.notFound()
		}
		return f.serveFile(name)
	})
}

// ServeFile answers a request with the file of opts.FS that is called name, like
// mg_http_serve_file. It does not use the path of the request, and answers in the same way as
// [ServeDir]. Names have slashes and no "..": others are answered with 404.
func ServeFile(c *reactor.Conn, hm *Message, name string, opts *ServeOptions) error {
	return serve(c, hm, opts, func(f *fileServer) error {
		if !fs.ValidPath(name) {
			return f.notFound()
		}
		return f.serveFile(name)
	})
}

// fileServer answers one request.
type fileServer struct {
	c    *reactor.Conn
	hm   *Message
	opts *ServeOptions

	regularName string // a file that is known to be regular
}

// serve checks the arguments of ServeDir and ServeFile and calls answer. It answers with 500 if
// that fails.
func serve(c *reactor.Conn, hm *Message, opts *ServeOptions, answer func(*fileServer) error) error {
	if _, err := pendingLayer(c); err != nil {
		return reported(c, err)
	}
	err := opts.check()
	switch {
	case err != nil:
	case string(hm.Method) != "GET" && string(hm.Method) != "HEAD":
		return plainReply(c, 405, "Allow: GET, HEAD\r\n") // [RFC 9110 15.5.6]
	default:
		err = answer(&fileServer{c: c, hm: hm, opts: opts})
	}
	if err != nil && err != reactor.ErrClosed {
		plainReply(c, 500, "")
		err = fmt.Errorf("http: %s cannot be served: %w", hm.URI, err)
	}
	return reported(c, err)
}

// check returns an error if the options are bad.
func (o *ServeOptions) check() error {
	if o == nil || o.FS == nil {
		return errors.New("ServeOptions.FS is nil")
	}
	if _, err := checkHeaders(o.Headers); err != nil {
		return err
	}
	return EachHeader(o.Headers, func(name, _ string) error {
		for _, own := range []string{"Content-Type", "Content-Range", "Content-Encoding", "Accept-Ranges", "ETag", "Last-Modified"} {
			if strings.EqualFold(name, own) {
				return fmt.Errorf("header %q must not be in ServeOptions.Headers: it depends on the file", name)
			}
		}
		return nil
	})
}

// plainReply answers with the reason phrase as text.
func plainReply(c *reactor.Conn, status int, headers string) error {
	return reply(c, status, "Content-Type: text/plain; charset=utf-8\r\n"+headers, "%d %s\n", status, reasonPhrase(status))
}

// stat describes a file that may be served: a directory or a regular file. It does not open it if
// FS can do without, because opening a FIFO or a device has effects.
func (f *fileServer) stat(name string) (fs.FileInfo, error) {
	info, err := fs.Stat(f.opts.FS, name)
	if err == nil && !info.IsDir() && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	if err == nil && !info.IsDir() {
		f.regularName = name
	}
	return info, err
}

// open opens a regular file.
func (f *fileServer) open(name string) (fs.File, fs.FileInfo, error) {
	if name != f.regularName {
		info, err := f.stat(name)
		if err == nil && info.IsDir() {
			err = &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		if err != nil {
			return nil, nil, err
		}
	}
	file, err := f.opts.FS.Open(name)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat() // the file may be another one now
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return file, info, nil
}

// failed answers for a file that cannot be opened.
func (f *fileServer) failed(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return plainReply(f.c, 403, "")
	case isMissing(err):
		return f.notFound()
	}
	return err
}

// isMissing reports whether err says that no such file exists.
func isMissing(err error) bool {
	for _, e := range []error{fs.ErrNotExist, fs.ErrInvalid, syscall.ENOTDIR, syscall.ENAMETOOLONG, syscall.ELOOP} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// notFound answers with 404 and the page for it.
func (f *fileServer) notFound() error {
	if f.opts.NotFound == "" {
		return plainReply(f.c, 404, "")
	}
	file, info, err := f.open(f.opts.NotFound)
	if err != nil {
		return errors.Join(fmt.Errorf("ServeOptions.NotFound: %w", err), plainReply(f.c, 404, ""))
	}
	body, contentType, err := f.detectType(f.opts.NotFound, file)
	if err != nil {
		return err
	}
	return replyStart(f.c, 404, "Content-Type: "+contentType+"\r\n", info.Size(), body)
}

// serveDir answers for a directory.
func (f *fileServer) serveDir(name string, slash bool) error {
	if !slash {
		return plainReply(f.c, 301, "Location: "+withSlash(f.hm)+"\r\n")
	}
	index := f.opts.Index
	if index == "" {
		index = "index.html"
	}
	if index = path.Join(name, index); f.exists(index) || !f.opts.List {
		return f.serveFile(index)
	}
	return f.list(name)
}

// exists reports whether serveFile finds the file.
func (f *fileServer) exists(name string) bool {
	info, err := f.stat(name)
	if err == nil {
		return !info.IsDir()
	}
	return !f.opts.NoGzip && f.regular(name+".gz")
}

func (f *fileServer) regular(name string) bool {
	info, err := f.stat(name)
	return err == nil && info.Mode().IsRegular()
}

// withSlash returns a reference to the path of a request with a slash after it. The reference is
// relative, because a proxy may have changed the beginning of the path. The "./" keeps the last
// segment from being taken for a scheme or a host.
func withSlash(hm *Message) string {
	last := hm.URI[bytes.LastIndexByte(hm.URI, '/')+1:]
	reference := "./" + string(last) + "/"
	if len(last) == 0 {
		reference = "./"
	}
	if len(hm.Query) > 0 {
		reference += "?" + string(hm.Query)
	}
	return reference
}

// detectType returns the Content-Type of a file, and a reader of the whole file.
func (f *fileServer) detectType(name string, file fs.File) (body io.ReadCloser, contentType string, err error) {
	if t := mediaType(name, f.opts.MIMETypes); t != "" {
		return file, t, nil
	}
	buf := make([]byte, sniffLen)
	n, err := io.ReadFull(file, buf)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		file.Close()
		return nil, "", err
	}
	contentType = sniff(buf[:n])
	if s, ok := file.(io.Seeker); ok {
		if _, err := s.Seek(0, io.SeekStart); err != nil {
			file.Close()
			return nil, "", err
		}
		return file, contentType, nil
	}
	return &sniffed{io.MultiReader(bytes.NewReader(buf[:n]), file), file}, contentType, nil
}

// sniffed is a file whose first bytes were read.
type sniffed struct {
	io.Reader
	io.Closer
}
