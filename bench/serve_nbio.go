//go:build linux

package main

import (
	"net"
	"net/http"

	"github.com/lesismal/nbio/logging"
	"github.com/lesismal/nbio/nbhttp"
	"github.com/lesismal/nbio/nbhttp/websocket"
)

// serveNbio runs one poller with the settings of nbio's own benchmarks. Its IOModMixed begins with
// a goroutine for each connection. It sends wrong bytes if messages are large (nbio 1.6.8).
func serveNbio(_ *serving, listening func(addr string)) error {
	logging.SetLevel(logging.LevelError)
	u := websocket.NewUpgrader()
	u.OnMessage(func(c *websocket.Conn, op websocket.MessageType, p []byte) { c.WriteMessage(op, p) })
	upgrade := func(w http.ResponseWriter, r *http.Request) { u.Upgrade(w, r, nil) }
	e := nbhttp.NewEngine(nbhttp.Config{
		Network: "tcp", Addrs: []string{"127.0.0.1:0"},
		Listen:  func(string, string) (net.Listener, error) { return listenTCP(listening) },
		Handler: http.HandlerFunc(upgrade),
		NPoller: 1, MaxLoad: 1 << 20, IOMod: nbhttp.IOModNonBlocking, ReleaseWebsocketPayload: true,
		ReadLimit: maxMessage, MaxWebsocketFramePayloadSize: maxMessage,
	})
	if err := e.Start(); err != nil {
		return err
	}
	select {}
}
