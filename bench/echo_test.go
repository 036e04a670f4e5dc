//go:build linux

package main

import (
	"net/netip"
	"testing"
	"time"
)

func TestMeasure(t *testing.T) {
	eachServer(t, func(t *testing.T, p *process, to netip.AddrPort) {
		for _, w := range []work{{3, 64, 1}, {3, 64, 16}, {3, 16 << 10, 1}, {2, 300 << 10, 8}} {
			l, err := newLoad(w, to)
			if err != nil {
				t.Fatal(w, err)
			}
			got, err := measure(l, p, 20*time.Millisecond, 80*time.Millisecond)
			if err != nil || got.perMessage <= 0 || got.rate <= 0 || got.busy <= 0 {
				t.Errorf("%v: %+v, %v", w, got, err)
			}
			if l.replies < w.conns*w.depth {
				t.Errorf("%v: %d replies", w, l.replies)
			}
			l.close()
		}
	})
}
