package interop

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"testing"

	coderws "github.com/coder/websocket"
	gorillaws "github.com/gorilla/websocket"

	"github.com/rikki-go/rikki/proto/http/nethttp"
	"github.com/rikki-go/rikki/reactor"
)

// TestNetHTTPUpgrades runs WebSocket servers that upgrade connections of net/http on a Bridge.
func TestNetHTTPUpgrades(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/gorilla", func(w http.ResponseWriter, r *http.Request) {
		c, err := new(gorillaws.Upgrader).Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		for kind, p, err := c.ReadMessage(); err == nil; kind, p, err = c.ReadMessage() {
			if err := c.WriteMessage(kind, p); err != nil {
				t.Error(err)
			}
		}
	})
	mux.HandleFunc("/coder", func(w http.ResponseWriter, r *http.Request) {
		c, err := coderws.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.CloseNow()
		for kind, p, err := c.Read(r.Context()); err == nil; kind, p, err = c.Read(r.Context()) {
			if err := c.Write(r.Context(), kind, p); err != nil {
				t.Error(err)
			}
		}
	})
	m, err := reactor.New(reactor.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	l, err := nethttp.Listen(m, "http://127.0.0.1:0", mux, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.Run(ctx)
		m.Close()
	}()
	defer func() {
		cancel()
		<-ended
	}()
	for _, path := range []string{"/gorilla", "/coder"} {
		c, _, err := gorillaws.DefaultDialer.Dial("ws://"+l.LocalAddr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for _, size := range []int{0, 1, 1000, 30000} {
			if err := c.WriteMessage(gorillaws.BinaryMessage, make([]byte, size)); err != nil {
				t.Fatal(err)
			}
			_, r, err := c.NextReader()
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if p, err := io.ReadAll(r); len(p) != size || err != nil {
				t.Errorf("%s: %d bytes, %v; want %d", path, len(p), err, size)
			}
		}
		c.WriteMessage(gorillaws.CloseMessage, gorillaws.FormatCloseMessage(1000, ""))
	}
}
