package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// The errors of this package. Those of bbolt are wrapped.
var (
	// ErrLocked is returned by Open if the file is open already, and by Bucket for a bucket that
	// another store has.
	ErrLocked = errors.New("in use")
	// ErrBusy is the error of a Commit or Tx that would have to wait too long for the transaction
	// of another session in the same file.
	ErrBusy = errors.New("another session of the file has a transaction open")
	// ErrClosed is the error of all calls after Close.
	ErrClosed = errors.New("the store is closed")
	// ErrTxEnded is the error of a Commit after the program has committed the transaction of Tx, or
	// has rolled it back.
	ErrTxEnded = errors.New("the program has ended the transaction of Tx")
)

// A list has the changes of a store between two commits. Lists are shared, so that a session that
// changes nothing owns no memory for changes.
type list struct{ bytes []byte }

var lists = sync.Pool{New: func() any { return new(list) }}

// maxList is the size in bytes of the largest list that is used again.
const maxList = 256 << 10

// Store is a session's store: a bucket in a file of bbolt. It implements session.Store. Only the
// goroutine of the session may use it. If a Commit fails, all later calls but Close return its
// error.
type Store struct {
	file    *file
	bucket  []byte
	changes *list     // Put and Delete since the last commit, see addChange; nil: none
	tx      *bbolt.Tx // the transaction of Tx; nil if the program has not asked for it
	err     error     // of all calls
}

// Open opens a file, or creates it. opts may be nil. The error wraps ErrLocked if the file is open
// already.
func Open(path string, opts *Options) (*Store, error) {
	o := opts.resolved()
	f, err := openFile(path, o)
	if err != nil {
		return nil, err
	}
	s, err := f.store(o.Bucket)
	if err != nil {
		f.db.Close()
		return nil, err
	}
	return s, nil
}

// Bucket returns the store of another session in the same file. It has the same options. The file
// is closed with the last of its stores. Commits of several sessions in one file wait for each
// other. The error wraps ErrLocked if another store has the bucket.
func (s *Store) Bucket(name string) (*Store, error) {
	if s.err != nil {
		return nil, s.err
	}
	return s.file.store(name)
}

// DB returns the database, for transactions that only read, such as backups. Do not close it, and
// do not begin a write transaction with it: if Tx has one, both wait forever. A Commit that makes
// the file larger waits until all transactions that read have ended, and so does the last Close. So
// end them soon, and on the goroutine of the session before the handler returns.
func (s *Store) DB() *bbolt.DB { return s.file.db }

// Tx returns the write transaction that the next Commit of the session commits. What the program
// writes in other buckets is committed together with the state of the session. Call it in the
// handler of a message or directly before Publish, and do not keep it. Do not commit it and do not
// roll it back. Until the commit no other session of the file can commit. After a panic of the
// handler let the process end: with reactor.Recover the next Commit commits half of the changes.
func (s *Store) Tx() (*bbolt.Tx, error) {
	if s.err != nil {
		return nil, s.err
	}
	if s.tx == nil {
		tx, err := s.file.begin()
		if err != nil {
			return nil, s.wrap(err)
		}
		s.tx = tx
	}
	return s.tx, nil
}

// wrap adds the name of the file to an error.
func (s *Store) wrap(err error) error { return fmt.Errorf("bolt: %s: %w", s.file.path, err) }

// Load calls fn for each committed entry, in the order of the keys. The slices lie in the mapped
// file: fn must not change them.
func (s *Store) Load(fn func(key, value []byte) error) error {
	if s.err != nil {
		return s.err
	}
	var stop error // returned as it is
	err := s.file.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket(s.bucket)
		if b == nil {
			return bbolterrors.ErrBucketNotFound
		}
		c := b.Cursor()
		for k, v := c.First(); k != nil && stop == nil; k, v = c.Next() {
			stop = fn(k, v)
		}
		return nil
	})
	if err != nil {
		return s.wrap(err)
	}
	return stop
}

