package bolt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// file is an open file. The stores of several sessions share it, also those of several goroutines.
type file struct {
	db      *bbolt.DB
	path    string
	timeout time.Duration
	writer  chan struct{} // has one element while a store has a write transaction

	mu     sync.Mutex
	stores map[string]bool // names of the buckets that are in use
}

// openFile opens or creates a file.
func openFile(path string, o Options) (*file, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:      max(o.LockTimeout, 1), // 0 would wait without limit
		NoSync:       o.NoSync,
		FreelistType: bbolt.FreelistMapType,
	})
	switch {
	case errors.Is(err, bbolterrors.ErrTimeout):
		return nil, fmt.Errorf("bolt: open %s: %w: another process has it open, or this process has; "+
			"for several sessions in one file use Store.Bucket", path, ErrLocked)
	case err != nil:
		return nil, fmt.Errorf("bolt: open %s: %w", path, withoutPath(err))
	}
	if err := makeDurable(db, path); err != nil {
		db.Close()
		return nil, fmt.Errorf("bolt: open %s: %w", path, err)
	}
	return &file{db: db, path: path, timeout: o.LockTimeout, writer: make(chan struct{}, 1), stores: map[string]bool{}}, nil
}

// withoutPath returns the reason of an error that names the file.
func withoutPath(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// makeDurable makes the entry of a new file in its folder durable. A file without buckets counts as
// new: the process that has created it may have been killed before it did that.
func makeDurable(db *bbolt.DB, path string) error {
	if db.NoSync {
		return nil
	}
	isNew := false
	err := db.View(func(tx *bbolt.Tx) error {
		first, _ := tx.Cursor().First()
		isNew = first == nil
		return nil
	})
	if err != nil || !isNew {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}

// begin begins the write transaction. There is one at a time in the file. A store that cannot have
// it within the timeout gets an error: if the other store belongs to the same loop, it would wait
// forever.
func (f *file) begin() (*bbolt.Tx, error) {
	select {
	case f.writer <- struct{}{}:
	default:
		timer := time.NewTimer(max(f.timeout, 0))
		defer timer.Stop()
		select {
		case f.writer <- struct{}{}:
		case <-timer.C:
			return nil, ErrBusy
		}
	}
	tx, err := f.db.Begin(true)
	if err != nil {
		<-f.writer
	}
	return tx, err
}

// end is called after the transaction of begin has ended.
func (f *file) end() { <-f.writer }

// store makes the store of a bucket.
func (f *file) store(bucket string) (*Store, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stores[bucket] {
		return nil, fmt.Errorf("bolt: bucket %q of %s: %w by another session of this process", bucket, f.path, ErrLocked)
	}
	if err := f.create([]byte(bucket)); err != nil {
		return nil, fmt.Errorf("bolt: bucket %q of %s: %w", bucket, f.path, err)
	}
	f.stores[bucket] = true
	return &Store{file: f, bucket: []byte(bucket)}, nil
}

// create creates a bucket, unless the file has it.
func (f *file) create(bucket []byte) error {
	found := false
	err := f.db.View(func(tx *bbolt.Tx) error {
		found = tx.Bucket(bucket) != nil
		return nil
	})
	if err != nil || found {
		return err
	}
	tx, err := f.begin()
	if err != nil {
		return err
	}
	defer f.end()
	if _, err := tx.CreateBucket(bucket); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// release is called when a store is closed. The last one closes the file.
func (f *file) release(bucket string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.stores, bucket)
	if len(f.stores) > 0 {
		return nil
	}
	return f.db.Close()
}
