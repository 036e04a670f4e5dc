package main

import (
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// screen is where the log goes. On a terminal its last line is a line of progress. Several
// goroutines may use it.
type screen struct {
	w        io.Writer
	terminal *os.File // nil: none
	mu       sync.Mutex
	line     string
}

// newScreen returns a screen that writes to w.
func newScreen(w io.Writer) *screen {
	s := &screen{w: w}
	if f, ok := w.(*os.File); ok && width(f) > 0 {
		s.terminal = f
	}
	return s
}

// width returns the number of columns of a terminal, 0 if f is none.
func width(f *os.File) int {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	switch {
	case err != nil:
		return 0
	case size.Col == 0: // for example a serial line
		return 80
	}
	return int(size.Col)
}

// isTerminal reports whether the screen shows a line of progress.
func (s *screen) isTerminal() bool { return s.terminal != nil }

// clearLine moves to the first column, and erases the line [ECMA-48 8.3.41].
const clearLine = "\r\x1b[K"

// Write writes above the line of progress.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.line == "" {
		return s.w.Write(p)
	}
	if _, err := io.WriteString(s.w, clearLine+string(p)+s.line); err != nil {
		return 0, err
	}
	return len(p), nil
}

// show replaces the line of progress. An empty one removes it. line is ASCII.
func (s *screen) show(line string) {
	if s.terminal == nil {
		return
	}
	if n := width(s.terminal) - 1; n > 0 && len(line) > n {
		line = line[:n] // a longer one would scroll
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.line = line
	io.WriteString(s.w, clearLine+line)
}
