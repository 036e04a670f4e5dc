package http

import (
	"mime"
	"path"
	"strings"
	"unicode/utf8"
)

// webTypes are the media types of files that web pages consist of. They do not depend on the tables
// of the system.
var webTypes = map[string]string{
	".avif":        "image/avif",
	".css":         "text/css; charset=utf-8",
	".csv":         "text/csv; charset=utf-8",
	".gif":         "image/gif",
	".gz":          "application/gzip",
	".htm":         "text/html; charset=utf-8",
	".html":        "text/html; charset=utf-8",
	".ico":         "image/x-icon",
	".jpeg":        "image/jpeg",
	".jpg":         "image/jpeg",
	".js":          "text/javascript; charset=utf-8",
	".json":        "application/json",
	".m4a":         "audio/mp4",
	".map":         "application/json",
	".md":          "text/markdown; charset=utf-8",
	".mjs":         "text/javascript; charset=utf-8",
	".mp3":         "audio/mpeg",
	".mp4":         "video/mp4",
	".ogg":         "audio/ogg",
	".pdf":         "application/pdf",
	".png":         "image/png",
	".svg":         "image/svg+xml",
	".ttf":         "font/ttf",
	".txt":         "text/plain; charset=utf-8",
	".wasm":        "application/wasm",
	".wav":         "audio/wav",
	".webm":        "video/webm",
	".webmanifest": "application/manifest+json",
	".webp":        "image/webp",
	".woff":        "font/woff",
	".woff2":       "font/woff2",
	".xml":         "text/xml; charset=utf-8",
	".zip":         "application/zip",
}

// mediaType returns the media type of a file by its extension, or "". overrides has the first word.
func mediaType(name string, overrides map[string]string) string {
	ext := path.Ext(name)
	if t, ok := overrides[ext]; ok {
		return t
	}
	lower := strings.ToLower(ext)
	if t, ok := overrides[lower]; ok {
		return t
	}
	if t, ok := webTypes[lower]; ok {
		return t
	}
	return mime.TypeByExtension(lower)
}

// sniffLen is the number of bytes that sniff looks at.
const sniffLen = 512

// sniff returns the media type of a file that begins with b: text or not. It never takes a file for
// HTML, which could run scripts that somebody has uploaded.
func sniff(b []byte) string {
	for utf8.FullRune(b) { // the last one may be cut
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 || r < ' ' && !strings.ContainsRune("\t\n\f\r\x1b", r) {
			return "application/octet-stream"
		}
		b = b[n:]
	}
	return "text/plain; charset=utf-8"
}
