//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"slices"
)

// server is a server to compare.
type server struct {
	name  string
	about string // how it works
	path  string // of its module, whose version is printed
	peer  bool   // another library, which rikki should beat
	// serve echoes on a free port of 127.0.0.1 until the process ends. It calls listening with
	// the address when it listens.
	serve func(listening func(addr string)) error
	build string // this program built at another commit, which runs instead of this one; or ""
}

// addBefore adds rikki at another commit to the servers. build is this program built at
// that commit.
func addBefore(build string) {
	for _, all := range []*[]*server{&servers, &tlsServers} {
		s := *(*all)[0]
		s.name, s.about, s.build = "before-"+s.name, s.about+", built before: "+build, build
		*all = slices.Insert(*all, 1, &s)
	}
}

// servers are the servers without TLS: rikki, then the most important peer, then the others.
var servers = []*server{
	{"rikki", "epoll loop, the handler of examples/websocket-server", "github.com/rikki-go/rikki", false, serveRikki, ""},
	{"gnet", "one epoll loop, frames answered in place, with gobwas/ws", "github.com/panjf2000/gnet/v2", true, serveGnet, ""},
	{"gws", "a goroutine for each connection, the library's own echo", "github.com/lxzan/gws", true, serveGWS, ""},
	{"plain", "epoll loop written only for this, with gobwas/ws", "github.com/gobwas/ws", false, servePlain, ""},
}

func serverNamed(name string) *server {
	for _, s := range slices.Concat(servers, tlsServers, []*server{answerServer}) {
		if s.name == name {
			return s
		}
	}
	return nil
}

// serveMain runs the process of one server. It prints its address. It ends when standard
// input ends, at the latest when its parent ends.
func serveMain(name string) error {
	s := serverNamed(name)
	if s == nil {
		return fmt.Errorf("no server %q", name)
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	return s.serve(func(addr string) { fmt.Println(addr) })
}
