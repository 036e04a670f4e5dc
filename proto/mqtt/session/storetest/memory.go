package storetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Memory holds stores in memory, each under the name of a folder. The folders need not exist. The
// zero value is ready. It is the simplest implementation of the contract, for tests of sessions:
// it simulates crashes and failing disks. Only one goroutine may use it.
type Memory struct {
	// Fail is called by each Commit. If it returns an error, Commit returns it, and changes
	// nothing. Nil never fails.
	Fail func() error

	dirs map[string]*contents
}

// contents are the committed entries of a folder.
type contents struct {
	entries map[string]string
	open    *MemoryStore
}

// errClosed is the error of calls after Close.
var errClosed = errors.New("storetest: the store is closed")

func (m *Memory) at(dir string) *contents {
	if m.dirs == nil {
		m.dirs = map[string]*contents{}
	}
	if m.dirs[dir] == nil {
		m.dirs[dir] = &contents{entries: map[string]string{}}
	}
	return m.dirs[dir]
}

// Open opens the store of a folder. The error is about a store that is open.
func (m *Memory) Open(dir string) (*MemoryStore, error) {
	d := m.at(dir)
	if d.open != nil {
		return nil, fmt.Errorf("storetest: the store in %s is open already", dir)
	}
	d.open = &MemoryStore{memory: m, contents: d}
	return d.open, nil
}

// Copy copies the committed entries of a folder to another, as Config.Copy.
func (m *Memory) Copy(from, to string) error {
	m.at(to).entries = maps.Clone(m.at(from).entries)
	return nil
}

// Crash simulates that the process with the store of a folder is killed. Each later call of this
// store returns an error. Changes that were not committed are lost. The folder can be opened again.
func (m *Memory) Crash(dir string) {
	if s := m.at(dir).open; s != nil {
		s.Close()
	}
}

// MemoryStore is a store of Memory.
type MemoryStore struct {
	memory   *Memory
	contents *contents
	changes  []change
	commits  int
	err      error // of a failed Commit, or errClosed
}

// change is a Put or a Delete.
type change struct {
	key, value string
	deleted    bool
}

// Load calls fn for each committed entry, in the order of the keys.
func (s *MemoryStore) Load(fn func(key, value []byte) error) error {
	if s.err != nil {
		return s.err
	}
	for _, k := range slices.Sorted(maps.Keys(s.contents.entries)) {
		if err := fn([]byte(k), []byte(s.contents.entries[k])); err != nil {
			return err
		}
	}
	return nil
}

// Put sets the value of a key with the next Commit.
func (s *MemoryStore) Put(key, value []byte) error {
	s.changes = append(s.changes, change{key: string(key), value: string(value)})
	return s.err
}

// Delete removes a key with the next Commit.
func (s *MemoryStore) Delete(key []byte) error {
	s.changes = append(s.changes, change{key: string(key), deleted: true})
	return s.err
}

// Commit applies the changes. After an error the store accepts no more calls, except for Close.
func (s *MemoryStore) Commit() error {
	if s.err == nil && s.memory.Fail != nil {
		s.err = s.memory.Fail()
	}
	if s.err != nil {
		return s.err
	}
	for _, c := range s.changes {
		if c.deleted {
			delete(s.contents.entries, c.key)
		} else {
			s.contents.entries[c.key] = c.value
		}
	}
	s.changes = s.changes[:0]
	s.commits++
	return nil
}

// Commits returns the number of successful calls of Commit.
func (s *MemoryStore) Commits() int { return s.commits }

// Close closes the store. Changes that were not committed are lost.
func (s *MemoryStore) Close() error {
	if s.contents.open == s {
		s.contents.open = nil
	}
	s.err = errClosed
	return nil
}
