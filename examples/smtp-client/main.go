// Command smtp-client is Mongoose's tutorial "SMTP client". It sends a mail with SMTP, STARTTLS
// and AUTH PLAIN [RFC 5321, RFC 3207, RFC 4954], and logs each line that it sends and receives.
//
//	SMTP_PASSWORD=secret go run ./examples/smtp-client -server tcp://smtp.example.com:587 \
//		-user me@example.com -to you@example.com
//
// What differs from the C program: its names and passwords are in the source, here they are flags
// and, for the password, the environment. Replies may have several lines and arrive in pieces, and
// their codes are checked; the C program takes each piece for success. The server's certificate
// is verified, with the system's authorities or -ca. Without STARTTLS nothing is sent, unless
// -plain says so. Bytes that come with the reply to STARTTLS never count as replies. The password
// is not logged. Lines that begin with a dot, and texts in other characters than ASCII, arrive as
// they are.
//
// It logs to standard output. The exit status is 0 if the server has accepted the email, 1 if not,
// and 2 for wrong usage. The reason for 1 and 2 is on standard error.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/mail"
	"os"
	"strings"
	"time"

	"github.com/rikki-go/rikki/examples/internal/certs"
	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

// session is the state of the handler.
type session struct {
	dialog
	url  string
	tls  *tls.Config
	log  *slog.Logger
	err  error
	over bool // the connection has closed
}

func (s *session) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvConnect:
		c.Stack().SetHandshaking(true) // the deadline Handshake, until the server has answered
		if c.IsTLS() {
			c.StartTLS(s.tls)
			s.secure = true
		}
	case reactor.EvRead:
		s.read(c)
	case reactor.EvTLSHS:
		if s.step == handshake {
			s.log.Info("TLS handshake done! Sending EHLO again")
			s.send(c, s.secured())
		}
	case reactor.EvError:
		if s.step != done { // all else happened after the end
			s.err = data.(error)
		}
	case reactor.EvClose:
		s.over = true
	}
}

// read handles the replies that have arrived.
func (s *session) read(c *reactor.Conn) {
	for c.Recv.Len() > 0 && s.step != done {
		code, lines, n, err := parseReply(c.Recv.Bytes())
		if err == errIncomplete {
			return
		}
		if err != nil {
			c.Fail(err)
			return
		}
		for _, line := range lines {
			s.log.Info(fmt.Sprintf("<-- %d %s", code, line))
		}
		c.Recv.Consume(n)
		c.Stack().SetHandshaking(false)
		out, err := s.reply(code, lines)
		switch {
		case err == errStartTLS:
			c.StartTLS(s.tls) // what is left in Recv belongs to the handshake
			return
		case err != nil:
			c.Fail(err)
			return
		}
		s.send(c, out)
	}
	if s.step == done {
		c.Drain()
		s.log.Info("end")
	}
}

// send sends a command or the email, and logs it without the password.
func (s *session) send(c *reactor.Conn, text string) {
	if text == "" {
		return
	}
	c.Write([]byte(text))
	c.Stack().SetHandshaking(true)
	if s.step == auth {
		text = "AUTH PLAIN ..."
	}
	for line := range strings.Lines(text) {
		s.log.Info("--> " + strings.TrimRight(line, "\r\n"))
	}
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	s := &session{}
	var trust certs.Client
	var from, to string
	f := flag.NewFlagSet("smtp-client", flag.ContinueOnError)
	f.StringVar(&s.url, "server", "tcp://127.0.0.1:587", "`URL` of the server, tcp://host:port, or tls://host:port for TLS from the beginning")
	f.StringVar(&s.user, "user", "", "`name` of the account; the password is in the environment variable SMTP_PASSWORD (default: no authentication)")
	f.StringVar(&from, "from", "", "`address` of the sender, also as \"Name <address>\" (default: -user)")
	f.StringVar(&to, "to", "", "`address` of the recipient")
	f.StringVar(&s.subject, "subject", "Test email from rikki!", "`text`")
	f.StringVar(&s.body, "body", "Hi!\nThis is a test message.\nBye.", "`text` of the email")
	f.StringVar(&s.name, "name", "myname", "`name` of this host for EHLO")
	f.BoolVar(&s.plain, "plain", false, "do not use STARTTLS; with -user everyone on the network can read the password")
	timeout := 30 * time.Second
	cli.Timeout(f, &timeout, "timeout", timeout, "`time` for the connection, and for each reply; 0 is no limit")
	trust.Flags(f)
	return cli.Run(f, args, stderr, func() (err error) {
		s.log, s.now, s.pass = termlog.New(stdout, slog.LevelInfo), time.Now(), os.Getenv("SMTP_PASSWORD")
		if err := s.check(from, to); err != nil {
			return err
		}
		if s.tls, err = s.trust(&trust); err != nil {
			return err
		}
		return s.run(reactor.Deadlines{Connect: cli.Deadline(timeout), TLS: cli.Deadline(timeout), Handshake: cli.Deadline(timeout)})
	})
}

