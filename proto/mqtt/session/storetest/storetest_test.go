package storetest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/proto/mqtt/session/storetest"
)

// The interface is the session's: each can be assigned to the other.
var (
	_ session.Store   = storetest.Store(nil)
	_ storetest.Store = session.Store(nil)
)

func TestRun(t *testing.T) {
	var m storetest.Memory
	storetest.Run(t, storetest.Config{
		Open: func(dir string) (storetest.Store, error) {
			s, err := m.Open(dir)
			if err != nil {
				return nil, err
			}
			return s, nil
		},
		Copy: m.Copy,
	})
}

// Without Config.Copy the files of the folder are copied.
func TestRunCopiesFiles(t *testing.T) {
	var m storetest.Memory
	storetest.Run(t, storetest.Config{Open: func(dir string) (storetest.Store, error) {
		name := filepath.Join(dir, "name") // of the folder in m: its contents move with the file
		if key, err := os.ReadFile(name); err == nil && string(key) != dir {
			m.Copy(string(key), dir)
		}
		if err := os.WriteFile(name, []byte(dir), 0o600); err != nil {
			return nil, err
		}
		s, err := m.Open(dir)
		if err != nil {
			return nil, err
		}
		return s, nil
	}})
}
