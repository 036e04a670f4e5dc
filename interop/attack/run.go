//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// suite is how rows are run.
type suite struct {
	programs
	serverCore, loadCore int
	span                 time.Duration // of an attack
	quiet                time.Duration // of the measurement before it
	short                bool
	late                 time.Duration // how long the server's clock runs fast
	leave                time.Duration // for the server to close what the attacker has left
	kill                 int64         // a server that takes more memory is killed, in bytes
	dir                  string        // for logs
}

// result is what a row has measured.
type result struct {
	quiet, attacked watched
	attacker        report
	memory          int    // peak, in bytes
	peak            int    // descriptors beside those of the idle server, at most
	late            int    // after the deadlines; -1: the row does not wait for them
	after           int    // after the attacker has ended
	log             int    // bytes
	ended           string // why the server has ended, or empty
}

// lateSpeed is the speed of the server's clock when the deadlines are to pass.
const lateSpeed = 60

// run runs a row once.
func (s *suite) run(ctx context.Context, r *row) (res result, err error) {
	log, err := os.CreateTemp(s.dir, r.name+"-*.log")
	if err != nil {
		return res, err
	}
	defer os.Remove(log.Name())
	defer log.Close()
	server, addr, end, err := s.startServer(r, log)
	if err != nil {
		return res, err
	}
	defer end()
	idle := server.files()
	by, err := s.start(s.loadCore, nil, s.self, "-bystander", r.bystander, "-addr", addr)
	if err != nil {
		return res, err
	}
	defer by.stop()
	if err := by.watch("start"); err != nil {
		return res, err
	}
	select {
	case <-time.After(s.quiet):
	case <-ctx.Done():
	}
	if res.quiet, err = by.seen(); err != nil {
		return res, err
	}
	if res.quiet.Failures > 0 {
		return res, fmt.Errorf("the bystander fails without an attack: %s", res.quiet.Why)
	}
	watch := watchServer(server, idle, s.kill)
	err = s.attack(ctx, r, server, by, addr, watch, &res)
	watch.stop()
	res.memory, res.peak, res.ended = watch.memory, watch.peak, watch.ended
	if info, statErr := log.Stat(); err == nil {
		err, res.log = statErr, int(info.Size())
	}
	if server.ended() && res.ended == "" {
		res.ended = "the server has ended: " + lastLine(log.Name())
	}
	return res, err
}

