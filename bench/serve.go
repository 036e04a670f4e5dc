//go:build linux

package main

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// kinds returns all servers, by the kind of work that they do.
func kinds() []*subject {
	return slices.Concat(echoServers, tlsServers, fanServers, httpServers, stallServers, loopServers)
}

// serving is how a server runs.
type serving struct {
	loops  int           // event loops, and processors; normally 1
	heap   int           // MB of live objects that the process has besides
	report func() string // the answer to a line on standard input; set by the server
}

// args returns the arguments of a child process. parseServing parses them.
func (o serving) args() []string { return []string{strconv.Itoa(o.loops), strconv.Itoa(o.heap)} }

func parseServing(args []string) (o serving, err error) {
	if len(args) != 2 {
		return o, fmt.Errorf("%d settings of a server, want 2", len(args))
	}
	if o.loops, err = strconv.Atoi(args[0]); err != nil {
		return o, err
	}
	o.heap, err = strconv.Atoi(args[1])
	return o, err
}

// serveMain runs the process of one server. It prints its address. It ends when standard
// input ends, at the latest when its parent ends.
func serveMain(kind, name string, settings []string) error {
	o, err := parseServing(settings)
	if err != nil {
		return err
	}
	all := kinds()
	i := slices.IndexFunc(all, func(s *subject) bool { return s.kind == kind && s.name == name })
	if i < 0 {
		return fmt.Errorf("no server %q for %q", name, kind)
	}
	if o.heap > 0 {
		live = newLiveState(o.heap)
	}
	stop, err := startProfile()
	if err != nil {
		return err
	}
	return all[i].serve(&o, func(addr string) {
		fmt.Println(addr)
		go o.watch(stop)
	})
}

// watch answers each line of standard input with the report. At its end it calls stop and ends the
// process.
func (o *serving) watch(stop func()) {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		fmt.Println(o.report())
	}
	stop()
	os.Exit(0)
}

// launchServer starts a server on its core, and returns the address that it listens on. A server
// with several loops runs on all cores.
func (b *bench) launchServer(s *subject, o serving) (p *process, addr string, err error) {
	cores := []int{b.m.serverCore}
	if o.loops > 1 {
		cores = []int{b.m.serverCore, b.m.loadCore}
	}
	p, err = launchBuild(s.build, cores, o.loops, append([]string{"serve", s.kind, s.plain()}, o.args()...)...)
	if err != nil {
		return nil, "", err
	}
	if addr, err = p.line(); err != nil {
		return nil, "", err
	}
	return p, addr, nil
}

// single is a server with one loop and nothing else in its process.
var single = serving{loops: 1}

// onServer starts a server, calls fn and stops the server.
func (b *bench) onServer(s *subject, o serving, fn func(p *process, addr string) error) error {
	p, addr, err := b.launchServer(s, o)
	if err != nil {
		return err
	}
	defer p.stop()
	return fn(p, addr)
}

// launch starts a client on the core of the servers. In args its name is s.plain().
func (b *bench) launch(s *subject, args ...string) (*process, error) {
	return launchBuild(s.build, []int{b.m.serverCore}, 1, args...)
}

// ask sends a line to a server and returns its report.
func (p *process) ask() ([]float64, error) {
	if _, err := fmt.Fprintln(p.stdin, "report"); err != nil {
		return nil, err
	}
	answer, err := p.line()
	if err != nil {
		return nil, err
	}
	var all []float64
	for _, field := range strings.Fields(answer) {
		v, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}
