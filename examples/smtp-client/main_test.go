package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
)

func TestMain(m *testing.M) {
	looptest.Main(main)
	os.Exit(m.Run())
}

// Wrong usage has status 2 and one line that names the flag. Nothing begins.
func TestUsage(t *testing.T) {
	t.Setenv("SMTP_PASSWORD", "")
	looptest.WantUsage(t, run, "smtp-client", []string{"-body"}, []looptest.Refusal{
		looptest.Wrong(`-from "": want an address such as me@example.com`),
		looptest.Wrong(`-from "me": want an address`, "-from", "me"),
		looptest.Wrong(`-to "": want an address such as me@example.com`, "-from", "me@example.com"),
		looptest.Wrong(`-to "you": want an address`, "-from", "me@example.com", "-to", "you"),
		looptest.Wrong("other characters", "-from", "\"a\\>b\"@example.com", "-to", "you@example.com"),
		looptest.Wrong("-user needs a password in the environment variable SMTP_PASSWORD", "-from", "me@example.com", "-to", "you@example.com", "-user", "me"),
		looptest.Wrong("-server smtp://127.0.0.1:25: want tcp://host:port", "-from", "me@example.com", "-to", "you@example.com", "-server", "smtp://127.0.0.1:25"),
		looptest.Wrong("-server: reactor: bad URL", "-from", "me@example.com", "-to", "you@example.com", "-server", "127.0.0.1:25"),
		looptest.Wrong("-server: reactor: bad URL", "-from", "me@example.com", "-to", "you@example.com", "-server", "tcp://127.0.0.1"),
		looptest.Wrong("-plain and a tls:// URL exclude each other", "-from", "me@example.com", "-to", "you@example.com", "-server", "tls://127.0.0.1:25", "-plain"),
		looptest.Wrong("need a URL with TLS", "-from", "me@example.com", "-to", "you@example.com", "-plain", "-ca", "x"),
		looptest.Wrong("-ca: open no/such", "-from", "me@example.com", "-to", "you@example.com", "-ca", "no/such"),
		looptest.Wrong("-cert and -key must be given together", "-from", "me@example.com", "-to", "you@example.com", "-cert", "x"),
		looptest.Wrong("-cert and -key must be given together", "-from", "me@example.com", "-to", "you@example.com", "-key", "x"),
		looptest.Wrong("-subject has 901 bytes, the limit is 900", "-from", "me@example.com", "-to", "you@example.com", "-subject", strings.Repeat("x", 901)),
		looptest.Wrong(`-name "a b": want the name of a host`, "-from", "me@example.com", "-to", "you@example.com", "-name", "a b"),
		looptest.Wrong("for flag -timeout: it is negative; 0 means no limit", "-from", "me@example.com", "-to", "you@example.com", "-timeout", "-1s"),
	})
}

// A server that does not answer is no wrong usage.
func TestExitStatus(t *testing.T) {
	looptest.WantExit(t, []string{"-from", "me@example.com", "-to", "you@example.com",
		"-server", "tcp://" + looptest.UsedAddr(t), "-timeout", "20ms"}, 1, "smtp-client: ")
}

// server is an email server for one client. read waits until the client has left, and returns the
// lines that the server has read. The argument answers replaces its answers to commands.
func server(t *testing.T, cfg *tls.Config, answers map[string]string) (addr string, read func() []string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	result := make(chan []string, 1)
	go func() {
		var lines []string
		defer func() { result <- lines }()
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { c.Close() }()
		c.SetDeadline(time.Now().Add(time.Minute))
		r := bufio.NewReader(c)
		say := func(command, text string) {
			if a, ok := answers[command]; ok {
				text = a
			}
			for i := range text { // in pieces
				io.WriteString(c, text[i:i+1])
			}
		}
		say("", "220-this is\r\n220 mail\r\n")
		inside := false
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			line = strings.TrimRight(line, "\r\n")
			lines = append(lines, line)
			word, _, _ := strings.Cut(line, " ")
			switch {
			case inside && line == ".":
				inside = false
				say(".", "250 queued\r\n")
			case inside:
			case word == "EHLO":
				say(word, "250-mail\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n")
			case word == "STARTTLS":
				say(word, "220 go\r\n")
				s := tls.Server(c, cfg)
				if s.Handshake() != nil {
					return
				}
				c, r = s, bufio.NewReader(s)
				lines = append(lines, "(TLS)")
			case word == "AUTH":
				say(word, "235 ok\r\n")
			case word == "DATA":
				inside = true
				say(word, "354 go\r\n")
			case word == "QUIT":
				say(word, "221 bye\r\n")
				return
			default:
				say(word, "250 ok\r\n")
			}
		}
	}()
	return l.Addr().String(), func() []string { return <-result }
}

var record = regexp.MustCompile(`(?m)(<--|-->|TLS handshake|end).*$`)

