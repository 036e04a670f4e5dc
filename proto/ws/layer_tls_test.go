package ws_test

import (
	"crypto/tls"
	"errors"
	"io"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// TestWSS uses wss:// on both sides. The opening handshake follows the TLS handshake, a message
// of many records comes back, and the closing handshake ends the connection.
func TestWSS(t *testing.T) {
	m := looptest.NewStillManager(t)
	authority := looptest.NewAuthority(t)
	server := &recorder{hook: func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvWSMsg {
			msg := data.(*ws.Message)
			ws.Send(c, msg.Data, msg.Op)
		}
	}}
	l, err := ws.Listen(m, "wss://127.0.0.1:0", server.handle, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.StartTLS(authority.Server(t))
	var shaken, opened, got int
	large := make([]byte, 100_000)
	client := &recorder{hook: func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvTLSHS:
			shaken++
		case reactor.EvWSOpen:
			opened = shaken
			ws.Send(c, large, ws.OpBinary)
		case reactor.EvWSMsg:
			got = len(data.(*ws.Message).Data)
			ws.Close(c, ws.StatusNormalClosure, "")
		}
	}}
	c, err := ws.Connect(m, "wss://"+l.LocalAddr().String()+"/x", client.handle, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	c.StartTLS(authority.Client())
	await(t, m, "the end", func() bool { return client.Closed() && server.Closed() })
	if opened != 1 || got != len(large) || client.LastErr() != nil || server.LastErr() != nil {
		t.Errorf("EvTLSHS before EvWSOpen: %d times; %d bytes came back; errors %v, %v", opened, got, client.LastErr(), server.LastErr())
	}
}

// TestWSAndTLSMixedUp: the error says so if a ws:// client connects to a TLS port, or a wss://
// client to a plain one.
func TestWSAndTLSMixedUp(t *testing.T) {
	m := looptest.NewStillManager(t)
	client := &recorder{}
	if _, err := ws.Connect(m, "ws://"+looptest.Answer(t, []byte{21, 3, 1, 0, 2, 2, 70}), client.handle, nil, ""); err != nil {
		t.Fatal(err)
	}
	await(t, m, "the error", func() bool { return client.LastErr() != nil })
	looptest.WantErr(t, client.LastErr(), nil, "speaks TLS on this port", "wss://")

	server, secure := &recorder{}, &recorder{}
	plain, err := ws.Listen(m, "ws://127.0.0.1:0", server.handle, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ws.Connect(m, "wss://"+plain.LocalAddr().String(), secure.handle, nil, ""); err != nil {
		t.Fatal(err)
	}
	await(t, m, "both errors", func() bool { return server.LastErr() != nil && secure.LastErr() != nil })
	looptest.WantErr(t, server.LastErr(), nil, "the peer speaks TLS")
	looptest.WantErr(t, secure.LastErr(), nil, "does not speak TLS on this port", "HTTP/")
}

// TestWSSEndsWithoutCloseNotify: after a Close frame the stream may end without close_notify.
// Without both it is truncated.
func TestWSSEndsWithoutCloseNotify(t *testing.T) {
	authority := looptest.NewAuthority(t)
	const (
		request = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
		answer = "\r\n\r\n"
	)
	for _, tt := range []struct {
		name, say, until string
		truncated        bool
	}{
		{"after Close", request + "\x88\x82\x00\x00\x00\x00\x03\xe8", "\x88\x02\x03\xe8", false},
		{"without", request, answer, true},
		{"in a frame", request + "\x82\x85", answer, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := looptest.NewStillManager(t)
			server := &recorder{}
			l, err := ws.Listen(m, "wss://127.0.0.1:0", server.handle, nil)
			if err != nil {
				t.Fatal(err)
			}
			l.StartTLS(authority.Server(t))
			wait := authority.HangUp(l.LocalAddr().String(), tt.say, tt.until)
			await(t, m, "the end", func() bool { return server.Closed() })
			if err := wait(); err != nil {
				t.Fatal(err)
			}
			if errors.Is(server.LastErr(), reactor.ErrTruncated) != tt.truncated || !tt.truncated && server.LastErr() != nil {
				t.Errorf("error %v", server.LastErr())
			}
		})
	}
}

// TestWSSServerEndsWithoutCloseNotify: after both Close frames a client needs no close_notify
// of the server.
func TestWSSServerEndsWithoutCloseNotify(t *testing.T) {
	m := looptest.NewStillManager(t)
	authority := looptest.NewAuthority(t)
	addr, wait := looptest.ServeTLS(t, authority.Server(t), func(p *looptest.Peer) {
		io.WriteString(p, p.Agreement(""))
		p.In.Read(make([]byte, 8)) // the Close frame
		io.WriteString(p, "\x88\x02\x03\xe8")
		p.Conn.(*tls.Conn).NetConn().Close()
	})
	client := &recorder{hook: func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvWSOpen {
			ws.Close(c, ws.StatusNormalClosure, "")
		}
	}}
	c, err := ws.Connect(m, "wss://"+addr, client.handle, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	c.StartTLS(authority.Client())
	await(t, m, "the end", func() bool { return client.Closed() })
	wait()
	if client.LastErr() != nil {
		t.Errorf("error %v", client.LastErr())
	}
}
