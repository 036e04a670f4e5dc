// Package storetest tests stores of package session. A test of a store calls Run:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, storetest.Config{
//			Open: func(dir string) (storetest.Store, error) { return mystore.Open(dir) },
//		})
//	}
//
// The package also has Memory, a simple store in memory with simulated crashes. It does not import
// package session, so that the tests inside package session may use it too.
package storetest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Store has the methods of session.Store. The comments there are the contract.
type Store interface {
	Load(fn func(key, value []byte) error) error
	Put(key, value []byte) error
	Delete(key []byte) error
	Commit() error
	Close() error
}

// Config says how to open the stores that Run tests.
type Config struct {
	// Open opens the store in an existing folder. If there is none, it makes an empty one.
	Open func(dir string) (Store, error)
	// Copy makes the folder to look like the folder from would look if the process were killed
	// now. Both exist, and to is empty. A store may be open in from. Nil copies the files.
	Copy func(from, to string) error
}

// Run tests the stores that config opens. Each rule of the contract is a subtest.
func Run(t *testing.T, config Config) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			if err := run(config, c.run, t.TempDir()); err != nil {
				t.Error(err)
			}
		})
	}
}

// run runs one check in an empty folder.
func run(config Config, check func(*probe), dir string) error {
	p := &probe{config: config, root: dir, committed: map[string]string{}, pending: map[string]*string{}}
	if p.config.Copy == nil {
		p.config.Copy = copyFiles
	}
	p.dir = p.folder()
	p.open()
	if p.err == nil {
		check(p)
	}
	if p.store != nil {
		if err := p.store.Close(); err != nil {
			p.fail("Close: %w", err)
		}
	}
	return p.err
}

// copyFiles copies the files of a folder that has no subfolders.
func copyFiles(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			return fmt.Errorf("%s is not a regular file: Config needs Copy", filepath.Join(from, e.Name()))
		}
		data, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, e.Name()), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}
