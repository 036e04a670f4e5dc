// Attacks on rikki's servers, and what they cost. A module of its own, so that importers of the
// library never see it.
module github.com/rikki-go/rikki/interop/attack

go 1.26.0

require (
	github.com/rikki-go/rikki v0.0.0
	golang.org/x/sys v0.49.0
)

require (
	github.com/gobwas/httphead v0.1.0 // indirect
	github.com/gobwas/ws v1.5.0 // indirect
)

replace github.com/rikki-go/rikki => ../..
