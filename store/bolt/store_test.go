package bolt_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/proto/mqtt/session/storetest"
	"github.com/rikki-go/rikki/store/bolt"
)

var _ session.Store = (*bolt.Store)(nil)

// The suite for stores passes, with fsync and without.
func TestStore(t *testing.T) {
	for name, opts := range map[string]*bolt.Options{
		"sync":    {LockTimeout: -1},
		"no sync": {LockTimeout: -1, NoSync: true, Bucket: "another"},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, storetest.Config{Open: func(dir string) (storetest.Store, error) {
				s, err := bolt.Open(filepath.Join(dir, "session.db"), opts)
				if err != nil {
					return nil, err
				}
				return s, nil
			}})
		})
	}
}

// A key that bbolt does not take is an error of Put. The changes before and after are kept.
func TestPutInvalid(t *testing.T) {
	s := open(t, newPath(t), nil)
	put(t, s, "a", "1")
	looptest.WantErr(t, s.Put(nil, nil), bbolterrors.ErrKeyRequired, "session.db")
	looptest.WantErr(t, s.Put(make([]byte, bbolt.MaxKeySize+1), nil), bbolterrors.ErrKeyTooLarge, "session.db")
	must(t, s.Delete(nil)) // no entry has this key
	put(t, s, "b", "2")
	must(t, s.Commit())
	if got := contents(t, s); got != "a=1 b=2 " {
		t.Errorf("contents %q", got)
	}
}

// After a failed commit the store takes no more calls, and none of the changes is in the file.
func TestCommitFails(t *testing.T) {
	path := newPath(t)
	s := open(t, path, nil)
	put(t, s, "a", "1")
	must(t, s.Commit())
	must(t, s.DB().Close()) // as a disk that fails
	put(t, s, "b", "2")
	err := s.Commit()
	looptest.WantErr(t, err, bbolterrors.ErrDatabaseNotOpen, path)
	_, txErr := s.Tx()
	_, bucketErr := s.Bucket("other")
	for call, got := range map[string]error{
		"Put": s.Put([]byte("c"), nil), "Delete": s.Delete([]byte("a")), "Commit": s.Commit(),
		"Load": s.Load(func(_, _ []byte) error { return nil }), "Tx": txErr, "Bucket": bucketErr,
	} {
		if got != err {
			t.Errorf("%s: %v, want the error of Commit", call, got)
		}
	}
	must(t, s.Close())
	if got := contents(t, open(t, path, nil)); got != "a=1 " {
		t.Errorf("contents %q", got)
	}
}

// bbolt panics if the file is damaged. A program that recovers can close the store.
func TestCommitPanics(t *testing.T) {
	path := newPath(t)
	s := open(t, path, nil)
	info, err := os.Stat(path)
	must(t, err)
	put(t, s, "a", "1")
	must(t, s.Commit())
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	defer file.Close()
	page := int64(os.Getpagesize())
	_, err = file.WriteAt(bytes.Repeat([]byte{0xff}, int(info.Size()-2*page)), 2*page) // all but the meta pages
	must(t, err)
	put(t, s, "b", "2")
	panicked := func() (v any) {
		defer func() { v = recover() }()
		return s.Commit()
	}()
	if _, isErr := panicked.(error); panicked == nil || isErr {
		t.Errorf("Commit: %v, want a panic", panicked)
	}
	must(t, s.Close()) // does not wait for the transaction
}

// The sessions of a file have buckets of their own. The last store closes the file.
func TestBuckets(t *testing.T) {
	path := newPath(t)
	first := open(t, path, &bolt.Options{LockTimeout: -1})
	second, err := first.Bucket("second")
	must(t, err)
	put(t, first, "a", "1")
	put(t, second, "a", "2")
	must(t, second.Commit(), first.Commit())
	put(t, second, "b", "lost")
	for _, name := range []string{"second", defaultBucket} {
		_, err := first.Bucket(name)
		looptest.WantErr(t, err, bolt.ErrLocked, `bucket "`+name+`" of `+path)
	}
	must(t, first.Close())
	_, err = first.Bucket("third")
	looptest.WantErr(t, err, bolt.ErrClosed, path)
	_, err = bolt.Open(path, &bolt.Options{LockTimeout: -1})
	looptest.WantErr(t, err, bolt.ErrLocked, path)
	again, err := second.Bucket(defaultBucket)
	must(t, err)
	if got := contents(t, again) + contents(t, second); got != "a=1 a=2 " {
		t.Errorf("contents %q", got)
	}
	must(t, second.Close(), again.Close())
	if got := contents(t, open(t, path, &bolt.Options{Bucket: "second"})); got != "a=2 " {
		t.Errorf("contents %q", got)
	}
}

// A program that removes the bucket of the session gets an error, and the session keeps its state.
func TestBucketRemoved(t *testing.T) {
	path := newPath(t)
	s := open(t, path, nil)
	put(t, s, "a", "1")
	must(t, s.Commit())
	tx, err := s.Tx()
	must(t, err, tx.DeleteBucket([]byte(defaultBucket)))
	err = s.Commit()
	looptest.WantErr(t, err, bbolterrors.ErrBucketNotFound, path)
	if again := s.Commit(); again != err {
		t.Errorf("the next Commit: %v", again)
	}
	must(t, s.Close())
	if got := contents(t, open(t, path, nil)); got != "a=1 " {
		t.Errorf("contents %q", got)
	}
}

// The memory of a large commit is released.
func TestLargeCommitReleased(t *testing.T) {
	s := open(t, newPath(t), &bolt.Options{NoSync: true})
	before := looptest.LiveHeap()
	put(t, s, "large", strings.Repeat("x", 16<<20))
	must(t, s.Commit())
	if grown := looptest.LiveHeap() - before; grown > 1<<20 {
		t.Errorf("%d bytes of heap are in use after the commit", grown)
	}
}
