package storetest

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// mutant is a store with a defect. Nil functions are those of the correct store.
type mutant struct {
	*MemoryStore
	load   func(s *MemoryStore, fn func(key, value []byte) error) error
	put    func(s *MemoryStore, key, value []byte) error
	delete func(s *MemoryStore, key []byte) error
	commit func(s *MemoryStore) error
	close  func(s *MemoryStore) error
}

func (m *mutant) Load(fn func(key, value []byte) error) error {
	if m.load == nil {
		return m.MemoryStore.Load(fn)
	}
	return m.load(m.MemoryStore, fn)
}

func (m *mutant) Put(key, value []byte) error {
	if m.put == nil {
		return m.MemoryStore.Put(key, value)
	}
	return m.put(m.MemoryStore, key, value)
}

func (m *mutant) Delete(key []byte) error {
	if m.delete == nil {
		return m.MemoryStore.Delete(key)
	}
	return m.delete(m.MemoryStore, key)
}

func (m *mutant) Commit() error {
	if m.commit == nil {
		return m.MemoryStore.Commit()
	}
	return m.commit(m.MemoryStore)
}

func (m *mutant) Close() error {
	if m.close == nil {
		return m.MemoryStore.Close()
	}
	return m.close(m.MemoryStore)
}

// entry is what a mutant collects in Load.
type entry struct{ key, value []byte }

func all(s *MemoryStore) (list []entry, err error) {
	err = s.Load(func(k, v []byte) error {
		list = append(list, entry{bytes.Clone(k), bytes.Clone(v)})
		return nil
	})
	return list, err
}

func each(list []entry, fn func(key, value []byte) error) error {
	for _, e := range list {
		if err := fn(e.key, e.value); err != nil {
			return err
		}
	}
	return nil
}

// kept is a Put whose slices are read when the store commits.
type kept struct{ key, value []byte }

