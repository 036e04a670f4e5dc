package blocking_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/blocking"
)

// fakeLoop counts posts. It is the loop's own goroutine if inside is true.
type fakeLoop struct {
	work   []func()
	inside bool
	err    error
}

func (l *fakeLoop) InHandler() bool { return l.inside }

func (l *fakeLoop) Post(work func()) error {
	l.work = append(l.work, work)
	return l.err
}

// Work is posted once until it begins.
func TestMonitorPostsOnce(t *testing.T) {
	loop, ran := new(fakeLoop), 0
	var m blocking.Monitor
	m.Init(loop, func() {
		m.Begin()
		ran++
		m.Unlock()
	})
	post := func(needed bool, want int) {
		t.Helper()
		m.Lock()
		if err := m.UnlockAndPost(needed); err != nil || len(loop.work) != want {
			t.Errorf("%v, %d posted, want %d", err, len(loop.work), want)
		}
	}
	post(false, 0)
	post(true, 1)
	post(true, 1)
	loop.work[0]()
	post(true, 2)
	loop.work[1]()
	loop.err = errors.New("closed")
	m.Lock()
	if err := m.UnlockAndPost(true); err != loop.err || ran != 2 {
		t.Errorf("%v, ran %d times", err, ran)
	}
}

// Wait returns after a broadcast. On the loop it panics, and the lock is free.
func TestMonitorWait(t *testing.T) {
	loop := new(fakeLoop)
	var m blocking.Monitor
	m.Init(loop, nil)
	var in blocking.Input
	done := false
	m.Lock()
	go func() {
		m.Lock()
		defer m.Unlock()
		if !in.HasReader() {
			t.Error("no reader while one waits")
		}
		done = true
		m.Changed.Broadcast()
	}()
	for !done {
		in.Wait(&m, "Read")
	}
	loop.inside = true
	defer func() {
		if text, _ := recover().(string); !strings.HasPrefix(text, "Read has to wait within a handler") {
			t.Errorf("panic %q", text)
		}
		m.Lock()
		if in.HasReader() {
			t.Error("a reader after its panic")
		}
		m.Unlock()
	}()
	in.Wait(&m, "Read")
}
