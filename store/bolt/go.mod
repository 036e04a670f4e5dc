// A durable store for MQTT sessions. A module of its own, so that importers of rikki do not get its
// dependencies.
module github.com/rikki-go/rikki/store/bolt

go 1.26.0

require go.etcd.io/bbolt v1.4.3

require (
	github.com/gobwas/httphead v0.1.0 // indirect
	github.com/gobwas/ws v1.5.0 // indirect
	github.com/rikki-go/rikki v0.0.0
	golang.org/x/sys v0.49.0 // indirect
)

replace github.com/rikki-go/rikki => ../..
