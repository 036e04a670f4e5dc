package ws_test

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
)

// The error of a handshake that was refused repeats what the server said in plain
// text, a line of it, quoted.
func TestClientQuotesTheRefusal(t *testing.T) {
	const head = "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain"
	w := newWorld(t)
	for _, tt := range []struct{ name, answer, want string }{
		{"one line", head + "; charset=utf-8\r\nContent-Length: 8\r\n\r\nnot you\n", `server answered 403 Forbidden: "not you"`},
		{"lines", head + "\r\n\r\nnot you\r\nnor them", `403 Forbidden: "not you"`},
		{"no text", head + "\r\nContent-Length: 0\r\n\r\n", "403 Forbidden"},
		{"endless", head + "\r\n\r\n" + strings.Repeat("x", 1000), `403 Forbidden: "` + strings.Repeat("x", 120) + `"`},
		{"what a terminal would obey", head + "\r\n\r\n\x1b[2J", `403 Forbidden: "\x1b[2J"`},
		{"a page", "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\n\r\n<!doctype html>", "403 Forbidden"},
		{"in chunks", head + "\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nnot you\r\n0\r\n\r\n", "403 Forbidden"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.TB = t
			e := w.connect("", nil)
			e.reply(tt.answer)
			e.ends()
			if e.rec.err == nil || !strings.HasSuffix(e.rec.err.Error(), tt.want) {
				t.Errorf("got %v, want %s", e.rec.err, tt.want)
			}
		})
	}
}

// So a ws:// client of a TLS port hears what is wrong.
func TestClientOfATLSPort(t *testing.T) {
	m := newManager(t)
	server, client := &recorder{}, &recorder{}
	l, err := ws.Listen(m, "wss://127.0.0.1:0", server.handle, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.StartTLS(looptest.NewAuthority(t).Server(t))
	if _, err := ws.Connect(m, "ws://"+l.LocalAddr().String(), client.handle, nil, ""); err != nil {
		t.Fatal(err)
	}
	await(t, m, "both errors", func() bool { return client.err != nil && server.err != nil })
	contains(t, client.err, "400 Bad Request", "This port speaks TLS: use https:// or wss://.")
	contains(t, server.err, "the client sent plain HTTP to a TLS port")
}