// mutants makes one store for each kind of defect. The key is the defect, the text before the colon
// names a check that must find it.
func mutants() map[string]func(*MemoryStore) *mutant {
	return map[string]func(*MemoryStore) *mutant{
		"delete: forgets a delete": func(*MemoryStore) *mutant {
			return &mutant{delete: func(*MemoryStore, []byte) error { return nil }}
		},
		"last change wins: forgets a delete before a commit": func(*MemoryStore) *mutant {
			return &mutant{delete: func(s *MemoryStore, key []byte) error {
				if slices.ContainsFunc(s.changes, func(c change) bool { return c.key == string(key) }) {
					return s.err
				}
				return s.Delete(key)
			}}
		},
		"last change wins: keeps the first value": func(*MemoryStore) *mutant {
			return &mutant{put: func(s *MemoryStore, key, value []byte) error {
				if _, ok := s.contents.entries[string(key)]; ok {
					return s.err
				}
				return s.Put(key, value)
			}}
		},
		"empty store: an error for an absent key": func(*MemoryStore) *mutant {
			return &mutant{delete: func(s *MemoryStore, key []byte) error {
				if _, ok := s.contents.entries[string(key)]; !ok {
					return errClosed
				}
				return s.Delete(key)
			}}
		},
		"empty store: an error for a commit without changes": func(*MemoryStore) *mutant {
			return &mutant{commit: func(s *MemoryStore) error {
				if len(s.changes) == 0 {
					return errClosed
				}
				return s.Commit()
			}}
		},
		"all changes of a commit: commits half": func(*MemoryStore) *mutant {
			return &mutant{commit: func(s *MemoryStore) error {
				s.changes = s.changes[:(len(s.changes)+1)/2]
				return s.Commit()
			}}
		},
		"all changes of a commit: forgets the last change": func(*MemoryStore) *mutant {
			return &mutant{commit: func(s *MemoryStore) error {
				s.changes = s.changes[:max(len(s.changes)-1, 0)]
				return s.Commit()
			}}
		},
		"all changes of a commit: forgets the first change": func(*MemoryStore) *mutant {
			return &mutant{commit: func(s *MemoryStore) error {
				s.changes = s.changes[min(1, len(s.changes)):]
				return s.Commit()
			}}
		},
		"only committed entries: commits each change": func(*MemoryStore) *mutant {
			return &mutant{put: func(s *MemoryStore, key, value []byte) error {
				s.Put(key, value)
				return s.Commit()
			}}
		},
		"crash: commits with Close only": func(*MemoryStore) *mutant {
			return &mutant{
				commit: func(s *MemoryStore) error { return s.err },
				close:  func(s *MemoryStore) error { s.Commit(); return s.Close() },
			}
		},
		"close and open: Close commits": func(*MemoryStore) *mutant {
			return &mutant{close: func(s *MemoryStore) error { s.Commit(); return s.Close() }}
		},
		"slices are copied: keeps the caller's value": func(*MemoryStore) *mutant {
			var list []kept
			return &mutant{
				put: func(s *MemoryStore, key, value []byte) error {
					list = append(list, kept{bytes.Clone(key), value})
					return s.Put(key, value)
				},
				commit: func(s *MemoryStore) error {
					for _, k := range list {
						s.Put(k.key, k.value)
					}
					list = nil
					return s.Commit()
				},
			}
		},
		"slices are copied: keeps the caller's key": func(*MemoryStore) *mutant {
			var list []kept
			return &mutant{
				put: func(s *MemoryStore, key, value []byte) error {
					list = append(list, kept{key, bytes.Clone(value)})
					return s.err
				},
				commit: func(s *MemoryStore) error {
					for _, k := range list {
						s.Put(k.key, k.value)
					}
					list = nil
					return s.Commit()
				},
			}
		},
		"slices are copied: keeps the key of a delete": func(*MemoryStore) *mutant {
			var list [][]byte
			return &mutant{
				delete: func(s *MemoryStore, key []byte) error { list = append(list, key); return s.err },
				commit: func(s *MemoryStore) error {
					for _, k := range list {
						s.Delete(k)
					}
					list = nil
					return s.Commit()
				},
			}
		},
		"order of keys: the order of arrival": func(*MemoryStore) *mutant {
			return &mutant{load: func(s *MemoryStore, fn func(key, value []byte) error) error {
				list, err := all(s)
				slices.Reverse(list)
				if err != nil {
					return err
				}
				return each(list, fn)
			}}
		},
		"order of keys: short keys first": func(*MemoryStore) *mutant {
			return &mutant{load: func(s *MemoryStore, fn func(key, value []byte) error) error {
				list, err := all(s)
				slices.SortStableFunc(list, func(a, b entry) int { return len(a.key) - len(b.key) })
				if err != nil {
					return err
				}
				return each(list, fn)
			}}
		},
		"order of keys: no difference between upper and lower case": func(*MemoryStore) *mutant {
			return &mutant{load: func(s *MemoryStore, fn func(key, value []byte) error) error {
				list, err := all(s)
				slices.SortStableFunc(list, func(a, b entry) int { return bytes.Compare(bytes.ToLower(a.key), bytes.ToLower(b.key)) })
				if err != nil {
					return err
				}
				return each(list, fn)
			}}
		},
		"empty values: an empty value deletes": func(*MemoryStore) *mutant {
			return &mutant{put: func(s *MemoryStore, key, value []byte) error {
				if len(value) == 0 {
					return s.Delete(key)
				}
				return s.Put(key, value)
			}}
		},
		"large values: cuts at 64 KiB": func(*MemoryStore) *mutant {
			return &mutant{put: func(s *MemoryStore, key, value []byte) error {
				return s.Put(key, value[:min(len(value), 1<<16)])
			}}
		},
		"many entries: loads 10,000": func(*MemoryStore) *mutant {
			return &mutant{load: func(s *MemoryStore, fn func(key, value []byte) error) error {
				list, err := all(s)
				if err != nil {
					return err
				}
				return each(list[:min(len(list), 10_000)], fn)
			}}
		},
		"many commits: refuses the 200th": func(*MemoryStore) *mutant {
			return &mutant{commit: func(s *MemoryStore) error {
				if s.commits > 200 {
					return errClosed
				}
				return s.Commit()
			}}
		},
		"Load stops: loads all": func(*MemoryStore) *mutant {
			return &mutant{load: func(s *MemoryStore, fn func(key, value []byte) error) error {
				var first error
				err := s.Load(func(k, v []byte) error {
					if err := fn(k, v); first == nil {
						first = err
					}
					return nil
				})
				if err == nil {
					err = first
				}
				return err
			}}
		},
		"Load stops: hides the error": func(*MemoryStore) *mutant {
			return &mutant{load: func(s *MemoryStore, fn func(key, value []byte) error) error {
				s.Load(fn)
				return s.err
			}}
		},
		"after Close: no error from Put": func(*MemoryStore) *mutant {
			return &mutant{put: func(s *MemoryStore, key, value []byte) error { s.Put(key, value); return nil }}
		},
		"after Close: no error from Delete": func(*MemoryStore) *mutant {
			return &mutant{delete: func(s *MemoryStore, key []byte) error { s.Delete(key); return nil }}
		},
		"after Close: no error from Commit": func(*MemoryStore) *mutant {
			return &mutant{commit: func(s *MemoryStore) error { s.Commit(); return nil }}
		},
		"after Close: no error from Load": func(*MemoryStore) *mutant {
			return &mutant{load: func(s *MemoryStore, fn func(key, value []byte) error) error {
				if s.err != nil {
					return nil
				}
				return s.Load(fn)
			}}
		},
		"after Close: an error from a second Close": func(*MemoryStore) *mutant {
			return &mutant{close: func(s *MemoryStore) error {
				if s.err != nil {
					return s.err
				}
				return s.Close()
			}}
		},
	}
}

