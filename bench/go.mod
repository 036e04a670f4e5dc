// The same work done by rikki and by others, side by side. A module of its
// own, so that importers of the library never see the others.
module github.com/rikki-go/rikki/bench

go 1.26.0

require (
	github.com/gobwas/ws v1.5.0
	github.com/lxzan/gws v1.8.9
	github.com/rikki-go/rikki v0.0.0
	golang.org/x/sys v0.49.0
)

require (
	github.com/dolthub/maphash v0.1.0 // indirect
	github.com/gobwas/httphead v0.1.0 // indirect
	github.com/klauspost/compress v1.17.9 // indirect
)

replace github.com/rikki-go/rikki => ..
