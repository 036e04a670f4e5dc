package upload

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

// root is a directory, and what must not be reached lies beside it.
func root(t *testing.T) (*os.Root, string) {
	t.Helper()
	dir := t.TempDir()
	looptest.Must(t, os.WriteFile(dir+"/secret", []byte("s"), 0o600))
	looptest.Must(t, os.Mkdir(dir+"/up", 0o777))
	r, err := os.OpenRoot(dir + "/up")
	looptest.Must(t, err)
	t.Cleanup(func() { r.Close() })
	return r, dir + "/up/"
}

func wantFile(t *testing.T, file, want string) {
	t.Helper()
	if got, err := os.ReadFile(file); err != nil || string(got) != want {
		t.Errorf("%s: %q, %v, want %q", file, got, err, want)
	}
}

func wantFiles(t *testing.T, dir string, n int) {
	t.Helper()
	if list, err := os.ReadDir(dir); err != nil || len(list) != n {
		t.Errorf("%v, %v, want %d files", list, err, n)
	}
}

func TestCheckName(t *testing.T) {
	for _, name := range []string{"a", "a.txt", "a b", "ä", "a..b", "-rf", strings.Repeat("a", 255)} {
		looptest.Must(t, CheckName(name))
	}
	for _, name := range []string{"", ".", "..", ".a", "../a", "a/b", "/a", `a\b`, "a\x00", "a\n", "a\xff", "a\u202eb", strings.Repeat("a", 256)} {
		if CheckName(name) == nil {
			t.Errorf("%q is allowed", name)
		}
		r, dir := root(t)
		if _, err := Create(r, name, -1); err == nil {
			t.Errorf("%q is created", name)
		}
		if _, err := Append(r, name, 0, nil, -1); err == nil {
			t.Errorf("%q is appended to", name)
		}
		wantFiles(t, dir, 0)
	}
}

// A file has its name when it is complete. Otherwise nothing is left of it.
func TestFile(t *testing.T) {
	r, dir := root(t)
	looptest.Must(t, os.WriteFile(dir+"a", []byte("old"), 0o666))
	f, err := Create(r, "a", 5)
	looptest.Must(t, err)
	f.Write([]byte("abc"))
	wantFile(t, dir+"a", "old")
	if n, err := f.Write([]byte("def")); n != 0 || err != ErrTooLarge {
		t.Errorf("%d, %v", n, err)
	}
	f.Write([]byte("de"))
	looptest.Must(t, f.Commit())
	f.Abort()
	wantFile(t, dir+"a", "abcde")
	f, err = Create(r, "b", -1)
	looptest.Must(t, err)
	f.Write([]byte("abc"))
	f.Abort()
	f.Abort()
	(*File)(nil).Abort()
	wantFiles(t, dir, 1)
}

// A link in the directory leads nowhere else.
func TestLink(t *testing.T) {
	r, dir := root(t)
	looptest.Must(t, os.Symlink("../secret", dir+"link"))
	if _, err := Append(r, "link", 0, []byte("x"), -1); err == nil {
		t.Error("a link is followed")
	}
	f, err := Create(r, "link", -1)
	looptest.Must(t, err)
	looptest.Must(t, f.Commit()) // replaces the link itself
	wantFile(t, dir+"../secret", "s")
}

func TestAppend(t *testing.T) {
	r, dir := root(t)
	for _, step := range []struct {
		offset int64
		piece  string
		size   int64
		err    error
		file   string
	}{
		{3, "x", 0, ErrOffset, ""},
		{0, "abc", 3, nil, "abc"},
		{4, "x", 3, ErrOffset, "abc"},
		{2, "x", 3, ErrOffset, "abc"},
		{3, "def", 6, nil, "abcdef"},
		{6, "", 6, nil, "abcdef"},
		{6, "ghi", 0, ErrTooLarge, "abcdef"},
		{-1, "g", 0, ErrTooLarge, "abcdef"},
		{1<<63 - 1, "g", 0, ErrTooLarge, "abcdef"},
		{0, "new", 3, nil, "new"},
	} {
		size, err := Append(r, "a", step.offset, []byte(step.piece), 8)
		if size != step.size || !errors.Is(err, step.err) {
			t.Errorf("%+v: %d, %v", step, size, err)
		}
		if step.file != "" {
			wantFile(t, dir+"a", step.file)
		}
	}
}