// The email arrives, with the lines in the log that the C program logs, and without the password.
func TestSend(t *testing.T) {
	t.Setenv("SMTP_PASSWORD", "secret")
	a := looptest.NewAuthority(t)
	_, _, ca := a.Files(t, a.Issue(t, nil))
	addr, read := server(t, a.Server(t), nil)
	_, port, _ := net.SplitHostPort(addr)
	p := looptest.Start(t, "-server", "tcp://localhost:"+port, "-ca", ca, "-user", "me@example.com", "-to", "you@example.com", "-from", "Me <me@example.com>")
	status, stdout, stderr := p.Wait()
	if status != 0 || stderr != "" || strings.Contains(stdout, "AG1lQGV4YW1wbGUuY29tAHNlY3JldA") {
		t.Errorf("status %d, stderr %q, stdout\n%s", status, stderr, stdout)
	}
	mailLines := []string{`From: "Me" <me@example.com>`, "To: <you@example.com>", "Subject: Test email from rikki!", "Date: ",
		"MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "", "Hi!", "This is a test message.", "Bye.", "."}
	want := slices.Concat([]string{"EHLO myname", "STARTTLS", "(TLS)", "EHLO myname", "AUTH PLAIN AG1lQGV4YW1wbGUuY29tAHNlY3JldA==",
		"MAIL FROM:<me@example.com>", "RCPT TO:<you@example.com>", "DATA"}, mailLines, []string{"QUIT"})
	looptest.WantLines(t, "the server", undated(read()), want)
	wantLog := []string{"<-- 220 this is", "<-- 220 mail", "--> EHLO myname", "<-- 250 mail", "<-- 250 STARTTLS", "<-- 250 AUTH PLAIN", "--> STARTTLS", "<-- 220 go",
		"TLS handshake done! Sending EHLO again", "--> EHLO myname", "<-- 250 mail", "<-- 250 STARTTLS", "<-- 250 AUTH PLAIN", "--> AUTH PLAIN ...", "<-- 235 ok",
		"--> MAIL FROM:<me@example.com>", "<-- 250 ok", "--> RCPT TO:<you@example.com>", "<-- 250 ok", "--> DATA", "<-- 354 go"}
	for _, line := range mailLines {
		wantLog = append(wantLog, "--> "+line)
	}
	wantLog = append(wantLog, "<-- 250 queued", "--> QUIT", "<-- 221 bye", "end")
	looptest.WantLines(t, "the log", undated(record.FindAllString(stdout, -1)), wantLog)
}

// undated cuts the time of the email.
func undated(lines []string) []string {
	for i, line := range lines {
		if before, _, ok := strings.Cut(line, "Date: "); ok {
			lines[i] = before + "Date: "
		}
	}
	return lines
}

// Without TLS and a user.
func TestPlain(t *testing.T) {
	addr, read := server(t, nil, nil)
	p := looptest.Start(t, "-server", "tcp://"+addr, "-plain", "-from", "me@example.com", "-to", "you@example.com", "-body", ".dot")
	p.WantEnd()
	got := read()
	if !slices.Contains(got, "..dot") || slices.Contains(got, "STARTTLS") || got[len(got)-1] != "QUIT" {
		t.Errorf("the server reads %q", got)
	}
}

// What goes wrong: the status is 1, the reason is on stderr, and the password does not leave.
func TestFailures(t *testing.T) {
	t.Setenv("SMTP_PASSWORD", "secret")
	a := looptest.NewAuthority(t)
	_, _, ca := a.Files(t, a.Issue(t, nil))
	_, _, otherCA := looptest.NewAuthority(t).Files(t, a.Issue(t, nil))
	for _, tc := range []struct {
		name, ca, stderr string
		answers          map[string]string
	}{
		{"busy", ca, `554 "no" to the connection`, map[string]string{"": "554 no\r\n"}},
		{"no SMTP", ca, `bad reply "HTTP/1.1 400"`, map[string]string{"": "HTTP/1.1 400\r\n"}},
		{"STARTTLS is cut out", ca, "does not offer STARTTLS", map[string]string{"EHLO": "250-mail\r\n250 AUTH PLAIN\r\n"}},
		{"STARTTLS is refused", ca, `454 "no" to STARTTLS`, map[string]string{"STARTTLS": "454 no\r\n"}},
		{"injected replies", ca, "tls: ", map[string]string{"STARTTLS": "220 go\r\n250-mail\r\n250 AUTH PLAIN\r\n"}},
		{"unknown authority", otherCA, "certificate", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			addr, read := server(t, a.Server(t), tc.answers)
			p := looptest.Start(t, "-server", "tcp://"+addr, "-ca", tc.ca, "-user", "me@example.com", "-to", "you@example.com")
			status, _, stderr := p.Wait()
			if status != 1 || !strings.Contains(stderr, tc.stderr) {
				t.Errorf("status %d, stderr %q, want %q", status, stderr, tc.stderr)
			}
			if got := fmt.Sprint(read()); strings.Contains(got, "AUTH PLAIN ") {
				t.Errorf("the server reads %s", got)
			}
		})
	}
	addr, read := server(t, a.Server(t), map[string]string{"AUTH": "535 no\r\n"})
	looptest.WantExit(t, []string{"-server", "tcp://" + addr, "-ca", ca, "-user", "me@example.com", "-to", "you@example.com"}, 1, `535 "no" to AUTH, want 235`)
	if got := read(); got[len(got)-1][:4] != "AUTH" {
		t.Errorf("the server reads %q", got)
	}
}
