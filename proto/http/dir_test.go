package http_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
)

// newDir makes a directory with files, links and special files, and a secret beside it.
func newDir(t *testing.T) string {
	t.Helper()
	base := t.TempDir()
	web := filepath.Join(base, "web")
	write := func(name, data string) {
		path := filepath.Join(base, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(data), 0o644))
	}
	write("secret.txt", "secret")
	write("web/a.txt", "0123456789")
	write("web/dir/b.txt", "b")
	write("web/locked.txt", "locked")
	write("web/dir/index.html/c.txt", "an index that is a directory")
	must(t, os.Symlink("../a.txt", filepath.Join(web, "dir/inside.txt")))
	must(t, os.Symlink("../secret.txt", filepath.Join(web, "outside.txt")))
	must(t, os.Symlink(filepath.Join(base, "secret.txt"), filepath.Join(web, "absolute.txt")))
	must(t, os.Symlink("..", filepath.Join(web, "up")))
	must(t, os.Symlink("/dev/zero", filepath.Join(web, "zero")))
	must(t, os.Symlink("loop", filepath.Join(web, "loop")))
	must(t, os.Symlink("nothing", filepath.Join(web, "dangling")))
	must(t, syscall.Mkfifo(filepath.Join(web, "fifo"), 0o644))
	must(t, syscall.Mkfifo(filepath.Join(web, "a.txt.gz"), 0o644))
	return web
}

// Links that lead outside and special files are answered with 404, and none of them blocks the
// loop.
func TestDirDoesNotLeadOutside(t *testing.T) {
	web := newDir(t)
	files, err := http.Dir(web)
	must(t, err)
	s := serving(t, &http.ServeOptions{FS: files, List: true})
	const gz = "Accept-Encoding: gzip\r\n"
	for path, want := range map[string]string{
		"/a.txt": "0123456789", "/dir/b.txt": "b", "/dir/inside.txt": "0123456789",
		"/outside.txt": "404 Not Found\n", "/absolute.txt": "404 Not Found\n", "/up/secret.txt": "404 Not Found\n",
		"/up/": "404 Not Found\n", "/up": "404 Not Found\n", "/up/web/a.txt": "404 Not Found\n", "/zero": "404 Not Found\n",
		"/loop": "404 Not Found\n", "/dangling": "404 Not Found\n", "/fifo": "404 Not Found\n", "/a.txt.gz": "404 Not Found\n",
		"/a.txt/b": "404 Not Found\n", "/dir/index.html": "301 Moved Permanently\n",
	} {
		if got := s.ask("GET", path, gz); got.body != want {
			t.Errorf("%s: %d %q, want %q", path, got.status, got.body, want)
		}
	}
}

// locked is a file system with a file that the process may see and not read. The error is the one
// that a Dir gets from the system. Permissions of real files do not work here: root may read all.
type locked struct {
	fs.StatFS
	name string
}

func (l locked) Open(name string) (fs.File, error) {
	if name == l.name {
		return nil, &fs.PathError{Op: "openat", Path: name, Err: syscall.EACCES}
	}
	return l.StatFS.Open(name)
}

// A file that the system does not allow to read is answered with 403. Others are served.
func TestDirWithoutPermission(t *testing.T) {
	files, err := http.Dir(newDir(t))
	must(t, err)
	s := serving(t, &http.ServeOptions{FS: locked{files, "locked.txt"}})
	for path, want := range map[string]int{"/locked.txt": 403, "/a.txt": 200} {
		if got := s.ask("GET", path, ""); got.status != want {
			t.Errorf("%s: %d %q, want %d", path, got.status, got.body, want)
		}
	}
}

func TestDir(t *testing.T) {
	web := newDir(t)
	_, err := http.Dir(filepath.Join(web, "missing"))
	looptest.WantErr(t, err, fs.ErrNotExist, "http: Dir:")
	_, err = http.Dir(filepath.Join(web, "a.txt"))
	looptest.WantErr(t, err, nil, "a.txt: not a directory")

	stock := looptest.TakeStock(t)
	files, err := http.Dir(web)
	must(t, err)
	for _, name := range []string{"../secret.txt", "/a.txt", "", "dir/../a.txt"} {
		_, err := files.Open(name)
		looptest.WantErr(t, err, fs.ErrInvalid, name)
		_, err = files.Stat(name)
		looptest.WantErr(t, err, fs.ErrInvalid, name)
	}
	for _, name := range []string{"outside.txt", "up/secret.txt"} {
		_, err := files.Open(name)
		looptest.WantErr(t, err, fs.ErrNotExist, name)
		_, err = files.Stat(name)
		looptest.WantErr(t, err, fs.ErrNotExist, name)
	}
	fifo, err := files.Open("fifo") // does not block
	must(t, err)
	must(t, fifo.Close())
	if data, err := fs.ReadFile(files, "dir/inside.txt"); err != nil || string(data) != "0123456789" {
		t.Errorf("%q, %v", data, err)
	}
	must(t, files.(interface{ Close() error }).Close())
	_, err = files.Open("a.txt")
	looptest.WantErr(t, err, fs.ErrClosed)
	stock.Check(t, 0)
}
