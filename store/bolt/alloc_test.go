package bolt_test

import (
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/store/bolt"
)

// Put and Delete do not allocate. A Commit allocates at most 100 times, and 5 times more for each
// change: all of this is bbolt's.
func TestAllocs(t *testing.T) {
	s := open(t, newPath(t), &bolt.Options{NoSync: true})
	key, value := []byte("o12345678"), make([]byte, 100)
	looptest.WantNoAllocs(t, "a Commit without changes", func() { must(t, s.Commit()) })
	for range 100 {
		must(t, s.Put(key, value), s.Delete(key))
	}
	must(t, s.Commit())
	runs := 0
	looptest.WantNoAllocs(t, "Put and Delete", func() {
		if runs++; runs < 100 {
			must(t, s.Put(key, value), s.Delete(key))
		}
	})
	must(t, s.Commit())
	commit := func(changes int) float64 {
		return testing.AllocsPerRun(20, func() {
			for i := range changes {
				key[8] = byte(i)
				must(t, s.Put(key, value))
			}
			must(t, s.Commit())
		})
	}
	one, hundred := commit(1), commit(100)
	t.Logf("a Commit of 1 change: %v allocations; of 100 changes: %v", one, hundred)
	if one > 105 || hundred > 100+5*100 {
		t.Error("these are more than 100, and 5 for each change")
	}
}
