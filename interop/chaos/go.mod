// Sessions through a network that fails. A module of its own, so that importers of the library
// never see it.
module github.com/rikki-go/rikki/interop/chaos

go 1.26.0

require (
	github.com/mochi-mqtt/server/v2 v2.7.9
	github.com/rikki-go/rikki v0.0.0
)

require (
	github.com/gobwas/httphead v0.1.0 // indirect
	github.com/gobwas/ws v1.5.0 // indirect
	github.com/gorilla/websocket v1.5.0 // indirect
	github.com/rs/xid v1.4.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)

replace github.com/rikki-go/rikki => ../..
