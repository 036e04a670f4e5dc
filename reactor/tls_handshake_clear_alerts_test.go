package reactor_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// clearWire passes on a peer's first records, then sends something else, and ends the
// stream.
type clearWire struct {
	net.Conn
	pass int
	then []byte
}

func (w *clearWire) Write(p []byte) (int, error) {
	at := 0
	for ; w.pass > 0 && at < len(p); w.pass-- {
		at += 5 + int(p[at+3])<<8 + int(p[at+4])
	}
	w.Conn.Write(p[:at])
	if at < len(p) && w.then != nil {
		w.Conn.Write(w.then)
		w.Conn.(*slowWire).end()
		w.then = nil
	}
	return len(p), nil
}

// clearRoles are the ways in which a peer begins a handshake of TLS 1.3 and sends
// something unencrypted after its first records.
var clearRoles = map[string]func(t *testing.T, m *reactor.Manager, fn reactor.Handler, pass int, then string) *tlsPeer{
	"server": func(t *testing.T, m *reactor.Manager, fn reactor.Handler, pass int, then string) *tlsPeer {
		l, _ := tlsListen(t, m, serverConfig(), fn)
		return startPeer(t, m, netDial(t, l.LocalAddr().String()), func(raw net.Conn) error {
			c := tls.Client(&clearWire{raw, pass, []byte(then)}, small(authority().Client(), tls.VersionTLS13))
			c.Handshake()
			_, err := c.Write([]byte("ping"))
			return err
		})
	},
	"client": func(t *testing.T, m *reactor.Manager, fn reactor.Handler, pass int, then string) *tlsPeer {
		return startPeer(t, m, netAccept(t, m, authority().Client(), fn), func(raw net.Conn) error {
			return tls.Server(&clearWire{raw, pass, []byte(then)}, small(serverConfig().Clone(), tls.VersionTLS13)).Handshake()
		})
	},
}

// A peer that has no keys yet sends its alert unencrypted, while crypto/tls expects
// encrypted records. The error names the alert, as it does for alerts that crypto/tls can
// read.
func TestTLSAlertInTheClear(t *testing.T) {
	const ccs = "\x14\x03\x03\x00\x01\x01"
	for _, row := range []struct {
		name  string
		say   string
		alert tls.AlertError // of the error; 0: none
		says  string
	}{
		{"unknown authority", "\x15\x03\x03\x00\x02\x02\x30", 48, "remote error: tls: unknown certificate authority"},
		{"behind change_cipher_spec", ccs + "\x15\x03\x03\x00\x02\x02\x2a", 42, "remote error: tls: bad certificate"},
		{"of a level that is none", "\x15\x03\x03\x00\x02\xff\x30", 48, "remote error: tls: unknown certificate authority"},
		{"without a name", "\x15\x03\x03\x00\x02\x02\xc8", 200, "remote error: tls: alert(200)"},
		{"close_notify", "\x15\x03\x03\x00\x02\x01\x00", 0, "connection closed during the handshake"},
		{"3 bytes", "\x15\x03\x03\x00\x03\x02\x30\x00", 0, "local error: tls: bad record MAC"},
		{"1 byte", "\x15\x03\x03\x00\x01\x02", 0, "local error: tls: bad record MAC"},
		{"of another type", "\x17\x03\x03\x00\x02\x02\x30", 0, "local error: tls: bad record MAC"},
		{"cut off", "\x15\x03\x03\x00\x02\x02", 0, "connection closed during the handshake"},
	} {
		for name, start := range clearRoles {
			for _, cut := range []func(int, []byte) int{whole, bytewise} {
				t.Run(fmt.Sprint(name, " ", row.name), func(t *testing.T) {
					m := newManager(t)
					r := &recorder{}
					p := start(t, m, r.Handle, 1, row.say)
					p.run(-1, cut)
					await(t, m, "the end", r.Closed)
					err := r.Err(t)
					looptest.WantErr(t, err, nil, "tls handshake", row.says)
					var alert tls.AlertError
					if errors.As(err, &alert) != (row.alert > 0) || alert != row.alert {
						t.Errorf("alert %d, want %d", alert, row.alert)
					}
				})
			}
		}
	}
}

// After the handshake no peer has a reason to send an unencrypted alert. It may come from
// an attacker.
func TestTLSAlertInTheClearLater(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	p := clearRoles["server"](t, m, r.Handle, 3, "\x15\x03\x03\x00\x02\x02\x30")
	p.run(-1, whole)
	await(t, m, "the end", r.Closed)
	r.Want(t, "OPEN ACCEPT TLS_HS ERROR CLOSE")
	looptest.WantErr(t, r.Err(t), nil, "read tcp", "local error: tls: bad record MAC")
}

// Before there are keys crypto/tls reads alerts itself. A warning is no failure. What
// ends the stream after it is one.
func TestTLSAlertFirst(t *testing.T) {
	for say, want := range map[string]string{
		"\x15\x03\x01\x00\x02\x02\x28":                          "remote error: tls: handshake failure",
		"\x15\x03\x01\x00\x02\x01\x00":                          "connection closed during the handshake",
		"\x15\x03\x01\x00\x02\x01\x70":                          "connection closed during the handshake",
		strings.Repeat("\x15\x03\x01\x00\x02\x01\x70", 20):      "too many ignored records",
		"\x15\x03\x01\x00\x02\x01\x70" + "\x16\x03\x01\x00\x00": "local error: tls: unexpected message",
	} {
		m := newManager(t)
		r := &recorder{}
		l, _ := tlsListen(t, m, serverConfig(), r.Handle)
		raw := netDial(t, l.LocalAddr().String())
		raw.Write([]byte(say))
		raw.(*net.TCPConn).CloseWrite()
		await(t, m, "the end", r.Closed)
		looptest.WantErr(t, r.Err(t), nil, "tls handshake", want)
	}
}
