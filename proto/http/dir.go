package http

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// Dir returns the files of a directory, for the field FS of [ServeOptions]. Nothing outside of the
// directory can be reached: a symbolic link is followed only if it stays inside [os.Root]. Opening
// a FIFO does not block. os.DirFS has neither of these properties.
//
// The error is that of os.OpenRoot, for example if path is no directory. The result owns a file
// descriptor, which is closed when nothing refers to the result any more. It also implements
// io.Closer.
func Dir(path string) (fs.StatFS, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("http: Dir: %w", err)
	}
	return (*dir)(root), nil
}

type dir os.Root

// Open implements [fs.FS].
func (d *dir) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	f, err := (*os.Root)(d).OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, hideEscape(err)
	}
	return f, nil
}

// Stat implements [fs.StatFS]. It follows symbolic links.
func (d *dir) Stat(name string) (fs.FileInfo, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrInvalid}
	}
	info, err := (*os.Root)(d).Stat(name)
	return info, hideEscape(err)
}

// Close implements [io.Closer].
func (d *dir) Close() error { return (*os.Root)(d).Close() }

// hideEscape returns err, or fs.ErrNotExist if err says that a symbolic link leads outside. Such
// an error is the only one that is not of the system.
func hideEscape(err error) error {
	var path *fs.PathError
	var number syscall.Errno
	if errors.As(err, &path) && !errors.As(path.Err, &number) && !errors.Is(err, fs.ErrClosed) {
		return &fs.PathError{Op: path.Op, Path: path.Path, Err: fs.ErrNotExist}
	}
	return err
}
