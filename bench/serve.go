//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"slices"
)

// server is one of those that are compared.
type server struct {
	name  string
	about string // how it works
	path  string // of the module it comes from, whose version is printed
	peer  bool   // somebody else's: rikki is to be better
	// serve echoes on a port of its own choice, on 127.0.0.1, until the process
	// ends. It says the address once it listens.
	serve func(listening func(addr string)) error
	build string // of this program at another commit, which serves in the place of this one
}

// addBefore puts the rikki of another commit beside that of this one: build is this
// program as it was built there.
func addBefore(build string) {
	for _, all := range []*[]*server{&servers, &tlsServers} {
		s := *(*all)[0]
		s.name, s.about, s.build = "before-"+s.name, s.about+", built before: "+build, build
		*all = slices.Insert(*all, 1, &s)
	}
}

// servers are all of them: rikki, then the one that it is held against before all.
var servers = []*server{
	{"rikki", "epoll loop, the handler of examples/websocket-server", "github.com/rikki-go/rikki", false, serveRikki, ""},
	{"gnet", "one epoll loop, frames answered in place, with gobwas/ws", "github.com/panjf2000/gnet/v2", true, serveGnet, ""},
	{"gws", "a goroutine for each connection, the library's own echo", "github.com/lxzan/gws", true, serveGWS, ""},
	{"plain", "epoll loop written for nothing but this, with gobwas/ws", "github.com/gobwas/ws", false, servePlain, ""},
}

func serverNamed(name string) *server {
	for _, s := range slices.Concat(servers, tlsServers, []*server{answerServer}) {
		if s.name == name {
			return s
		}
	}
	return nil
}

// serveMain is the process of one server. It prints its address and ends when
// standard input does: with its parent, at the latest.
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
