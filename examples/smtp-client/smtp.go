package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"
)

// maxReply is the largest reply of a server in bytes, with all its lines. RFC 5321 4.5.3.1.5
// limits a line to 512 bytes.
const maxReply = 64 << 10

// errIncomplete means that a reply has not arrived completely.
var errIncomplete = errors.New("the reply is not complete")

// parseReply returns the code and the lines of a reply, without their codes, and its size
// [RFC 5321 4.2.1].
func parseReply(p []byte) (code int, lines []string, n int, err error) {
	for {
		end := bytes.IndexByte(p[n:], '\n')
		switch {
		case end < 0 && len(p) > maxReply || end >= 0 && n+end > maxReply:
			return 0, nil, 0, fmt.Errorf("the reply has more than %d bytes", maxReply)
		case end < 0:
			return 0, nil, 0, errIncomplete
		}
		line := strings.TrimSuffix(string(p[n:n+end]), "\r")
		n += end + 1
		if len(line) < 3 || line[0] < '2' || line[0] > '5' || !digit(line[1]) || !digit(line[2]) || len(line) > 3 && line[3] != ' ' && line[3] != '-' {
			return 0, nil, 0, fmt.Errorf("bad reply %.100q", line)
		}
		this := int(line[0]-'0')*100 + int(line[1]-'0')*10 + int(line[2]-'0')
		if lines != nil && this != code {
			return 0, nil, 0, fmt.Errorf("a reply with the codes %d and %d", code, this)
		}
		code = this
		lines = append(lines, line[min(4, len(line)):])
		if len(line) == 3 || line[3] == ' ' {
			return code, lines, n, nil
		}
	}
}

func digit(b byte) bool { return b >= '0' && b <= '9' }

// message is a mail and what is needed to send it.
type message struct {
	from, to   *mail.Address
	subject    string
	body       string
	user, pass string // user "": no authentication
}

// step is what the client waits for.
type step int

const (
	greeting step = iota
	hello
	startTLS
	handshake // of TLS
	auth
	mailFrom
	rcptTo
	data
	body
	quit
	done
)

// dialog is the client's side of SMTP. It knows bytes and no connection.
type dialog struct {
	message
	name   string // of this host, for EHLO
	plain  bool   // do not ask for TLS
	now    time.Time
	step   step
	secure bool     // TLS protects the connection
	offers []string // extensions of the server, in upper case
}

// errStartTLS is what reply returns if the TLS handshake begins now. After it, call secured.
var errStartTLS = errors.New("the TLS handshake begins")

// reply handles a reply and returns the next command, or the text of the email. After QUIT was
// answered, there is none, and step is done.
func (d *dialog) reply(code int, lines []string) (out string, err error) {
	if want := wanted[d.step]; code != want {
		return "", fmt.Errorf("the server answers %d %q to %s, want %d", code, strings.Join(lines, " / "), commands[d.step], want)
	}
	switch d.step {
	case greeting:
		return d.hello(), nil
	case hello:
		d.offers = nil
		for _, line := range lines[1:] {
			d.offers = append(d.offers, strings.ToUpper(line))
		}
		return d.afterHello()
	case startTLS:
		d.step = handshake
		return "", errStartTLS
	case auth:
		return d.sender(), nil
	case mailFrom:
		d.step = rcptTo
		return fmt.Sprintf("RCPT TO:<%s>\r\n", d.to.Address), nil
	case rcptTo:
		d.step = data
		return "DATA\r\n", nil
	case data:
		d.step = body
		return d.text(), nil
	case body:
		d.step = quit
		return "QUIT\r\n", nil
	}
	d.step = done
	return "", nil
}

// wanted is the code of success of each step, and commands what the client has sent.
var (
	wanted   = map[step]int{greeting: 220, hello: 250, startTLS: 220, auth: 235, mailFrom: 250, rcptTo: 250, data: 354, body: 250, quit: 221}
	commands = map[step]string{greeting: "the connection", hello: "EHLO", startTLS: "STARTTLS", handshake: "nothing: the TLS handshake runs",
		auth: "AUTH", mailFrom: "MAIL", rcptTo: "RCPT", data: "DATA", body: "the email", quit: "QUIT", done: "nothing"}
)

func (d *dialog) hello() string {
	d.step = hello
	return "EHLO " + d.name + "\r\n"
}

// secured is called after the TLS handshake. The client says EHLO again, because others could have
// changed what the server has offered before [RFC 3207 4.2].
func (d *dialog) secured() (out string) {
	d.secure = true
	return d.hello()
}

// afterHello asks for TLS, then for authentication.
func (d *dialog) afterHello() (out string, err error) {
	switch {
	case !d.secure && !d.plain && !d.offered("STARTTLS"):
		return "", errors.New("the server does not offer STARTTLS")
	case !d.secure && !d.plain:
		d.step = startTLS
		return "STARTTLS\r\n", nil
	case d.user == "":
		return d.sender(), nil
	case !d.offered("AUTH", "PLAIN"):
		return "", errors.New("the server does not offer AUTH PLAIN")
	}
	d.step = auth
	return "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00"+d.user+"\x00"+d.pass)) + "\r\n", nil
}

func (d *dialog) sender() string {
	d.step = mailFrom
	return fmt.Sprintf("MAIL FROM:<%s>\r\n", d.from.Address)
}

// offered reports whether the server has an extension, with a parameter.
func (d *dialog) offered(words ...string) bool {
	return slices.ContainsFunc(d.offers, func(line string) bool {
		have := strings.Fields(line)
		return len(have) > 0 && have[0] == words[0] && (len(words) == 1 || slices.Contains(have[1:], words[1]))
	})
}
