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

// clearWire lets a peer's first records pass, says something else then, and ends
// the stream.
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

// clearRoles let a peer of TLS 1.3 begin a handshake and say something in the clear
// behind its first records.
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

// A peer that has no keys yet says in the clear what is wrong, while crypto/tls wants
// records encrypted: the error names the alert, as for those that it can read.
func TestTLSAlertInTheClear(t *testing.T) {
	const ccs = "\x14\x03\x03\x00\x01\x01"
	for _, row := range []struct {
		name  string
		say   string
		alert tls.AlertError // that it is; 0: none
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
					p := start(t, m, r.handle, 1, row.say)
					p.run(-1, cut)
					await(t, m, "the end", r.closed)
					err := r.err(t)
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

// Once the handshake is over no peer has a reason to say anything in the clear, so that is
// somebody else.
func TestTLSAlertInTheClearLater(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	p := clearRoles["server"](t, m, r.handle, 3, "\x15\x03\x03\x00\x02\x02\x30")
	p.run(-1, whole)
	await(t, m, "the end", r.closed)
	r.want(t, "OPEN ACCEPT TLS_HS ERROR CLOSE")
	looptest.WantErr(t, r.err(t), nil, "read tcp", "local error: tls: bad record MAC")
}

// Before there are keys crypto/tls reads alerts itself; a warning is no failure, and
// what ends the stream behind it is.
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
		l, _ := tlsListen(t, m, serverConfig(), r.handle)
		raw := netDial(t, l.LocalAddr().String())
		raw.Write([]byte(say))
		raw.(*net.TCPConn).CloseWrite()
		await(t, m, "the end", r.closed)
		looptest.WantErr(t, r.err(t), nil, "tls handshake", want)
	}
}
