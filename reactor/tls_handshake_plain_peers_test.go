package reactor_test

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// A client that sends plain HTTP to a TLS port gets an answer in plain HTTP. The error of
// any other client says what it sent. The result is the same if the bytes come one by
// one.
func TestTLSPlainPeers(t *testing.T) {
	for _, row := range []struct{ send, want, says string }{
		{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.0 400 Bad Request", "plain HTTP to a TLS port"},
		{"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.0 400 Bad Request", "plain HTTP to a TLS port"},
		{"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", "", "does not speak TLS"},
		{"SSH-2.0-client\r\n", "", `does not speak TLS, its first bytes are "SSH-2"`},
		{string(noise(100)), "", "does not speak TLS"},
		{string(make([]byte, 100)), "", "does not speak TLS"},
		{"\x80\x2e\x01\x03\x01\x00\x15", "", "unsupported SSLv2 handshake"},
		{"\x16\x03\x01\x48\x01", "\x15\x03\x01\x00\x02\x02\x16", "oversized record received with length 18433"},
		{"\x16\x03\x01\x00\x00", "\x15\x03\x01\x00\x02\x02\x0a", "tls: unexpected message"},
		{"\x16\x03\x01\x00\x04\x00\x00\x00\x00", "\x15\x03\x01\x00\x02\x02\x0a", "tls: received unexpected handshake message"},
		{"\x16\x03\x01\x00\x06\x01\x00\x00\x02ab", "\x15\x03\x01\x00\x02\x02\x32", "tls: error decoding message"},
		{string(clientHello()) + "\x16\x03\x03\x48\x01", "\x16\x03\x03", "oversized record received with length 18433"},
		{"\x15\x03\x01\x00\x02\x02\x50", "", "remote error: tls: internal error"},
		{"\x15\x03\x01\x00\x02\x01\x00", "", "tls handshake"},
	} {
		for _, size := range []int{1 << 20, 1} {
			m := newManager(t)
			r := &recorder{On: hooks{reactor.EvAccept: func(c *reactor.Conn, _ any) { c.Write([]byte("never said")) }}}
			l, _ := tlsListen(t, m, serverConfig(), r.Handle)
			w := &turningWire{peer: looptest.DialSocket(t, l.LocalAddr()), m: m}
			if size > 1 { // unread bytes would cause a reset
				w.Write(append([]byte(row.send), make([]byte, 256<<10)...))
			} else {
				w.feed([]byte(row.send), size)
			}
			await(t, m, row.says, w.Ended)
			if w.Err == nil {
				w.Shutdown()
			}
			await(t, m, "the end", r.Closed)
			looptest.WantErr(t, r.Err(t), nil, "tls handshake", row.says)
			if !strings.HasPrefix(string(w.In), row.want) || w.Err != nil && size > 1 {
				t.Errorf("%q: answer %q, %v, want %q", row.send, w.In, w.Err, row.want)
			}
			if says := "does not speak TLS"; row.send[0] == '\x16' && strings.Contains(r.Errs[0].Error(), says) {
				t.Errorf("error %q of a peer that does", r.Errs[0])
			}
			r.Want(t, "OPEN ACCEPT ERROR CLOSE")
		}
	}
}

// The error of a connection to a server that does not speak TLS shows what the server
// sent.
func TestTLSToPlainPort(t *testing.T) {
	m := newManager(t)
	l := listen(t, m, "tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvRead {
			if !reactor.LooksLikeTLS(c.Recv.Bytes()) {
				t.Errorf("ClientHello %q does not look like TLS", c.Recv.Bytes()[:5])
			}
			c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			c.Drain()
		}
	})
	r := &recorder{}
	if _, err := m.Connect("tls://"+l.LocalAddr().String(), r.Handle, nil); err != nil {
		t.Fatal(err)
	}
	await(t, m, "the end", r.Closed)
	looptest.WantErr(t, r.Err(t), nil, "does not speak TLS on this port", `"HTTP/"`)
	r.Want(t, "OPEN RESOLVE CONNECT ERROR CLOSE")
}

func TestLooksLikeTLS(t *testing.T) {
	for s, want := range map[string]bool{"\x16\x03\x01": true, "\x15\x03\x03": true, "\x16\x03": false, "GET": false, "\x17\x03\x03": false, "\x16\x02\x00": false} {
		if got := reactor.LooksLikeTLS([]byte(s)); got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
}
