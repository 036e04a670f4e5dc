package reactor_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// The path of a UNIX-domain listener exists while the listener does. A file that exists
// already stays.
func TestUnixPath(t *testing.T) {
	m := newManager(t)
	path := filepath.Join(t.TempDir(), "socket")
	r := &recorder{}
	l := listen(t, m, "unix://"+path, r.Handle)
	if st, err := os.Stat(path); err != nil || st.Mode()&fs.ModeSocket == 0 {
		t.Fatalf("%v, %v", st, err)
	}
	if _, err := m.Listen("unix://"+path, nil, nil); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("a second listener: %v", err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("after a refused one: %v", err)
	}
	if l.LocalAddr().IsValid() {
		t.Errorf("LocalAddr %v", l.LocalAddr())
	}
	l.Close()
	await(t, m, "EvClose", r.Closed)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after EvClose: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Listen("unix://"+file, nil, nil); err == nil {
		t.Error("listens where a file is")
	}
	if b, err := os.ReadFile(file); string(b) != "precious" {
		t.Errorf("the file has %q, %v", b, err)
	}
	if _, err := m.Listen("unix:///"+strings.Repeat("x", 300), nil, nil); err == nil {
		t.Error("listens on a path that is too long")
	}
}

// The kernel ends a path at a NUL. A URL with one is refused, so that no other path
// is bound or connected to.
func TestUnixPathWithNUL(t *testing.T) {
	m := newManager(t)
	path := filepath.Join(t.TempDir(), "s")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	looptest.NewSocket(t, fd)
	for _, tail := range []string{"%00", "%00b", "%00/../s"} {
		if u, err := reactor.ParseURL("unix://" + path + tail); err == nil {
			t.Errorf("ParseURL took %q: %+v", tail, u)
		}
		if _, err := m.Listen("unix://"+path+tail, nil, nil); err == nil {
			t.Errorf("Listen took %q", tail)
		}
		if _, err := os.Stat(path); err == nil {
			t.Fatalf("%q was bound as %s", tail, path)
		}
		if _, err := m.Connect("unix://"+path+tail, nil, nil); err == nil {
			t.Errorf("Connect took %q", tail)
		}
	}
	if _, err := reactor.ParseURL("unix://%00" + path); err == nil {
		t.Error("an abstract name is no path")
	}
}

// listenerEndings are the ways in which a listener ends.
var listenerEndings = map[string]func(t *testing.T, m *reactor.Manager, l *reactor.Conn, r *recorder){
	"Close": func(t *testing.T, m *reactor.Manager, l *reactor.Conn, r *recorder) {
		l.Close()
		await(t, m, "EvClose", r.Closed)
	},
	"Drain": func(t *testing.T, m *reactor.Manager, l *reactor.Conn, r *recorder) {
		l.Drain()
		await(t, m, "EvClose", r.Closed)
	},
	"Fail": func(t *testing.T, m *reactor.Manager, l *reactor.Conn, r *recorder) {
		l.Fail(errors.New("enough"))
		await(t, m, "EvClose", r.Closed)
	},
	"Abort": func(t *testing.T, m *reactor.Manager, l *reactor.Conn, r *recorder) {
		l.Abort()
		await(t, m, "EvClose", r.Closed)
	},
	"Manager.Close": func(t *testing.T, m *reactor.Manager, _ *reactor.Conn, r *recorder) {
		looptest.Must(t, m.Close())
	},
	"Manager.Drain": func(t *testing.T, m *reactor.Manager, _ *reactor.Conn, r *recorder) {
		_, err := m.Drain(time.Second)
		looptest.Must(t, err)
	},
}

// another makes a UNIX-domain listener that does not belong to the manager.
func another(t *testing.T, path string) *peer {
	t.Helper()
	p := looptest.NewSocket(t, unixSocket(t))
	looptest.Must(t, unix.Bind(p.FD, &unix.SockaddrUnix{Name: path}))
	looptest.Must(t, unix.Listen(p.FD, 4))
	return p
}

// answers fails the test unless a connection to the path reaches the listener.
func answers(t *testing.T, path string, p *peer) {
	t.Helper()
	if err := unix.Connect(looptest.NewSocket(t, unixSocket(t)).FD, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatalf("connect %s: %v", filepath.Base(path), err)
	}
	if p.Accept() == nil {
		t.Error("another listener answers")
	}
}

// A listener that ends removes its path only if its own socket is still there. It does
// not remove what another has put there, nor its own socket under another name.
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
		for name, part := range listenerEndings {
			t.Run(row.name+", "+name, func(t *testing.T) {
				m := newManager(t)
				r := &recorder{}
				dir := filepath.Join(shortDir(t), "d")
				looptest.Must(t, os.Mkdir(dir, 0o700))
				path := filepath.Join(dir, "p")
				l := listen(t, m, "unix://"+path, r.Handle)
				spin(t, m, 2)
				check := row.change(t, path, filepath.Join(dir, "q"))
				part(t, m, l, r)
				if !r.Closed() {
					t.Fatal("the listener is not closed")
				}
				check()
			})
		}
	}
}

// A listener may follow another of the same manager on one path.
func TestUnixPathTakenOver(t *testing.T) {
	m := newManager(t)
	path := filepath.Join(shortDir(t), "p")
	old, next := &recorder{}, &recorder{}
	first := listen(t, m, "unix://"+path, old.Handle)
	spin(t, m, 1)
	looptest.Must(t, os.Remove(path))
	second := listen(t, m, "unix://"+path, next.Handle)
	first.Close()
	await(t, m, "EvClose", old.Closed)
	dial(t, m, "unix://"+path, nil)
	await(t, m, "EvAccept", next.Saw(reactor.EvAccept))
	second.Close()
	await(t, m, "EvClose", next.Closed)
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
