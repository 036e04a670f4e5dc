package proxy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/proxy"
	"github.com/rikki-go/rikki/reactor"
)

// socksRequest asks for server.test:443.
const socksRequest = "\x05\x01\x00\x03\x0bserver.test\x01\xbb"

// socksReplies are replies with which a tunnel opens, with each type of address.
var socksReplies = []string{
	"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50",
	"\x05\x00\x00\x04" + strings.Repeat("\x01", 16) + "\x00\x50",
	"\x05\x00\x00\x03\x00\x00\x50",
	"\x05\x00\x00\x03\x09localhost\x00\x50",
}

// What follows the reply belongs to the tunnel, wherever the input is cut. The proxy may say all at
// once.
func TestSOCKS5AtEachSplit(t *testing.T) {
	for _, login := range []bool{false, true} {
		for _, reply := range socksReplies {
			form, answers := "socks5://%s", "\x05\x00"+reply
			wants := "\x05\x01\x00" + socksRequest
			if login {
				form, answers = "socks5://us:pw@%s", "\x05\x02\x01\x00"+reply
				wants = "\x05\x02\x00\x02" + "\x01\x02us\x02pw" + socksRequest
			}
			splits(answers+"rest", func(parts []string) {
				m := looptest.NewManager(t)
				defer m.Close()
				var r recorder
				p := through(t, m, form, r.Handle)
				for _, part := range parts {
					p.WriteString(part)
					looptest.Settle(t, m)
				}
				looptest.Await(t, m, "what follows", func() bool { return string(r.Got) == "rest" || r.Closed() })
				looptest.Await(t, m, "what was asked", p.Received(wants))
				if r.LastErr() != nil || r.Count(reactor.EvConnect) != 1 {
					t.Fatalf("%q: %v, %s", parts, r.LastErr(), looptest.EventNames(r.Events))
				}
			})
		}
	}
}

// A proxy that needs no login may say so, although one was offered.
func TestSOCKS5LoginNotNeeded(t *testing.T) {
	m := looptest.NewManager(t)
	var r recorder
	p := through(t, m, "socks5h://us:pw@%s", r.Handle)
	p.WriteString("\x05\x00" + socksReplies[0])
	looptest.Await(t, m, "EvConnect", r.Saw(reactor.EvConnect))
	looptest.Await(t, m, "the request", p.Received("\x05\x02\x00\x02"+socksRequest))
}

// An IP address is sent as one.
func TestSOCKS5SendsAddresses(t *testing.T) {
	for target, want := range map[string]string{
		"tcp://192.0.2.1:80":         "\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x50",
		"tcp://[::1]:80":             "\x05\x01\x00\x04" + strings.Repeat("\x00", 15) + "\x01\x00\x50",
		"tcp://[::ffff:192.0.2.1]:8": "\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x08",
	} {
		m := looptest.NewManager(t)
		l, addr := looptest.ListenSocket(t)
		c, err := m.Connect(target, func(*reactor.Conn, reactor.Event, any) {}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := proxy.Dial(c, "socks5://"+addr); err != nil {
			t.Fatal(err)
		}
		p := l.AwaitAccept(m)
		p.WriteString("\x05\x00")
		looptest.Await(t, m, target, p.Received("\x05\x01\x00"+want))
	}
}

func TestSOCKS5Refused(t *testing.T) {
	tests := []struct{ url, answer, says string }{
		{"socks5://%s", "HTTP/1.1 400 Bad Request\r\n", `choice of a method: it does not speak SOCKS5, its first bytes are "HTTP/1.1 400 Bad"`},
		{"socks5://%s", "\x04\x5a", "it does not speak SOCKS5"},
		{"socks5://%s", "\x05\xff", "proxy: SOCKS5 login: the proxy wants a user and password, or another method, and its URL has none"},
		{"socks5://%s", "\x05\x02", "chooses the method 0x02, which was not offered"},
		{"socks5://secret:secret2@%s", "\x05\xff", "accepts neither a user and password nor none"},
		{"socks5://secret:secret2@%s", "\x05\x01", "the method 0x01, which was not offered"},
		{"socks5://secret:secret2@%s", "\x05\x02\x01\x07", "does not accept the user and password of its URL (status 7)"},
		{"socks5://secret:secret2@%s", "\x05\x02\x05\x00", "answer to the login: it does not speak SOCKS5"},
		{"socks5://%s", "\x05\x00\x04\x00", "reply: it does not speak SOCKS5"},
		{"socks5://%s", "\x05\x00\x05\x00\x00\x02aaaaaa", "reply: unknown address type 2"},
		{"socks5://%s", "\x05\x00\x05\x2a", "the proxy replies 42"},
	}
	for code, name := range []string{1: "general failure", 2: "not allowed by its rules", 3: "network unreachable", 4: "host unreachable",
		5: "connection refused", 6: "TTL expired", 7: "command not supported", 8: "address type not supported"} {
		if code > 0 {
			tests = append(tests, struct{ url, answer, says string }{"socks5://%s", "\x05\x00\x05" + string(rune(code)) + socksReplies[0][2:],
				fmt.Sprintf("proxy: SOCKS5 server.test:443: the proxy replies %d, ", code)}, struct{ url, answer, says string }{
				"socks5://%s", "\x05\x00\x05" + string(rune(code)), name}) // some proxies close after the code
		}
	}
	for _, test := range tests {
		m := looptest.NewManager(t)
		var r recorder
		p := through(t, m, test.url, r.Handle)
		looptest.Settle(t, m)
		p.WriteIfOpen(test.answer)
		looptest.Await(t, m, "EvClose", r.Closed)
		err := r.Err(t).Error()
		if !strings.Contains(err, test.says) || strings.Contains(err, "secret") || !strings.HasPrefix(err, "dial tcp 127.0.0.1:") {
			t.Errorf("%q: %s, want %q", test.answer, err, test.says)
		}
		r.Want(t, "OPEN RESOLVE ERROR CLOSE")
	}
}

func TestSOCKS5ErrorsAreTyped(t *testing.T) {
	for answer, check := range map[string]func(err error) bool{
		"\x05\xff": func(err error) bool { return errors.Is(err, proxy.ErrSOCKSLogin) },
		"\x05\x00\x05\x04": func(err error) bool {
			var e *proxy.SOCKSError
			return errors.As(err, &e) && e.Code == 4 && e.Target == "server.test:443"
		},
	} {
		m := looptest.NewManager(t)
		var r recorder
		p := through(t, m, "socks5://%s", r.Handle)
		looptest.Settle(t, m)
		p.WriteString(answer)
		looptest.Await(t, m, "EvClose", r.Closed)
		if !check(r.LastErr()) {
			t.Errorf("%q: %v", answer, r.LastErr())
		}
	}
}