// Put sets the value of a key with the next Commit. It copies the slices. Keys have 1 to 32,768
// bytes.
func (s *Store) Put(key, value []byte) error {
	switch {
	case s.err != nil:
		return s.err
	case len(key) == 0:
		return s.wrap(bbolterrors.ErrKeyRequired)
	case len(key) > bbolt.MaxKeySize:
		return s.wrap(bbolterrors.ErrKeyTooLarge)
	case len(value) > bbolt.MaxValueSize:
		return s.wrap(bbolterrors.ErrValueTooLarge)
	}
	s.addChange(opPut, key, value)
	return nil
}

// Delete removes a key with the next Commit. It copies the slice.
func (s *Store) Delete(key []byte) error {
	if s.err != nil {
		return s.err
	}
	s.addChange(opDelete, key, nil)
	return nil
}

// The kinds of changes.
const (
	opPut    = 'p'
	opDelete = 'd'
)

// addChange appends a change: its kind, the sizes of key and value, the key, the value. The changes
// are applied by the commit, so that a session does not hold the only write transaction of the file
// longer than necessary.
func (s *Store) addChange(op byte, key, value []byte) {
	if s.changes == nil {
		s.changes = lists.Get().(*list)
	}
	b := append(s.changes.bytes, op)
	b = binary.AppendUvarint(b, uint64(len(key)))
	b = binary.AppendUvarint(b, uint64(len(value)))
	b = append(b, key...)
	s.changes.bytes = append(b, value...)
}

// forget removes all changes.
func (s *Store) forget() {
	if s.changes != nil && cap(s.changes.bytes) <= maxList {
		s.changes.bytes = s.changes.bytes[:0]
		lists.Put(s.changes)
	}
	s.changes = nil
}

// apply makes the changes. The transaction refers to the values in s.changes until it ends.
func (s *Store) apply(tx *bbolt.Tx) error {
	b := tx.Bucket(s.bucket)
	if b == nil {
		return bbolterrors.ErrBucketNotFound
	}
	if s.changes == nil {
		return nil
	}
	for rest := s.changes.bytes; len(rest) > 0; {
		op := rest[0]
		keySize, n := binary.Uvarint(rest[1:])
		valueSize, m := binary.Uvarint(rest[1+n:])
		rest = rest[1+n+m:]
		key, value := rest[:keySize], rest[keySize:][:valueSize]
		rest = rest[keySize+valueSize:]
		var err error
		if op == opPut {
			err = b.Put(key, value)
		} else {
			err = b.Delete(key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Commit makes all changes durable, and those of the program in the transaction of Tx, all or none.
// Without changes and without a call of Tx it does nothing.
func (s *Store) Commit() error {
	if s.err != nil || s.tx == nil && s.changes == nil {
		return s.err
	}
	tx := s.tx
	if s.tx = nil; tx == nil {
		var err error
		if tx, err = s.file.begin(); err != nil {
			s.err = s.wrap(err)
			return s.err
		}
	}
	defer s.file.end()
	if err := s.finish(tx); err != nil {
		s.err = s.wrap(err)
		return s.err
	}
	s.forget()
	return nil
}

// finish applies the changes and ends the transaction. It also ends the transaction if bbolt panics
// because the file is damaged: otherwise Close would wait for it.
func (s *Store) finish(tx *bbolt.Tx) error {
	if tx.DB() == nil {
		return ErrTxEnded
	}
	defer func() {
		if tx.DB() != nil { // not after a Commit
			tx.Rollback()
		}
	}()
	if err := s.apply(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// Close closes the store. Changes that were not committed are lost, also those of Tx. The last
// store of a file closes the file. A second Close does nothing.
func (s *Store) Close() error {
	if errors.Is(s.err, ErrClosed) {
		return nil
	}
	if s.tx != nil {
		if s.tx.DB() != nil {
			s.tx.Rollback() // fails only if the transaction has ended
		}
		s.tx = nil
		s.file.end()
	}
	s.err = s.wrap(ErrClosed)
	s.forget()
	if err := s.file.release(string(s.bucket)); err != nil {
		return s.wrap(err)
	}
	return nil
}