// check returns an error for wrong usage, and completes the message.
func (s *session) check(from, to string) (err error) {
	if from == "" {
		from = s.user
	}
	if s.from, err = address("-from", from); err != nil {
		return err
	}
	if s.to, err = address("-to", to); err != nil {
		return err
	}
	switch {
	case s.user != "" && s.pass == "":
		return cli.Usage("-user needs a password in the environment variable SMTP_PASSWORD")
	case len(s.subject) > 900: // [RFC 5322 2.1.1]
		return cli.Usage("-subject has %d bytes, the limit is 900", len(s.subject))
	case strings.ContainsRune(s.user+s.pass, 0):
		return cli.Usage("the user or the password has a zero byte")
	case s.name == "" || strings.ContainsFunc(s.name, func(r rune) bool { return r <= ' ' || r > '~' }):
		return cli.Usage("-name %q: want the name of a host", s.name)
	}
	return nil
}

// address parses an address of the command line.
func address(flagName, text string) (*mail.Address, error) {
	a, err := mail.ParseAddress(text)
	if err != nil {
		return nil, cli.Usage("%s %q: want an address such as me@example.com", flagName, text)
	}
	if strings.ContainsFunc(a.Address, func(r rune) bool { return r <= ' ' || r > '~' || r == '<' || r == '>' }) {
		return nil, cli.Usage("%s %q: the address has other characters than ASCII", flagName, text)
	}
	return a, nil
}

// trust returns the TLS configuration for the server, or nil if no TLS is used.
func (s *session) trust(t *certs.Client) (*tls.Config, error) {
	u, err := reactor.ParseURL(s.url)
	if err != nil {
		return nil, cli.Usage("-server: %w", err)
	}
	switch {
	case u.Scheme != "tcp" && u.Scheme != "tls":
		return nil, cli.Usage("-server %s: want tcp://host:port or tls://host:port", u.Redacted())
	case u.Scheme == "tls" && s.plain:
		return nil, cli.Usage("-plain and a tls:// URL exclude each other")
	case s.plain:
		return t.ConfigFor(nil, s.log)
	}
	cfg, err := t.Config("tls://"+u.Host, s.log)
	if err != nil {
		return nil, err
	}
	cfg.ServerName = u.Host // StartTLS after EvConnect does not set it
	return cfg, nil
}

// run runs the event loop until the connection has closed.
func (s *session) run(deadlines reactor.Deadlines) error {
	m, err := reactor.New(reactor.WithLogger(s.log), reactor.WithDeadlines(deadlines))
	if err != nil {
		return err
	}
	defer m.Close()
	c, err := m.Connect(s.url, s.handle, nil)
	if err != nil { // the URL is bad; what fails later is an EvError
		return cli.Usage("-server: %w", err)
	}
	ctx, stop := cli.UntilSignal(context.Background())
	defer stop()
	context.AfterFunc(ctx, func() { m.Post(func() { c.Fail(errors.New("interrupted")) }) })
	for !s.over {
		if err := m.Poll(time.Second); err != nil {
			return err
		}
	}
	if s.err == nil && s.step != done {
		return fmt.Errorf("the server has closed the connection after %s", commands[s.step])
	}
	return s.err
}
