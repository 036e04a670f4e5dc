// A faster compressor for WebSockets. A module of its own, so that importers of rikki do not get
// its dependency.
module github.com/rikki-go/rikki/proto/ws/klauspost

go 1.26.0

require (
	github.com/klauspost/compress v1.20.4
	github.com/rikki-go/rikki v0.0.0
)

require (
	github.com/gobwas/httphead v0.1.0 // indirect
	github.com/gobwas/ws v1.5.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace github.com/rikki-go/rikki => ../../..
