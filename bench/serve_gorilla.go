//go:build linux

package main

import (
	"bytes"
	"net/http"
	"sync"

	"github.com/gorilla/websocket"
)

// gorillaUpgrader lets a connection keep the buffers of net/http, and has a pool for write
// buffers, as the library's documentation advises.
var gorillaUpgrader = websocket.Upgrader{WriteBufferPool: new(sync.Pool)}

func serveGorilla(_ *serving, listening func(addr string)) error {
	l, err := listenTCP(listening)
	if err != nil {
		return err
	}
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := gorillaUpgrader.Upgrade(w, r, nil); err == nil {
			go echoGorilla(c)
		}
	}))
}

// echoGorilla echoes the messages of a connection with one buffer for all of them.
func echoGorilla(c *websocket.Conn) {
	defer c.Close()
	c.SetReadLimit(maxMessage)
	var message bytes.Buffer
	for {
		op, r, err := c.NextReader()
		if err != nil {
			return
		}
		message.Reset()
		if _, err := message.ReadFrom(r); err != nil {
			return
		}
		if err := c.WriteMessage(op, message.Bytes()); err != nil {
			return
		}
	}
}
