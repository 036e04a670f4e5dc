package http

import (
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"time"
)

// variant is what a response is made of: a file, or its compressed form.
type variant struct {
	file    fs.File
	info    fs.FileInfo
	gzipped bool
	varies  bool // both forms exist, or only the compressed one
}

// serveFile answers with a file or its compressed form.
func (f *fileServer) serveFile(name string) error {
	v, err := f.choose(name)
	if err != nil {
		return f.failed(err)
	}
	if v.file == nil {
		return plainReply(f.c, 406, "Vary: Accept-Encoding\r\n")
	}
	valid := f.validators(name, v)
	headers := f.opts.Headers
	if v.varies {
		headers += "Vary: Accept-Encoding\r\n"
	}
	if valid.etag != "" {
		headers += "ETag: " + valid.etag + "\r\n"
	}
	switch status := valid.check(f.hm); status {
	case 412:
		v.file.Close()
		return plainReply(f.c, status, "")
	case 304: // Last-Modified adds nothing to an entity tag [RFC 9110 15.4.5]
		v.file.Close()
		if valid.etag == "" {
			headers += "Last-Modified: " + FormatTime(valid.modified) + "\r\n"
		}
		return reply(f.c, status, headers, "")
	}
	if !valid.modified.IsZero() {
		headers += "Last-Modified: " + FormatTime(valid.modified) + "\r\n"
	}
	return f.sendFile(name, v, valid, headers)
}

// choose opens the file or its compressed form, whichever the client prefers. The file of the
// result is nil if only the compressed form exists and the client does not accept it.
func (f *fileServer) choose(name string) (variant, error) {
	compressed := name + ".gz"
	if f.opts.NoGzip || name == "." || !f.regular(compressed) {
		file, info, err := f.open(name)
		return variant{file: file, info: info}, err
	}
	if acceptsGzip(f.hm) {
		if file, info, err := f.open(compressed); err == nil {
			return variant{file, info, true, true}, nil
		}
	}
	file, info, err := f.open(name)
	if err != nil && isMissing(err) && !acceptsGzip(f.hm) {
		return variant{varies: true}, nil
	}
	return variant{file, info, false, true}, err
}

// validators returns the entity tag and the time of a file. The beginning of Unix time stands for
// an unknown time in some archives.
func (f *fileServer) validators(name string, v variant) validators {
	modified := v.info.ModTime()
	if modified.Unix() <= 0 {
		modified = time.Time{}
	}
	return validators{f.etag(name, v, modified), modified}
}

// etag returns the entity tag of a file, or "". Compressed files have another one.
func (f *fileServer) etag(name string, v variant, modified time.Time) string {
	if v.gzipped {
		name += ".gz"
	}
	if f.opts.ETag != nil {
		return f.opts.ETag(name, v.info)
	}
	if modified.IsZero() {
		return ""
	}
	b := append([]byte{'"'}, strconv.FormatInt(modified.UnixNano(), 36)...)
	b = append(b, '-')
	b = strconv.AppendInt(b, v.info.Size(), 36)
	if v.gzipped {
		b = append(b, "-gz"...)
	}
	return string(append(b, '"'))
}

// sendFile sends the file or a range of it.
func (f *fileServer) sendFile(name string, v variant, valid validators, headers string) error {
	var body io.ReadCloser = v.file
	contentType := mediaType(name, f.opts.MIMETypes)
	switch {
	case contentType != "":
	case v.gzipped:
		contentType = "application/octet-stream"
	default:
		var err error
		if body, contentType, err = f.detectType(name, v.file); err != nil {
			return err
		}
	}
	size := v.info.Size()
	seeker, seekable := v.file.(io.Seeker)
	part, result := byteRange{0, size}, rangeIgnored
	// Only GET defines ranges [RFC 9110 14.2].
	if value := f.hm.Header("Range"); seekable && value != nil && string(f.hm.Method) == "GET" && valid.allowsRange(f.hm) {
		part, result = chooseRange(value, size)
	}
	if seekable {
		headers += "Accept-Ranges: bytes\r\n"
	}
	status := 200
	switch result {
	case rangeUnsatisfiable:
		body.Close()
		return plainReply(f.c, 416, fmt.Sprintf("Content-Range: bytes */%d\r\n", size))
	case rangeOK:
		if _, err := seeker.Seek(part.start, io.SeekStart); err != nil {
			body.Close()
			return err
		}
		status = 206
		headers += fmt.Sprintf("Content-Range: bytes %d-%d/%d\r\n", part.start, part.start+part.length-1, size)
	default:
		part = byteRange{0, size}
	}
	if v.gzipped {
		headers += "Content-Encoding: gzip\r\n"
	}
	return replyStart(f.c, status, headers+"Content-Type: "+contentType+"\r\n", part.length, body)
}
