// Package upload stores files that clients send, in a directory that it does not leave.
package upload

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName is how many bytes a name may have: what the usual file systems allow.
const maxName = 255

// refusal is an error of the client.
type refusal struct{ error }

func refuse(format string, args ...any) error { return &refusal{fmt.Errorf(format, args...)} }

// IsRefusal reports whether err is an error of the client: it can be told the text. Other errors
// are those of the server's system.
func IsRefusal(err error) bool {
	_, ok := errors.AsType[*refusal](err)
	return ok
}

// CheckName returns an error if a name that a client has chosen is not the plain name of a file: it
// has no folder, is not hidden, and can be shown on a terminal.
func CheckName(name string) error {
	bad := func(r rune) bool { return r == '/' || r == '\\' || !unicode.IsPrint(r) }
	switch {
	case name == "":
		return refuse("the name is missing")
	case len(name) > maxName:
		return refuse("the name has %d bytes, at most %d are allowed", len(name), maxName)
	case name[0] == '.', !utf8.ValidString(name), strings.ContainsFunc(name, bad):
		return refuse("bad name %q", name)
	}
	return nil
}

// ErrTooLarge means that a file would become larger than allowed.
var ErrTooLarge = refuse("the file is too large")

// File is a file that is being received. It has a name of its own until Commit, so that nobody sees
// a part of it, and what breaks off leaves no trace.
type File struct {
	Size int64 // bytes written

	root      *os.Root
	f         *os.File
	name, tmp string
	max       int64
}

// Create begins to receive the file name. max is its largest size in bytes; a negative value means
// no limit.
func Create(root *os.Root, name string, max int64) (*File, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	tmp := ".upload-" + rand.Text()
	f, err := root.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, err
	}
	return &File{root: root, f: f, name: name, tmp: tmp, max: max}, nil
}

// Write appends to the file. It blocks until the system has taken p.
func (u *File) Write(p []byte) (int, error) {
	if u.max >= 0 && int64(len(p)) > u.max-u.Size {
		return 0, ErrTooLarge
	}
	n, err := u.f.Write(p)
	u.Size += int64(n)
	return n, err
}

// Commit gives the file its name. It replaces an older file.
func (u *File) Commit() error {
	err := u.f.Close()
	if err == nil {
		err = u.root.Rename(u.tmp, u.name)
	}
	if err != nil {
		u.root.Remove(u.tmp)
	}
	u.f = nil
	return err
}

// Abort removes the file, unless Commit was called. u may be nil.
func (u *File) Abort() {
	if u != nil && u.f != nil {
		u.f.Close()
		u.f = nil
		u.root.Remove(u.tmp)
	}
}

// ErrOffset means that a piece does not begin where the file ends.
var ErrOffset = refuse("the piece does not begin at the end of the file")

// Append writes a piece of a file, as mg_http_upload does. The piece with offset 0 begins the file
// again. All others must begin where the file ends. size is the size of the file afterwards, and
// with ErrOffset its size now. max is as for Create.
func Append(root *os.Root, name string, offset int64, p []byte, max int64) (size int64, err error) {
	if err := CheckName(name); err != nil {
		return 0, err
	}
	if offset < 0 || max >= 0 && int64(len(p)) > max-offset {
		return 0, ErrTooLarge
	}
	flags := os.O_WRONLY | os.O_APPEND
	if offset == 0 {
		flags |= os.O_CREATE | os.O_TRUNC
	}
	info, err := root.Lstat(name)
	switch {
	case err == nil && !info.Mode().IsRegular(): // a FIFO would block
		return 0, refuse("%q is no regular file", name)
	case errors.Is(err, os.ErrNotExist) && offset > 0:
		return 0, ErrOffset
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return 0, err
	case err == nil && offset > 0 && info.Size() != offset:
		return info.Size(), ErrOffset
	}
	f, err := root.OpenFile(name, flags, 0o666)
	if err != nil {
		return 0, err
	}
	n, err := f.Write(p)
	return offset + int64(n), errors.Join(err, f.Close())
}
