package interop

import (
	"regexp"
	"sync"
	"testing"
	"time"
)

// transcript keeps lines that others write, such as a program. A test waits for lines.
type transcript struct {
	t    *testing.T
	name string
	done chan struct{} // closed when no more lines follow

	mu    sync.Mutex
	lines []string
	more  chan struct{} // closed and replaced when there is another line
	taken int           // number of lines that next has passed
}

func newTranscript(t *testing.T, name string) transcript {
	return transcript{t: t, name: name, done: make(chan struct{}), more: make(chan struct{})}
}

// add appends a line.
func (l *transcript) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	close(l.more)
	l.more = make(chan struct{})
}

// count returns the number of lines so far that match.
func (l *transcript) count(expr string) (n int) {
	re := regexp.MustCompile(expr)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if re.MatchString(line) {
			n++
		}
	}
	return n
}

// match waits for a line that matches and returns its submatches. It returns nil if the program
// ends without such a line.
func (l *transcript) match(expr string) []string {
	l.t.Helper()
	m, _ := l.find(0, expr)
	return m
}

// next is match for the lines after the one that the last next returned.
func (l *transcript) next(expr string) (m []string) {
	l.t.Helper()
	m, l.taken = l.find(l.taken, expr)
	return m
}

// find waits for a line that matches, from line number next on. It returns the number of
// the line behind it.
func (l *transcript) find(next int, expr string) (m []string, after int) {
	l.t.Helper()
	re := regexp.MustCompile(expr)
	late := time.After(timeout)
	for {
		l.mu.Lock()
		lines, more := l.lines, l.more
		l.mu.Unlock()
		for ; next < len(lines); next++ {
			if m := re.FindStringSubmatch(lines[next]); m != nil {
				return m, next + 1
			}
		}
		select {
		case <-more:
		case <-l.done:
			l.mu.Lock()
			ended := next == len(l.lines)
			l.mu.Unlock()
			if ended {
				return nil, next
			}
		case <-late:
			l.t.Errorf("timeout: %s wrote no line that matches %q", l.name, expr)
			return nil, next
		}
	}
}
