package looptest

import (
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

// Stock is what the process held when TakeStock counted it.
type Stock struct {
	files    []string
	routines int
}

// leakTimeout is how long goroutines may take to end. Only a test that fails waits so long.
var leakTimeout = time.Minute

// descriptorTimeout is how long there may be too many descriptors. A descriptor that a thread
// opens only for a call, or is about to close, is no leak. Only a test that fails waits so long.
var descriptorTimeout = 10 * time.Second

// TakeStock counts the process's descriptors and goroutines.
func TakeStock(t testing.TB) Stock {
	t.Helper()
	s := Stock{OpenFiles(), runtime.NumGoroutine()}
	if len(s.files) == 0 {
		t.Fatal("descriptors cannot be counted")
	}
	return s
}

// Check fails the test if there are more goroutines than there were, for which
// it waits a while, or, for longer than a moment, more descriptors than there were
// and spare.
func (s Stock) Check(t testing.TB, spare int) {
	t.Helper()
	for deadline := time.Now().Add(leakTimeout); runtime.NumGoroutine() > s.routines; runtime.Gosched() {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<16)
			t.Errorf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), s.routines, buf[:runtime.Stack(buf, true)])
			break
		}
	}
	now := OpenFiles()
	for deadline := time.Now().Add(descriptorTimeout); len(now) > len(s.files)+spare; now = OpenFiles() {
		if time.Now().After(deadline) {
			t.Errorf("%d descriptors, %d before; new: %v", len(now), len(s.files), s.since(now))
			return
		}
		runtime.Gosched()
	}
}

// since lists the descriptors that there were not, with what each refers to.
func (s Stock) since(now []string) (more []string) {
	for _, fd := range now {
		if !slices.Contains(s.files, fd) {
			target, _ := os.Readlink(folder() + "/" + fd)
			more = append(more, fd+"="+target)
		}
	}
	return more
}

// CheckLeaks fails the test if, at its end, there are more descriptors or
// goroutines than now. What is to be released must be registered for
// cleaning up later than this.
func CheckLeaks(t testing.TB) {
	t.Helper()
	s := TakeStock(t)
	t.Cleanup(func() {
		t.Helper()
		s.Check(t, 0)
	})
}

// OpenFiles lists the process's descriptors by number, the one that lists them
// included. It returns nil if they cannot be counted.
func OpenFiles() []string {
	warmUp()
	return openFiles()
}

// warmUp lets the runtime open what it keeps open, before anything is counted.
var warmUp = sync.OnceFunc(func() {
	if r, w, err := os.Pipe(); err == nil {
		r.SetReadDeadline(time.Now())
		r.Read(make([]byte, 1))
		r.Close()
		w.Close()
	}
	openFiles()
})

func openFiles() (list []string) {
	entries, err := os.ReadDir(folder())
	if err != nil {
		return nil
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// folder is where the system shows the process's descriptors.
var folder = sync.OnceValue(func() string {
	const linux = "/proc/self/fd" // there with what each refers to
	if _, err := os.Stat(linux); err != nil {
		return "/dev/fd"
	}
	return linux
})
