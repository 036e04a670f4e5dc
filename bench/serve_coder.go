//go:build linux

package main

import (
	"bytes"
	"context"
	"net/http"

	"github.com/coder/websocket"
)

func serveCoder(_ *serving, listening func(addr string)) error {
	l, err := listenTCP(listening)
	if err != nil {
		return err
	}
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := websocket.Accept(w, r, nil); err == nil {
			go echoCoder(c)
		}
	}))
}

// echoCoder echoes the messages of a connection with one buffer for all of them. Deadlines would
// cost a timer for each message, so there are none.
func echoCoder(c *websocket.Conn) {
	defer c.CloseNow()
	c.SetReadLimit(maxMessage)
	ctx := context.Background()
	var message bytes.Buffer
	for {
		op, r, err := c.Reader(ctx)
		if err != nil {
			return
		}
		message.Reset()
		if _, err := message.ReadFrom(r); err != nil {
			return
		}
		if err := c.Write(ctx, op, message.Bytes()); err != nil {
			return
		}
	}
}
