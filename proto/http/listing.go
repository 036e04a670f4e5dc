package http

import (
	"bytes"
	"cmp"
	"fmt"
	"html"
	"io"
	"io/fs"
	"net/url"
	"slices"
	"strings"
)

// maxListed is the largest number of files in the list of a directory. It bounds the time that a
// list takes.
const maxListed = 5000

// list answers with the files of a directory, sorted by name, directories first. Files that would
// not be served are not listed.
func (f *fileServer) list(name string) error {
	entries, more, err := f.readDir(name)
	if err != nil {
		return f.failed(err)
	}
	title := html.EscapeString("Index of " + listedPath(name))
	var b bytes.Buffer
	fmt.Fprintf(&b, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"+
		"<meta name=\"viewport\" content=\"width=device-width\">\n<title>%s</title>\n"+
		"<style>:root { color-scheme: light dark; font-family: sans-serif } td, th { text-align: left; padding-right: 2em }</style>\n"+
		"</head>\n<body>\n<h1>%[1]s</h1>\n<table>\n<tr><th>Name</th><th>Modified</th><th>Size</th></tr>\n", title)
	if name != "." {
		b.WriteString("<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n")
	}
	for _, e := range entries {
		writeEntry(&b, e)
	}
	b.WriteString("</table>\n")
	if more {
		fmt.Fprintf(&b, "<p>The directory has more than %d files.</p>\n", maxListed)
	}
	b.WriteString("</body>\n</html>\n")
	return replyWhole(f.c, 200, f.opts.Headers+"Content-Type: text/html; charset=utf-8\r\n", b.Bytes())
}

// listedPath returns what a list calls a directory.
func listedPath(name string) string {
	if name == "." {
		return "/"
	}
	return "/" + name + "/"
}

// readDir returns the entries of a directory. more says that there are others.
func (f *fileServer) readDir(name string) (entries []fs.DirEntry, more bool, err error) {
	file, err := f.opts.FS.Open(name)
	if err != nil {
		return nil, false, err
	}
	defer file.Close()
	dir, ok := file.(fs.ReadDirFile)
	if !ok {
		return nil, false, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	if entries, err = dir.ReadDir(maxListed + 1); err != nil && err != io.EOF {
		return nil, false, err
	}
	if more = len(entries) > maxListed; more {
		entries = entries[:maxListed]
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool {
		return e.Type()&^(fs.ModeDir|fs.ModeSymlink) != 0
	})
	slices.SortFunc(entries, func(a, b fs.DirEntry) int {
		if a.IsDir() != b.IsDir() {
			if a.IsDir() {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Name(), b.Name())
	})
	return entries, more, nil
}

// writeEntry writes a row of the list. "./" keeps a name from being taken for a scheme.
func writeEntry(b *bytes.Buffer, e fs.DirEntry) {
	name, size, modified := e.Name(), "", ""
	if e.IsDir() {
		name += "/"
	}
	if info, err := e.Info(); err == nil {
		if !info.ModTime().IsZero() {
			modified = info.ModTime().UTC().Format("2006-01-02 15:04:05")
		}
		if info.Mode().IsRegular() {
			size = fmt.Sprint(info.Size())
		}
	}
	href := "./" + strings.ReplaceAll(url.PathEscape(name), "%2F", "/")
	fmt.Fprintf(b, "<tr><td><a href=\"%s\">%s</a></td><td>%s</td><td>%s</td></tr>\n",
		html.EscapeString(href), html.EscapeString(strings.ToValidUTF8(name, "\uFFFD")), modified, size)
}
