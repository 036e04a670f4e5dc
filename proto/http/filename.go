package http

import (
	"io/fs"
	"strings"
)

// fileName turns the path of a request into the name of a file in an fs.FS. prefix is removed from
// the path first. slash says that the path ends with a slash, as that of a directory does. The
// name of the root is ".".
//
// ok is false if no file can have that name. Such are paths with ".", ".." or an empty segment,
// with a backslash, a zero byte or an encoded slash, and paths that do not begin with prefix. So
// each file has one path, besides percent escapes that are not necessary.
func fileName(uri []byte, prefix string) (name string, slash, ok bool) {
	path, ok := decodePath(uri)
	if !ok {
		return "", false, false
	}
	path, ok = strings.CutPrefix(path, strings.TrimSuffix(prefix, "/"))
	switch {
	case !ok || path != "" && path[0] != '/':
		return "", false, false
	case path == "":
		return ".", false, true
	case path == "/":
		return ".", true, true
	}
	name, slash = strings.CutSuffix(path[1:], "/")
	return name, slash, name != "." && fs.ValidPath(name)
}

// decodePath decodes the percent escapes of a path. It returns false for bytes that file systems
// or other programs may take for a separator or an end, and for broken escapes.
func decodePath(uri []byte) (string, bool) {
	b := make([]byte, 0, len(uri))
	for i := 0; i < len(uri); i++ {
		c := uri[i]
		if c == '%' {
			if !isEscape(uri[i:]) {
				return "", false
			}
			c = byte(hexValue(uri[i+1])<<4 | hexValue(uri[i+2]))
			i += 2
			if c == '/' {
				return "", false
			}
		}
		if c == 0 || c == '\\' {
			return "", false
		}
		b = append(b, c)
	}
	return string(b), true
}
