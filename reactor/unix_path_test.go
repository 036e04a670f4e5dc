package reactor_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// partings are the ways in which a listener ends.
var partings = map[string]func(t *testing.T, m *reactor.Manager, l *reactor.Conn, r *recorder){
	"Close": func(t *testing.T, m *reactor.Manager, l *reactor.Conn, r *recorder) {
		l.Close()
		await(t, m, "EvClose", r.closed)
	},
	"Drain": func(t *testing.T, m *reactor.Manager, l *reactor.Conn, r *recorder) {
		l.Drain()
		await(t, m, "EvClose", r.closed)
	},
	"Fail": func(t *testing.T, m *reactor.Manager, l *reactor.Conn, r *recorder) {
		l.Fail(errors.New("enough"))
		await(t, m, "EvClose", r.closed)
	},
	"Abort": func(t *testing.T, m *reactor.Manager, l *reactor.Conn, r *recorder) {
		l.Abort()
		await(t, m, "EvClose", r.closed)
	},
	"Manager.Close": func(t *testing.T, m *reactor.Manager, _ *reactor.Conn, r *recorder) {
		looptest.Must(t, m.Close())
	},
	"Manager.Drain": func(t *testing.T, m *reactor.Manager, _ *reactor.Conn, r *recorder) {
		_, err := m.Drain(time.Second)
		looptest.Must(t, err)
	},
}

// another is a UNIX-domain listener of somebody else.
func another(t *testing.T, path string) *peer {
	t.Helper()
	p := newPeer(t, unixSocket(t))
	looptest.Must(t, unix.Bind(p.fd, &unix.SockaddrUnix{Name: path}))
	looptest.Must(t, unix.Listen(p.fd, 4))
	return p
}

// answers fails the test unless a connection to the path reaches the listener.
func answers(t *testing.T, path string, p *peer) {
	t.Helper()
	if err := unix.Connect(newPeer(t, unixSocket(t)).fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatalf("connect %s: %v", filepath.Base(path), err)
	}
	if acceptRaw(t, p) == nil {
		t.Error("another listener answers")
	}
}

// A listener removes its path at its end if that still is its own socket: somebody else's
// stays, whatever it is, and so does its own under another name.
func TestUnixPathOfOthersStays(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(t *testing.T, p, q string) (check func()) // of the path, and one beside it
	}{
		{"still its own", func(t *testing.T, p, _ string) func() {
			return func() { gone(t, p) }
		}},
		{"removed", func(t *testing.T, p, _ string) func() {
			looptest.Must(t, os.Remove(p))
			return func() { gone(t, p) }
		}},
		{"removed and bound by another", func(t *testing.T, p, _ string) func() {
			looptest.Must(t, os.Remove(p))
			other := another(t, p)
			return func() { answers(t, p, other) }
		}},
		{"replaced by another's rename", func(t *testing.T, p, q string) func() {
			other := another(t, q)
			looptest.Must(t, os.Rename(q, p))
			return func() { answers(t, p, other) }
		}},
		{"renamed", func(t *testing.T, p, q string) func() {
			looptest.Must(t, os.Rename(p, q))
			return func() { gone(t, p); stays(t, q, fs.ModeSocket) }
		}},
		{"renamed, and its path bound by another", func(t *testing.T, p, q string) func() {
			looptest.Must(t, os.Rename(p, q))
			other := another(t, p)
			return func() { answers(t, p, other); stays(t, q, fs.ModeSocket) }
		}},
		{"renamed, and a link to it left", func(t *testing.T, p, q string) func() {
			looptest.Must(t, os.Rename(p, q))
			looptest.Must(t, os.Symlink(q, p))
			return func() { stays(t, p, fs.ModeSymlink); stays(t, q, fs.ModeSocket) }
		}},
		{"linked under another name", func(t *testing.T, p, q string) func() {
			looptest.Must(t, os.Link(p, q))
			return func() { gone(t, p); stays(t, q, fs.ModeSocket) }
		}},
		{"replaced by a file", func(t *testing.T, p, _ string) func() {
			looptest.Must(t, os.Remove(p))
			looptest.Must(t, os.WriteFile(p, []byte("not ours"), 0o600))
			return func() { stays(t, p, 0) }
		}},
		{"replaced by a folder", func(t *testing.T, p, _ string) func() {
			looptest.Must(t, os.Remove(p))
			looptest.Must(t, os.Mkdir(p, 0o700))
			return func() { stays(t, p, fs.ModeDir) }
		}},
		{"its folder is gone", func(t *testing.T, p, _ string) func() {
			looptest.Must(t, os.RemoveAll(filepath.Dir(p)))
			return func() { gone(t, p) }
		}},
		{"its folder is another", func(t *testing.T, p, _ string) func() {
			dir := filepath.Dir(p)
			looptest.Must(t, os.Rename(dir, dir+".old"))
			looptest.Must(t, os.Mkdir(dir, 0o700))
			other := another(t, p)
			return func() { answers(t, p, other) }
		}},
	} {
		for name, part := range partings {
			t.Run(row.name+", "+name, func(t *testing.T) {
				m := newManager(t)
				r := &recorder{}
				dir := filepath.Join(shortDir(t), "d")
				looptest.Must(t, os.Mkdir(dir, 0o700))
				path := filepath.Join(dir, "p")
				l := listen(t, m, "unix://"+path, r.handle)
				spin(t, m, 2)
				check := row.change(t, path, filepath.Join(dir, "q"))
				part(t, m, l, r)
				if !r.closed() {
					t.Fatal("the listener is not closed")
				}
				check()
			})
		}
	}
}

// Two listeners of one manager may follow each other on one path.
func TestUnixPathTakenOver(t *testing.T) {
	m := newManager(t)
	path := filepath.Join(shortDir(t), "p")
	old, next := &recorder{}, &recorder{}
	first := listen(t, m, "unix://"+path, old.handle)
	spin(t, m, 1)
	looptest.Must(t, os.Remove(path))
	second := listen(t, m, "unix://"+path, next.handle)
	first.Close()
	await(t, m, "EvClose", old.closed)
	dial(t, m, "unix://"+path, nil)
	await(t, m, "EvAccept", next.saw(reactor.EvAccept))
	second.Close()
	await(t, m, "EvClose", next.closed)
	gone(t, path)
}

func gone(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: %v, want it gone", filepath.Base(path), err)
	}
}

func stays(t *testing.T, path string, kind fs.FileMode) {
	t.Helper()
	if info, err := os.Lstat(path); err != nil {
		t.Errorf("want it to stay: %v", err)
	} else if info.Mode().Type() != kind {
		t.Errorf("%s is of type %v, want %v", filepath.Base(path), info.Mode().Type(), kind)
	}
}
