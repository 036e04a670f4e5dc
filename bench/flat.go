//go:build linux

package main

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
)

// level is one server with its idle and busy connections.
type level struct {
	p     *process
	idle  crowd
	busy  *load
	costs series // microseconds per message
}

// flat measures what messages cost rikki beside different numbers of idle connections. Each
// level has its own server. All servers run at the same time and are measured in turn, so
// that other activity on the machine affects them equally.
func (b *bench) flat(out io.Writer) error {
	w := works[0]
	var levels []*level
	defer func() {
		for _, l := range levels {
			l.stop()
		}
	}()
	sizes, notes := b.levels(w.conns)
	for _, n := range sizes {
		l := &level{}
		levels = append(levels, l)
		if err := l.start(b, w, n); err != nil {
			return fmt.Errorf("%d idle connections: %w", n, err)
		}
	}
	for range b.flatRounds {
		for _, l := range levels {
			got, err := measure(l.busy, l.p, b.warm, b.span)
			if err != nil {
				return fmt.Errorf("beside %d idle connections: %w", l.idle.size, err)
			}
			l.costs = append(l.costs, got.perMessage)
		}
	}
	fmt.Fprintf(out, "\nrikki, %v: %d busy connections beside idle ones; medians of %d\n", w, w.conns, b.flatRounds)
	t := newTable(out, "idle", "CPU per message, µs", "to none idle", "within 10%")
	for _, l := range levels {
		ratio := l.costs.median() / levels[0].costs.median()
		verdict := "yes"
		if ratio > 1.10 {
			verdict = "NO"
		}
		t.row(fmt.Sprint(l.idle.size), fmt.Sprintf("%.3g (%.3g–%.3g)", l.costs.median(), l.costs.lowest(), l.costs.highest()),
			fmt.Sprintf("%.2f", ratio), verdict)
	}
	if err := t.flush(); err != nil {
		return err
	}
	for _, n := range notes {
		fmt.Fprintln(out, n)
	}
	return nil
}

// levels returns the numbers of idle connections that are possible here, and notes about
// the others. Numbers that are not possible are replaced by the largest possible one.
func (b *bench) levels(busy int) (sizes []int, notes []string) {
	for _, want := range b.idleLevels {
		n, why := b.m.reachable(want, busy)
		if why != "" {
			notes = append(notes, fmt.Sprintf("%d idle connections were NOT reached: %s. The most that it allows is %d.", want, why, n))
		}
		if !slices.Contains(sizes, n) {
			sizes = append(sizes, n)
		}
	}
	return sizes, notes
}

func (l *level) start(b *bench, w work, n int) error {
	p, addr, err := launchServer(b.m.serverCore, servers[0])
	if err != nil {
		return err
	}
	l.p = p
	l.idle = crowd{m: b.m, addr: addr}
	if _, err := l.idle.grow(n); err != nil {
		return err
	}
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return err
	}
	l.busy, err = newLoad(w, to)
	return err
}

func (l *level) stop() {
	if l.busy != nil {
		l.busy.close()
	}
	l.idle.stop()
	if l.p != nil {
		l.p.stop()
	}
}
