package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
)

// check is a test of Run.
type check struct {
	name string
	run  func(*probe)
}

// checks are the tests of Run.
var checks = []check{
	{"empty store", checkEmpty},
	{"order of keys", checkOrder},
	{"last change wins", checkLastWins},
	{"delete", checkDelete},
	{"only committed entries", checkCommitted},
	{"all changes of a commit", checkAll},
	{"slices are copied", checkCopied},
	{"empty values", checkEmptyValues},
	{"large values", checkLarge},
	{"many entries", checkMany},
	{"many commits", checkManyCommits},
	{"close and open", checkReopen},
	{"crash", checkCrash},
	{"random changes", checkRandom},
	{"Load stops", checkLoadStops},
	{"after Close", checkClosed},
	{"second opener", checkSecond},
	{"two folders", checkTwo},
}

func checkEmpty(p *probe) {
	p.want()
	p.commit()
	p.delete("absent")
	p.commit()
	p.want()
	p.reopen()
	p.want()
}

// checkOrder uses keys of which one is the beginning of another, and all values of a byte.
func checkOrder(p *probe) {
	for _, k := range []string{"b", "a\x00", "aa", "a", "ab", "a\xff", "B", "\x00", "\xff\xff", "\xff"} {
		p.put(k, k)
	}
	p.commit()
	p.want()
	for i := range 256 {
		p.put("o"+string([]byte{byte(i * 167)}), "")
		if i%16 == 0 {
			p.commit()
		}
	}
	p.commit()
	p.want()
	p.reopen()
	p.want()
}

func checkLastWins(p *probe) {
	p.put("k", "first")
	p.put("k", "2")
	p.commit()
	p.want()
	p.put("k", "a longer third")
	p.commit()
	p.want()
	p.put("k", "4")
	p.delete("k")
	p.put("k", "5")
	p.commit()
	p.want()
	p.put("k", "6")
	p.delete("k")
	p.commit()
	p.want()
}

func checkDelete(p *probe) {
	for _, k := range []string{"a", "b", "c", "d"} {
		p.put(k, "value of "+k)
	}
	p.commit()
	p.delete("b")
	p.delete("c")
	p.delete("c")
	p.delete("absent")
	p.commit()
	p.want()
	p.crash()
	p.want()
	p.delete("a")
	p.delete("d")
	p.commit()
	p.want()
	p.crash()
	p.want()
}

func checkCommitted(p *probe) {
	p.put("a", "1")
	p.put("b", "1")
	p.want()
	p.commit()
	p.want()
	p.put("a", "2")
	p.put("c", "2")
	p.delete("b")
	p.want()
	p.reopen()
	p.want()
	p.put("d", "3")
	p.commit()
	p.want()
}

// checkAll has two changes at each end of the order, so that a store that leaves out the first or
// the last change of a commit is found.
func checkAll(p *probe) {
	p.put("m", "1")
	p.put("z", "1")
	p.put("a", "1")
	p.commit()
	p.want()
	p.delete("z")
	p.put("n", "2")
	p.delete("m")
	p.put("a", "2")
	p.commit()
	p.crash()
	p.want()
	p.put("a", "3")
	p.delete("n")
	p.commit()
	p.crash()
	p.want()
}

// checkCopied relies on put and delete, which overwrite the slices after the call.
func checkCopied(p *probe) {
	for i := range 100 {
		p.put(fmt.Sprint("key", i), fmt.Sprint("value", i))
	}
	p.commit()
	p.want()
	for i := range 50 {
		p.delete(fmt.Sprint("key", 2*i))
	}
	p.commit()
	p.want()
	p.reopen()
	p.want()
}

func checkEmptyValues(p *probe) {
	p.put("a", "")
	p.put("b", "not empty")
	p.commit()
	p.want()
	p.put("b", "")
	if p.err == nil {
		p.check("Put of a nil value", p.store.Put([]byte("c"), nil))
		p.pending["c"] = new(string)
	}
	p.commit()
	p.want()
	p.crash()
	p.want()
}

// checkLarge has values that are as large as the largest packet with the default limits.
func checkLarge(p *probe) {
	for i, size := range []int{4095, 4096, 4097, 65535, 65536, 1 << 20, 16 << 20} {
		p.put(fmt.Sprint("large", i), strings.Repeat(fmt.Sprint(i), size))
	}
	p.put("small", "s")
	p.commit()
	p.want()
	p.crash()
	p.want()
	for i := range 7 {
		p.delete(fmt.Sprint("large", i))
	}
	p.put(strings.Repeat("key", 80), "k")
	p.commit()
	p.want()
	p.reopen()
	p.want()
}