// wantFound checks that the check in the name of a defect finds it.
func wantFound(t *testing.T, defect string, config Config) {
	t.Helper()
	name, _, _ := strings.Cut(defect, ":")
	i := slices.IndexFunc(checks, func(c check) bool { return c.name == name })
	if i < 0 {
		t.Fatalf("there is no check %q", name)
	}
	if run(config, checks[i].run, t.TempDir()) == nil {
		t.Errorf("not found: %s", defect)
	}
}

// Each defect is found, by the check that is made for it.
func TestChecksFindMutants(t *testing.T) {
	for name, change := range mutants() {
		t.Run(name, func(t *testing.T) {
			var m Memory
			wantFound(t, name, Config{
				Open: func(dir string) (Store, error) {
					s, err := m.Open(dir)
					if err != nil {
						return nil, err
					}
					broken := change(s)
					broken.MemoryStore = s
					return broken, nil
				},
				Copy: m.Copy,
			})
		})
	}
}

// Open that shares or mixes up stores is found.
func TestChecksFindOpeners(t *testing.T) {
	var m Memory
	for name, open := range map[string]func(dir string) (Store, error){
		"second opener: opens twice": func(dir string) (Store, error) {
			m.at(dir).open = nil
			return m.Open(dir)
		},
		"second opener: the error does not say which": func(dir string) (Store, error) {
			s, err := m.Open(dir)
			if err != nil {
				return nil, errClosed
			}
			return s, nil
		},
		"two folders: all are the same": func(dir string) (Store, error) {
			m.at("").open = nil
			return m.Open("")
		},
		"close and open: begins empty": func(dir string) (Store, error) {
			s, err := m.Open(dir)
			if err != nil {
				return nil, err
			}
			clear(s.contents.entries)
			return s, nil
		},
	} {
		m = Memory{}
		wantFound(t, name, Config{Open: open, Copy: m.Copy})
	}
}
