package main

import (
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
)

// A server that takes the dots away reads the body as it was, whatever is in it.
func TestText(t *testing.T) {
	long := strings.Repeat("word ", 400)
	for _, body := range []string{
		"Hi!\nThis is a test message.\nBye.", "", ".", "..\n.\n\n.x", "line\r\nline", "each word, каждое слово", long, "a\x00b", "tab\tand trailing space ",
	} {
		for _, subject := range []string{"Test", "Тест", "two\r\nBcc: x@example.com", strings.Repeat("long ", 60) + "end"} {
			d := newDialog()
			d.body, d.subject = body, subject
			text := d.text()
			inner, ok := strings.CutSuffix(text, "\r\n.\r\n")
			if !ok || strings.Contains(inner, "\r\n.\r\n") || strings.Contains(strings.ReplaceAll(text, "\r\n", ""), "\n") {
				t.Fatalf("%.100q: %.500q", body, text)
			}
			for line := range strings.Lines(text) {
				if len(line) > 1000 { // [RFC 5321 4.5.3.1.6]
					t.Errorf("%.100q: a line of %d bytes", body, len(line))
				}
			}
			m, err := mail.ReadMessage(strings.NewReader(strings.ReplaceAll("\r\n"+inner, "\r\n.", "\r\n")[2:]))
			if err != nil {
				t.Fatal(err)
			}
			got, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
			if err != nil || got != subject || m.Header.Get("Bcc") != "" {
				t.Errorf("subject %q, %v, want %q", got, err, subject)
			}
			r := m.Body
			if m.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
				r = quotedprintable.NewReader(r)
			}
			read, err := io.ReadAll(r)
			if want := strings.ReplaceAll(strings.ReplaceAll(body, "\r\n", "\n"), "\n", "\r\n"); err != nil || string(read) != want {
				t.Errorf("body %.200q, %v, want %.200q", read, err, want)
			}
		}
	}
}
