//go:build unix

package poll

import "testing"

// FD is readable from the first Signal to the next Clear, however often Signal was
// called.
func TestWakeup(t *testing.T) {
	onEach(t, func(t *testing.T, p Poller) {
		w, err := NewWakeup()
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		setInterest(t, p, w.FD(), 0, Readable)
		for _, signals := range []int{0, 1, 2, 100, 0} {
			for range signals {
				if err := w.Signal(); err != nil {
					t.Fatal(err)
				}
			}
			want := Interest(0)
			if signals > 0 {
				want = Readable
			}
			for range 2 {
				if got := found(t, p, w.FD()); got != want {
					t.Errorf("after %d signals %02b reported, want %02b", signals, got, want)
				}
			}
			w.Clear(make([]byte, 64))
			if got := found(t, p, w.FD()); got != 0 {
				t.Errorf("%02b reported after Clear", got)
			}
		}
		setInterest(t, p, w.FD(), Readable, 0)
	})
}
