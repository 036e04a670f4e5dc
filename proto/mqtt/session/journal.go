package session

import (
	"fmt"

	"github.com/rikki-go/rikki/internal/quote"
)

// journal passes the changes of the state machines to the store, and notes whether there are any
// to commit. Without a store every call is free. After the first error all calls return it: what
// the store has kept is not known, so the session must end.
type journal struct {
	store   Store
	dirty   bool   // there are changes since the last commit
	commits uint64 // that have succeeded
	err     error
}

// durable reports whether there is a store.
func (j *journal) durable() bool { return j.store != nil }

// put sets the value of a key. The store copies the slices.
func (j *journal) put(key, value []byte) error {
	if j.store == nil || j.err != nil {
		return j.err
	}
	j.dirty = true
	return j.note("put", key, j.store.Put(key, value))
}

// delete removes a key. A key that is not there is no error.
func (j *journal) delete(key []byte) error {
	if j.store == nil || j.err != nil {
		return j.err
	}
	j.dirty = true
	return j.note("delete", key, j.store.Delete(key))
}

// commit makes the changes durable. The session calls it before it sends packets that depend on
// them, and before it tells outcomes. It calls the store also without changes: the program may have
// made some with the store, for example those that follow from a message of QoS 1 that the session
// is about to acknowledge.
func (j *journal) commit() error {
	if j.store == nil || j.err != nil {
		return j.err
	}
	j.dirty = false
	err := j.note("commit", nil, j.store.Commit())
	if err == nil {
		j.commits++
	}
	return err
}

// next returns the number of the commit that makes the changes up to now durable.
func (j *journal) next() uint64 { return j.commits + 1 }

// done reports whether a commit has succeeded.
func (j *journal) done(commit uint64) bool { return j.store == nil || commit <= j.commits }

// note keeps the first error of the store.
func (j *journal) note(call string, key []byte, err error) error {
	switch {
	case err == nil:
		return nil
	case key == nil:
		j.err = fmt.Errorf("session: store: %s: %w", call, err)
	default:
		j.err = fmt.Errorf("session: store: %s of entry %s: %w", call, quote.Cut(key), err)
	}
	return j.err
}
