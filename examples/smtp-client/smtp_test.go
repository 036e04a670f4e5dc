package main

import (
	"errors"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"
)

// Each reply in one piece, in all pieces, and with another behind it.
func TestParseReply(t *testing.T) {
	for _, tc := range []struct {
		in    string
		code  int
		lines []string
		err   string
	}{
		{"220 hello\r\n", 220, []string{"hello"}, ""},
		{"220 hello\n", 220, []string{"hello"}, ""},
		{"250\r\n", 250, []string{""}, ""},
		{"250 \r\n", 250, []string{""}, ""},
		{"250-a b\r\n250-\r\n250 c-d\r\n", 250, []string{"a b", "", "c-d"}, ""},
		{"250-a\r\n251 b\r\n", 0, nil, "a reply with the codes 250 and 251"},
		{"hello\r\n", 0, nil, `bad reply "hello"`},
		{"25\r\n", 0, nil, `bad reply "25"`},
		{"600 x\r\n", 0, nil, `bad reply "600 x"`},
		{"2x0 x\r\n", 0, nil, `bad reply "2x0 x"`},
		{"250x\r\n", 0, nil, `bad reply "250x"`},
		{"\r\n", 0, nil, `bad reply ""`},
	} {
		for cut := range len(tc.in) {
			if _, _, _, err := parseReply([]byte(tc.in[:cut])); err != errIncomplete && (tc.err == "" || err == nil) {
				t.Errorf("%q: %v, want errIncomplete", tc.in[:cut], err)
			}
		}
		for _, in := range []string{tc.in, tc.in + "354 next\r\n"} {
			code, lines, n, err := parseReply([]byte(in))
			switch {
			case tc.err != "":
				if err == nil || err.Error() != tc.err {
					t.Errorf("%q: %v, want %s", in, err, tc.err)
				}
			case err != nil || code != tc.code || !slices.Equal(lines, tc.lines) || n != len(tc.in):
				t.Errorf("%q: %d %q, %d bytes, %v", in, code, lines, n, err)
			}
		}
	}
}

func TestReplyLimit(t *testing.T) {
	long := func(n int) string { return "220 " + strings.Repeat("x", n-4) }
	for in, want := range map[string]bool{
		long(maxReply-1) + "\r\n": true, long(maxReply) + "\r\n": false, long(maxReply + 1): false, strings.Repeat("220-x\r\n", maxReply/7+1): false,
	} {
		if _, _, _, err := parseReply([]byte(in)); (err == nil) != want || err == errIncomplete {
			t.Errorf("%d bytes: %v", len(in), err)
		}
	}
}

func FuzzParseReply(f *testing.F) {
	f.Add([]byte("250-a\r\n250 b\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		code, lines, n, err := parseReply(in)
		if err == nil && (code < 200 || code > 599 || len(lines) == 0 || n > len(in) || in[n-1] != '\n') {
			t.Errorf("%q: %d %q, %d", in, code, lines, n)
		}
	})
}

func newDialog() *dialog {
	return &dialog{name: "host", now: time.Unix(0, 0).UTC(), message: message{user: "me", pass: "secret", subject: "s", body: "b",
		from: &mail.Address{Name: "Me", Address: "me@example.com"}, to: &mail.Address{Address: "you@example.com"}}}
}

// The dialog with TLS. What the server offers before TLS does not count after it.
func TestDialog(t *testing.T) {
	d := newDialog()
	say := func(code int, text, want string) {
		t.Helper()
		out, err := d.reply(code, strings.Split(text, "|"))
		if want == "TLS" && err == errStartTLS {
			return
		}
		if err != nil || out != want {
			t.Fatalf("to %d %s: %q, %v, want %q", code, text, out, err, want)
		}
	}
	say(220, "ready", "EHLO host\r\n")
	say(250, "server|SIZE 1|starttls", "STARTTLS\r\n")
	say(220, "go", "TLS")
	if out := d.secured(); out != "EHLO host\r\n" {
		t.Error(out)
	}
	say(250, "server|auth LOGIN plain", "AUTH PLAIN AG1lAHNlY3JldA==\r\n")
	say(235, "ok", "MAIL FROM:<me@example.com>\r\n")
	say(250, "ok", "RCPT TO:<you@example.com>\r\n")
	say(250, "ok", "DATA\r\n")
	if out, err := d.reply(354, []string{"go"}); err != nil || !strings.HasSuffix(out, "\r\nb\r\n.\r\n") {
		t.Errorf("%q, %v", out, err)
	}
	say(250, "queued", "QUIT\r\n")
	say(221, "bye", "")
	if d.step != done {
		t.Errorf("step %d", d.step)
	}
}

// What the server must not answer.
func TestDialogFails(t *testing.T) {
	for _, tc := range []struct {
		name  string
		step  step
		plain bool
		code  int
		text  string
		want  string
	}{
		{"greeting", greeting, false, 554, "no", `the server answers 554 "no" to the connection, want 220`},
		{"no STARTTLS", hello, false, 250, "server|AUTH PLAIN", "the server does not offer STARTTLS"},
		{"STARTTLS with another name", hello, false, 250, "server|XSTARTTLS", "the server does not offer STARTTLS"},
		{"no AUTH", hello, true, 250, "server|AUTH LOGIN", "the server does not offer AUTH PLAIN"},
		{"wrong password", auth, true, 535, "no|more", `the server answers 535 "no / more" to AUTH, want 235`},
		{"mailbox", rcptTo, true, 550, "nobody", `the server answers 550 "nobody" to RCPT, want 250`},
		{"reply in the handshake", handshake, false, 220, "go", `to nothing: the TLS handshake runs, want 0`},
		{"reply after the end", done, false, 220, "go", `to nothing, want 0`},
	} {
		d := newDialog()
		d.step, d.plain = tc.step, tc.plain
		out, err := d.reply(tc.code, strings.Split(tc.text, "|"))
		if out != "" || err == nil || errors.Is(err, errStartTLS) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %q, %v", tc.name, out, err)
		}
	}
}
