package main

import (
	"fmt"
	"mime"
	"mime/quotedprintable"
	"strings"
	"time"
	"unicode/utf8"
)

// text returns the email: the header, the body, and the line with a dot that ends it. Texts in
// other characters than ASCII, and long lines, are encoded.
func (d *dialog) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nSubject: %s\r\nDate: %s\r\nMIME-Version: 1.0\r\n",
		d.from, d.to, mime.QEncoding.Encode("utf-8", d.subject), d.now.Format(time.RFC1123Z))
	b.WriteString("Content-Type: text/plain; charset=utf-8\r\n")
	lines := strings.Split(strings.ReplaceAll(d.body, "\r\n", "\n"), "\n")
	if plain(d.body) {
		b.WriteString("\r\n")
	} else {
		b.WriteString("Content-Transfer-Encoding: quoted-printable\r\n\r\n")
		lines = encode(lines)
	}
	for _, line := range lines {
		if strings.HasPrefix(line, ".") { // [RFC 5321 4.5.2]
			b.WriteByte('.')
		}
		b.WriteString(line + "\r\n")
	}
	b.WriteString(".\r\n")
	return b.String()
}

// plain reports whether a body can be sent as it is [RFC 5321 4.5.3.1.6].
func plain(body string) bool {
	for line := range strings.Lines(body) {
		if len(line) > 900 {
			return false
		}
	}
	text := strings.ReplaceAll(body, "\r\n", "\n")
	return !strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf || r < ' ' && r != '\n' && r != '\t' || r == 0x7f })
}

// encode returns the lines in quoted-printable [RFC 2045 6.7].
func encode(lines []string) []string {
	var b strings.Builder
	w := quotedprintable.NewWriter(&b)
	w.Write([]byte(strings.Join(lines, "\n"))) // a strings.Builder has no errors
	w.Close()
	return strings.Split(b.String(), "\r\n")
}
