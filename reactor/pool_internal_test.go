package reactor

import "testing"

func TestPoolRoundsUpToPowersOfTwo(t *testing.T) {
	for n, want := range map[int]int{
		0: 512, 1: 512, 511: 512, 512: 512, 513: 1024, 1024: 1024, 1025: 2048,
		65536: 65536, 65537: 131072, 1 << 20: 1 << 20, 1<<20 + 1: 1<<20 + 1,
	} {
		var p pool
		if b := p.get(n); len(b) != 0 || cap(b) != want {
			t.Errorf("get(%d): len %d, cap %d; want 0, %d", n, len(b), cap(b), want)
		}
	}
}

func TestPoolGivesBackWhatWasPut(t *testing.T) {
	var p pool
	b := append(p.get(1000), "left over"...)
	p.put(b)
	again := p.get(600)
	if len(again) != 0 || cap(again) != 1024 || &again[:1][0] != &b[0] {
		t.Errorf("len %d, cap %d, other memory than was put", len(again), cap(again))
	}
	if other := p.get(600); &other[:1][0] == &b[0] {
		t.Error("the same memory was lent twice")
	}
}

// What has no class must not get into one: get promises a capacity.
func TestPoolRefusesWhatHasNoClass(t *testing.T) {
	var p pool
	for _, c := range []int{0, 1, 256, 511, 513, 1000, 1<<20 + 1, 1 << 21} {
		p.put(make([]byte, 0, c))
	}
	p.put(nil)
	for i, stack := range p.free {
		if len(stack) > 0 {
			t.Errorf("class %d keeps a slice of %d bytes", i, cap(stack[0]))
		}
	}
}

func TestPoolKeepsABoundedAmount(t *testing.T) {
	for _, size := range []int{512, 4096, 65536, 1 << 20} {
		var p pool
		for range 2*keepBytes/size + 2 {
			p.put(make([]byte, 0, size))
		}
		if kept := len(p.free[class(size)-minClass]) * size; kept == 0 || kept > keepBytes {
			t.Errorf("%d bytes kept in slices of %d, want at most %d and some", kept, size, keepBytes)
		}
	}
}

func TestPoolDoesNotKeepWhatItLent(t *testing.T) {
	var p pool
	p.put(make([]byte, 0, 512))
	p.get(1)
	if stack := p.free[0]; stack[:1][0] != nil {
		t.Error("the stack still refers to a slice that it lent")
	}
}