// attack runs the attacker and the bystander against a running server.
func (s *suite) attack(ctx context.Context, r *row, server, by *process, addr string, w *watch, res *result) error {
	args := []string{"-attacker", r.name, "-addr", addr, "-seconds", fmt.Sprint(s.span.Seconds()), "-short=" + strconv.FormatBool(s.short)}
	attacker, err := s.start(s.loadCore, nil, s.self, args...)
	if err != nil {
		return err
	}
	defer attacker.stop()
	var attackErr error
	attacked := make(chan struct{})
	go func() {
		defer close(attacked)
		attackErr = attacker.tell(&res.attacker)
	}()
	if err := by.watch("start"); err != nil {
		return err
	}
	select {
	case <-attacked:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if attackErr != nil {
		return attackErr
	}
	if res.attacker.Err != "" {
		return fmt.Errorf("the attack failed: %s", res.attacker.Err)
	}
	res.late = -1
	if r.late && !server.ended() {
		if res.attacked, err = by.seen(); err != nil {
			return err
		}
		server.say(strconv.Itoa(lateSpeed)) // it fails if the server has ended
		res.late = w.await(ctx, s.late, 0)
		server.say("1")
		if err := by.watch("continue"); err != nil {
			return err
		}
	}
	attacker.stop() // the server also works when the clients leave, and the bystander still watches
	w.await(ctx, s.leave, r.bystanderFiles())
	if res.attacked, err = by.seen(); err != nil {
		return err
	}
	res.after = w.await(ctx, s.leave, 0)
	return nil
}

// bystanderFiles is how many descriptors the server uses for the bystander.
func (r *row) bystanderFiles() int {
	switch {
	case r.server == "tcp-proxy":
		return 2
	case r.bystander == "udp":
		return 0
	}
	return 1
}

// startServer starts the server of a row. end ends it.
func (s *suite) startServer(r *row, log *os.File) (p *process, addr string, end func(), err error) {
	if servers[r.server] != nil {
		if p, err = s.start(s.serverCore, log, s.self, "-server", r.server, "-files", strconv.Itoa(r.files)); err != nil {
			return nil, "", nil, err
		}
		if addr, err = p.line(); err != nil {
			p.stop()
			return nil, "", nil, fmt.Errorf("%w: %s", err, lastLine(log.Name()))
		}
		return p, addr, p.stop, nil
	}
	var target *process
	args := []string{"-listen", "mqtt://127.0.0.1:0"}
	if r.server == "tcp-proxy" {
		if target, err = s.start(s.loadCore, nil, s.self, "-target"); err != nil {
			return nil, "", nil, err
		}
		to, err := target.line()
		if err != nil {
			target.stop()
			return nil, "", nil, err
		}
		// What waits for a target that does not read is kept until -stall, 30 s by default.
		args = []string{"-listen", "tcp://127.0.0.1:0", "-to", "tcp://" + to, "-stall", "5s"}
	}
	stop := func() {
		if p != nil {
			p.stop()
		}
		if target != nil {
			target.stop()
		}
	}
	if p, err = s.start(s.serverCore, log, filepath.Join(s.examples, r.server), args...); err == nil {
		addr, err = p.awaitListening(log)
	}
	if err != nil {
		stop()
		return nil, "", nil, err
	}
	return p, addr, stop, nil
}

// watch makes the bystander begin. how is "start" or "continue".
func (p *process) watch(how string) error {
	if err := p.say(how); err != nil {
		return err
	}
	_, err := p.line()
	return err
}

// seen makes the bystander stop and returns what it has seen since its start.
func (p *process) seen() (w watched, err error) {
	if err := p.say("stop"); err != nil {
		return w, err
	}
	return w, p.tell(&w)
}

// lastLine returns the end of a log, for error messages.
func lastLine(name string) string {
	said, _ := os.ReadFile(name)
	said = said[max(0, len(said)-400):]
	return strings.TrimSpace(string(said))
}

// watch looks at a server again and again: its memory, and its descriptors beside those that it
// had when it was idle.
type watch struct {
	server *process
	idle   int
	kill   int64 // bytes

	mu     sync.Mutex
	memory int // the most so far
	peak   int // the most descriptors so far
	ended  string

	over chan struct{}
	done chan struct{}
}

// sampleTime is the time between two looks.
const sampleTime = 50 * time.Millisecond

func watchServer(server *process, idle int, kill int64) *watch {
	w := &watch{server: server, idle: idle, kill: kill, over: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		tick := time.NewTicker(sampleTime)
		defer tick.Stop()
		for {
			w.look()
			select {
			case <-tick.C:
			case <-server.done:
				return
			case <-w.over:
				return
			}
		}
	}()
	return w
}

// look takes a sample and returns the descriptors.
func (w *watch) look() int {
	memory, files := w.server.memory("VmHWM"), max(0, w.server.files()-w.idle)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.memory, w.peak = max(w.memory, memory), max(w.peak, files)
	if int64(w.memory) > w.kill && w.ended == "" {
		w.ended = fmt.Sprintf("killed at %d MB", w.memory>>20)
		w.server.cmd.Process.Kill()
	}
	return files
}

// await waits until the server has at most some connections, or until the time is up. It returns
// how many it has.
func (w *watch) await(ctx context.Context, span time.Duration, enough int) int {
	ctx, cancel := context.WithTimeout(ctx, span)
	defer cancel()
	tick := time.NewTicker(sampleTime)
	defer tick.Stop()
	for {
		n := w.look()
		if n <= enough {
			return n
		}
		select {
		case <-tick.C:
		case <-w.server.done:
			return 0
		case <-ctx.Done():
			return n
		}
	}
}

func (w *watch) stop() {
	close(w.over)
	<-w.done
	w.look()
}
