package storetest

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// probe is a store under test, with a model of what it must contain. After the first failure its
// methods do nothing.
type probe struct {
	config  Config
	root    string // of all folders
	folders int
	dir     string // of the store
	store   Store
	err     error // the first failure

	committed map[string]string
	pending   map[string]*string // nil: deleted
}

// fail notes a failure.
func (p *probe) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

// check notes an error that a call has returned.
func (p *probe) check(call string, err error) {
	if err != nil {
		p.fail("%s: %w", call, err)
	}
}

// folder makes a new folder.
func (p *probe) folder() string {
	p.folders++
	dir := filepath.Join(p.root, fmt.Sprint("store", p.folders))
	p.check("making a folder", os.Mkdir(dir, 0o700))
	return dir
}

// open opens the store of p.dir.
func (p *probe) open() {
	if p.err != nil {
		return
	}
	store, err := p.config.Open(p.dir)
	if err != nil {
		p.fail("Open: %w", err)
		return
	}
	p.store = store
}

func (p *probe) put(key, value string) {
	if p.err != nil {
		return
	}
	k, v := []byte(key), []byte(value)
	p.check(fmt.Sprintf("Put %.20q", key), p.store.Put(k, v))
	p.pending[key] = &value
	spoil(k)
	spoil(v)
}

func (p *probe) delete(key string) {
	if p.err != nil {
		return
	}
	k := []byte(key)
	p.check(fmt.Sprintf("Delete %.20q", key), p.store.Delete(k))
	p.pending[key] = nil
	spoil(k)
}

// spoil overwrites a slice that a store must have copied.
func spoil(b []byte) {
	for i := range b {
		b[i] = '#'
	}
}

func (p *probe) commit() {
	if p.err != nil {
		return
	}
	p.check("Commit", p.store.Commit())
	for key, value := range p.pending {
		if value == nil {
			delete(p.committed, key)
		} else {
			p.committed[key] = *value
		}
	}
	clear(p.pending)
}

// want compares what Load gives with what was committed.
func (p *probe) want() {
	if p.err != nil {
		return
	}
	var keys []string
	err := p.store.Load(func(key, value []byte) error {
		k := string(key)
		if n := len(keys); n > 0 && keys[n-1] >= k {
			p.fail("Load gives key %.20q after %.20q", k, keys[n-1])
		}
		keys = append(keys, k)
		want, ok := p.committed[k]
		switch {
		case !ok:
			p.fail("the store has key %.20q, which was deleted or not committed", k)
		case !bytes.Equal(value, []byte(want)):
			p.fail("the value of %.20q is %.20q (%d bytes), want %.20q (%d bytes)", k, value, len(value), want, len(want))
		}
		return nil
	})
	p.check("Load", err)
	for _, k := range slices.Sorted(maps.Keys(p.committed)) {
		if _, found := slices.BinarySearch(keys, k); !found {
			p.fail("the store has no key %.20q, which was committed", k)
			return
		}
	}
}

// reopen closes and opens the store. Changes that are not committed are lost.
func (p *probe) reopen() {
	if p.err != nil {
		return
	}
	p.check("Close", p.store.Close())
	p.store = nil
	clear(p.pending)
	p.open()
}

// crash continues with what a killed process leaves. Changes that are not committed are lost.
func (p *probe) crash() {
	if p.err != nil {
		return
	}
	from := p.dir
	p.dir = p.folder()
	p.check("copying the files", p.config.Copy(from, p.dir))
	p.check("Close after the copy", p.store.Close())
	p.store = nil
	clear(p.pending)
	p.open()
}
