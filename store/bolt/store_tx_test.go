package bolt_test

import (
	"os"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/store/bolt"
)

// write writes an entry of the program with the transaction of the session.
func write(t *testing.T, s *bolt.Store, key, value string) {
	t.Helper()
	tx, err := s.Tx()
	must(t, err)
	b, err := tx.CreateBucketIfNotExists([]byte("program"))
	must(t, err, b.Put([]byte(key), []byte(value)))
}

// written returns the value of an entry of the program, as it is committed.
func written(t *testing.T, s *bolt.Store, key string) (value string) {
	t.Helper()
	must(t, s.DB().View(func(tx *bbolt.Tx) error {
		if b := tx.Bucket([]byte("program")); b != nil {
			value = string(b.Get([]byte(key)))
		}
		return nil
	}))
	return value
}

// crash opens what a process that is killed now leaves.
func crash(t *testing.T, path string) *bolt.Store {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	to := newPath(t)
	must(t, os.WriteFile(to, data, 0o600))
	return open(t, to, nil)
}

// The entries of the program and those of the session are committed together, or not at all. The
// order of the calls does not matter.
func TestTxTogether(t *testing.T) {
	for _, row := range []struct {
		name string
		run  func(s *bolt.Store)
	}{
		{"program first", func(s *bolt.Store) { write(t, s, "p", "1"); put(t, s, "s", "1") }},
		{"session first", func(s *bolt.Store) { put(t, s, "s", "1"); write(t, s, "p", "1") }},
		{"several calls", func(s *bolt.Store) { write(t, s, "p", "0"); put(t, s, "s", "1"); write(t, s, "p", "1") }},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := newPath(t)
			s := open(t, path, nil)
			row.run(s)
			if c := crash(t, path); written(t, c, "p") != "" || contents(t, c) != "" {
				t.Errorf("before the commit: program %q, session %q", written(t, c, "p"), contents(t, c))
			}
			must(t, s.Commit())
			if c := crash(t, path); written(t, c, "p") != "1" || contents(t, c) != "s=1 " {
				t.Errorf("after the commit: program %q, session %q", written(t, c, "p"), contents(t, c))
			}
		})
	}
}

// Commit also commits if only the program has made changes: a message of QoS 1 that was received
// changes nothing in the store of the session.
func TestTxAlone(t *testing.T) {
	path := newPath(t)
	s := open(t, path, nil)
	write(t, s, "p", "1")
	must(t, s.Commit())
	if got := written(t, crash(t, path), "p"); got != "1" {
		t.Errorf("program %q", got)
	}
}

// Close drops the transaction of Tx.
func TestTxClose(t *testing.T) {
	path := newPath(t)
	s := open(t, path, nil)
	write(t, s, "p", "1")
	put(t, s, "s", "1")
	must(t, s.Close())
	_, err := s.Tx()
	looptest.WantErr(t, err, bolt.ErrClosed, path)
	s = open(t, path, nil)
	if written(t, s, "p") != "" || contents(t, s) != "" {
		t.Errorf("program %q, session %q", written(t, s, "p"), contents(t, s))
	}
}

// A program that ends the transaction itself gets an error, because its changes and those of the
// session are not committed together.
func TestTxEndedByProgram(t *testing.T) {
	for name, end := range map[string]func(tx *bbolt.Tx) error{"Commit": (*bbolt.Tx).Commit, "Rollback": (*bbolt.Tx).Rollback} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			s := open(t, path, nil)
			put(t, s, "s", "1")
			tx, err := s.Tx()
			must(t, err, end(tx))
			looptest.WantErr(t, s.Commit(), bolt.ErrTxEnded, path)
			must(t, s.Close())
			if got := contents(t, open(t, path, nil)); got != "" {
				t.Errorf("session %q", got)
			}
			s = open(t, newPath(t), nil)
			tx, err = s.Tx()
			must(t, err, end(tx), s.Close()) // Close does not wait for the transaction
		})
	}
}

// While one session has a transaction, another one of the file gets an error: if both belong to
// the same loop, waiting would never end. The error of Tx is not the end of the store.
func TestTxBusy(t *testing.T) {
	first := open(t, newPath(t), &bolt.Options{LockTimeout: -1})
	second, err := first.Bucket("second")
	must(t, err)
	third, err := first.Bucket("third")
	must(t, err)
	write(t, first, "p", "1")
	put(t, second, "s", "2")
	put(t, third, "s", "3")
	_, err = second.Tx()
	looptest.WantErr(t, err, bolt.ErrBusy, "session.db")
	looptest.WantErr(t, third.Commit(), bolt.ErrBusy, "session.db")
	_, err = first.Bucket("fourth")
	looptest.WantErr(t, err, bolt.ErrBusy, "session.db")
	must(t, first.Commit(), second.Commit(), third.Close())
	write(t, second, "p", "lost")
	must(t, second.Close()) // ends its transaction
	put(t, first, "s", "1")
	must(t, first.Commit())
	if got := written(t, first, "p"); got != "1" {
		t.Errorf("program %q", got)
	}
}

// A session on another goroutine waits for the transaction.
func TestTxWaits(t *testing.T) {
	first := open(t, newPath(t), &bolt.Options{LockTimeout: 1 << 40})
	second, err := first.Bucket("second")
	must(t, err)
	write(t, first, "p", "1")
	done := make(chan error)
	go func() { done <- second.Put([]byte("s"), nil); done <- second.Commit() }()
	must(t, <-done, first.Commit(), <-done)
	if got := contents(t, second); got != "s= " {
		t.Errorf("contents %q", got)
	}
}
