package bolt_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	bbolterrors "go.etcd.io/bbolt/errors"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/store/bolt"
)

// A new file can be read by its owner only.
func TestFileMode(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	path := newPath(t)
	open(t, path, nil)
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

// The error of Open names the file and the reason, once.
func TestOpenFails(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	must(t, os.WriteFile(text, []byte(strings.Repeat("no database\n", 1000)), 0o600))
	for _, row := range []struct {
		path string
		is   error
	}{
		{filepath.Join(dir, "no", "such"), syscall.ENOENT},
		{dir, syscall.EISDIR},
		{text, bbolterrors.ErrInvalid},
	} {
		_, err := bolt.Open(row.path, nil)
		looptest.WantErr(t, err, row.is, "bolt: open "+row.path+": ")
		if err != nil && strings.Count(err.Error(), row.path) != 1 {
			t.Errorf("%v", err)
		}
	}
}

// A file that another process has open is an error that says so. When this process has been
// killed, the file can be opened.
func TestFileLockedByProcess(t *testing.T) {
	path := newPath(t)
	cmd := looptest.Command(t, "hold", path)
	stdin, err := cmd.StdinPipe()
	must(t, err)
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	must(t, err, cmd.Start())
	if _, err := fmt.Fscanln(stdout, new(string)); err != nil {
		t.Fatal(err)
	}
	_, err = bolt.Open(path, &bolt.Options{LockTimeout: -1})
	looptest.WantErr(t, err, bolt.ErrLocked, path, "another process has it open")
	must(t, cmd.Process.Kill())
	cmd.Wait()
	open(t, path, &bolt.Options{LockTimeout: -1})
}

// The pages of messages that are gone are used again: after the first messages the file keeps its
// size.
func TestFileSize(t *testing.T) {
	path := newPath(t)
	s := open(t, path, &bolt.Options{NoSync: true})
	size := func() int64 {
		info, err := os.Stat(path)
		must(t, err)
		return info.Size()
	}
	var first int64
	for i := range 5000 {
		put(t, s, fmt.Sprintf("o%08d", i), strings.Repeat("x", 1000))
		if i >= 100 {
			must(t, s.Delete(fmt.Appendf(nil, "o%08d", i-100)))
		}
		must(t, s.Commit())
		if i == 500 {
			first = size()
		}
	}
	t.Logf("%d bytes with 100 messages of 1,000 bytes", size())
	if last := size(); last > 2*first || last > 4<<20 {
		t.Errorf("%d bytes after 5,000 messages, %d after 500", last, first)
	}
}

// Nothing stays open after the last Close.
func TestFileCloses(t *testing.T) {
	stock := looptest.TakeStock(t)
	for range 3 {
		s := open(t, newPath(t), nil)
		other, err := s.Bucket("other")
		must(t, err)
		_, err = other.Tx()
		must(t, err, s.Close(), other.Close())
	}
	stock.Check(t, 0)
}