// checkMany has more entries than the default queue of a session has messages.
func checkMany(p *probe) {
	const n = 20_000
	key := func(i int) string { return fmt.Sprintf("o%08d", i*7919%n) }
	for i := range n {
		p.put(key(i), fmt.Sprint("message ", i))
	}
	p.commit()
	p.want()
	for i := range n {
		if i%4 != 0 {
			p.delete(key(i))
		}
	}
	p.commit()
	p.want()
	p.crash()
	p.want()
}

// checkManyCommits uses the store as a session does: messages come, and go in almost the same
// order.
func checkManyCommits(p *probe) {
	for i := range 300 {
		p.put(fmt.Sprintf("o%08d", i), fmt.Sprint("message ", i))
		if i >= 20 {
			p.delete(fmt.Sprintf("o%08d", i-20+i%2))
		}
		p.commit()
	}
	p.want()
	p.crash()
	p.want()
}

func checkReopen(p *probe) {
	for i := range 5 {
		p.put(fmt.Sprint("k", i), "committed")
		p.commit()
		p.put(fmt.Sprint("k", i+1), "lost")
		p.delete("k0")
		p.reopen()
		p.want()
	}
}

func checkCrash(p *probe) {
	p.crash() // before the first change
	p.want()
	for i := range 5 {
		p.put(fmt.Sprint("k", i), "committed")
		p.commit()
		p.put(fmt.Sprint("k", i+1), "lost")
		p.delete("k0")
		p.crash()
		p.want()
	}
}

// checkRandom compares the store with the model after random changes. The seed is fixed: a failure
// can be repeated.
func checkRandom(p *probe) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		key := fmt.Sprint("key", random.IntN(50))
		switch n := random.IntN(100); {
		case n < 45:
			p.put(key, strings.Repeat(fmt.Sprint(n), random.IntN(200)))
		case n < 80:
			p.delete(key)
		case n < 95:
			p.commit()
		case n < 97:
			p.reopen()
			p.want()
		case n < 98:
			p.crash()
			p.want()
		default:
			p.want()
		}
	}
	p.commit()
	p.want()
}

func checkLoadStops(p *probe) {
	for _, k := range []string{"a", "b", "c"} {
		p.put(k, k)
	}
	p.commit()
	if p.err != nil {
		return
	}
	stop, calls := errors.New("stop"), 0
	err := p.store.Load(func(_, _ []byte) error {
		if calls++; calls == 2 {
			return stop
		}
		return nil
	})
	if err != stop || calls != 2 {
		p.fail("fn returned an error in its 2nd call: Load made %d calls and returned %v", calls, err)
	}
	p.want()
	p.put("d", "d")
	p.commit()
	p.want()
}

func checkClosed(p *probe) {
	p.put("a", "1")
	p.commit()
	p.put("b", "lost")
	if p.err != nil {
		return
	}
	s := p.store
	p.reopen()
	for _, row := range []struct {
		call string
		run  func() error
	}{
		{"Load", func() error { return s.Load(func(_, _ []byte) error { return nil }) }},
		{"Put", func() error { return s.Put([]byte("c"), []byte("after Close")) }},
		{"Delete", func() error { return s.Delete([]byte("a")) }},
		{"Commit", s.Commit},
	} {
		if row.run() == nil {
			p.fail("%s after Close returns no error", row.call)
		}
	}
	p.check("a second Close", s.Close())
	p.want()
	p.crash()
	p.want()
}

// checkSecond opens a store that is open: the two would overwrite each other's changes.
func checkSecond(p *probe) {
	p.put("a", "1")
	p.commit()
	if p.err != nil {
		return
	}
	second, err := p.config.Open(p.dir)
	switch {
	case err == nil:
		second.Close()
		p.fail("Open of a store that is open returns no error")
	case !strings.Contains(err.Error(), p.dir):
		p.fail("the error of opening a store that is open does not name %s: %w", p.dir, err)
	}
	p.put("b", "2")
	p.commit()
	p.want()
	p.reopen()
	p.want()
}

func checkTwo(p *probe) {
	p.put("a", "of the first")
	p.commit()
	if p.err != nil {
		return
	}
	dir := p.folder()
	other, err := p.config.Open(dir)
	if err != nil {
		p.fail("Open of a second folder: %w", err)
		return
	}
	err = errors.Join(other.Put([]byte("a"), []byte("of the second")), other.Commit(), other.Close())
	p.check("the store of a second folder", err)
	p.want()
	p.reopen()
	p.want()
}
