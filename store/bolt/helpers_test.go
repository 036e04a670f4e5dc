package bolt_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rikki-go/rikki/store/bolt"
)

// defaultBucket is the bucket of a store without Options.Bucket.
const defaultBucket = "mqtt session"

// program is what the test binary is in a child process. The first argument says which.
func program() {
	run := map[string]func(args []string) error{"hold": hold, "publish": publisher, "receive": receiver}[os.Args[1]]
	if err := run(os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// hold opens a file and keeps it open until standard input ends.
func hold(args []string) error {
	s, err := bolt.Open(args[0], nil)
	if err != nil {
		return err
	}
	fmt.Println("open")
	os.Stdin.Read(make([]byte, 1))
	return s.Close()
}

// open opens a store that is closed when the test ends.
func open(t testing.TB, path string, opts *bolt.Options) *bolt.Store {
	t.Helper()
	s, err := bolt.Open(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// newPath returns the path of a file that does not exist.
func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "session.db") }

// must fails the test if one of the errors is not nil.
func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// contents returns the entries of a store as "key=value ".
func contents(t testing.TB, s *bolt.Store) (all string) {
	t.Helper()
	must(t, s.Load(func(k, v []byte) error {
		all += string(k) + "=" + string(v) + " "
		return nil
	}))
	return all
}

func put(t testing.TB, s *bolt.Store, key, value string) {
	t.Helper()
	must(t, s.Put([]byte(key), []byte(value)))
}
