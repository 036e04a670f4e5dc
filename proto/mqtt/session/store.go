package session

// Store keeps the state of a session where it survives the process: messages of QoS 1 and 2 that
// have no outcome, and the identifiers of received QoS 2 messages. It is a small ordered map whose
// changes take effect together. A store belongs to one session at a time: opening it a second time
// is an error. Keys have at least one byte; values may be empty. Package storetest has a test suite
// for stores.
type Store interface {
	// Load calls fn for each committed entry, in the order of the keys' bytes. The slices are valid
	// until fn returns. fn must not change them, and must not call the store. If fn returns an
	// error, Load returns it.
	Load(fn func(key, value []byte) error) error
	// Put sets the value of a key, and Delete removes a key. They copy the slices. They may keep
	// the change in memory until Commit. Delete of a key that is not there does nothing.
	Put(key, value []byte) error
	Delete(key []byte) error
	// Commit makes all changes since the last Commit durable, all or none. The session sends no
	// packet that depends on a change before Commit has returned nil. It also calls Commit if it
	// has made no change: a store may have changes of the program to commit, otherwise the call
	// must be cheap. After an error the store accepts no more calls, except for Close.
	Commit() error
	// Close closes the store. Changes that are not committed are lost. A second Close does nothing.
	// All other calls after Close return an error.
	Close() error
}
