//go:build linux

package main

// maxMessage is the size in bytes of the largest message that the servers accept.
const maxMessage = 64 << 20

const (
	rikkiPath   = "github.com/rikki-go/rikki"
	gnetPath    = "github.com/panjf2000/gnet/v2"
	gwsPath     = "github.com/lxzan/gws"
	gobwasPath  = "github.com/gobwas/ws"
	gorillaPath = "github.com/gorilla/websocket"
)

// noLibrary is the name of a server that is not a peer. It shows how little CPU an echo needs. It
// is not in the charts.
const noLibrary = "plain"

// echoServers echo WebSocket messages: rikki, then the peers.
var echoServers = []*subject{
	{name: "rikki", kind: "echo", path: rikkiPath, serve: serveRikki,
		about: "epoll loop, the handler of examples/websocket-server"},
	{name: "gnet", kind: "echo", path: gnetPath, serve: serveGnet,
		about: "one epoll loop, frames answered in place, with gobwas/ws"},
	{name: "gws", kind: "echo", path: gwsPath, serve: serveGWS,
		about: "a goroutine for each connection, the library's own echo"},
	{name: "nbio", kind: "echo", path: "github.com/lesismal/nbio", serve: serveNbio, long: true,
		about: "one epoll poller, handlers on its pool of goroutines"},
	{name: "gobwas", kind: "echo", path: gobwasPath, serve: serveGobwas, long: true,
		about: "a goroutine for each connection, frames read and answered in one buffer"},
	{name: "gorilla", kind: "echo", path: gorillaPath, serve: serveGorilla, long: true,
		about: "a goroutine for each connection, one buffer for the messages of each"},
	{name: "coder", kind: "echo", path: "github.com/coder/websocket", serve: serveCoder, long: true,
		about: "a goroutine for each connection, its Reader and one buffer for each"},
	{name: noLibrary, kind: "echo", path: gobwasPath, serve: servePlain, long: true,
		about: "not a library: an epoll loop that can only echo, with gobwas/ws"},
}
