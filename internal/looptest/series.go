package looptest

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// Series checks a long stream of numbered pieces without keeping it. It is an
// io.Writer.
type Series struct {
	piece func(i int) []byte
	rest  []byte // of the piece that arrives
	n     int
	err   error
}

// NewSeries makes a Series of piece(0), piece(1) and so on. piece may return the
// same memory each time.
func NewSeries(piece func(i int) []byte) *Series { return &Series{piece: piece} }

// Write takes the next bytes of the stream. The error names the first piece that is
// not as it should be.
func (s *Series) Write(p []byte) (int, error) {
	taken := 0
	for taken < len(p) && s.err == nil {
		if len(s.rest) == 0 {
			s.rest = s.piece(s.n)
		}
		n := min(len(p)-taken, len(s.rest))
		got, want := p[taken:taken+n], s.rest[:n]
		if !bytes.Equal(got, want) {
			s.err = fmt.Errorf("piece %d, %d bytes before its end: %q, want %q",
				s.n, len(s.rest), got[:min(n, 60)], want[:min(n, 60)])
			break
		}
		taken += n
		if s.rest = s.rest[n:]; len(s.rest) == 0 {
			s.n++
		}
	}
	return taken, s.err
}

// Len returns how many pieces came whole.
func (s *Series) Len() int { return s.n }

// Err returns what the first failed Write returned.
func (s *Series) Err() error { return s.err }

// Progress runs the loop until step reports that all is done. It gives up when the count
// that step returns has not grown for as many as Turns turns.
func Progress(t testing.TB, m *reactor.Manager, what string, step func() (count int, done bool)) {
	t.Helper()
	for best, idle := -1, 0; idle < Turns; idle++ {
		n, done := step()
		if done {
			return
		}
		if n > best {
			best, idle = n, 0
		}
		if err := m.Poll(5 * time.Millisecond); err != nil {
			t.Fatalf("%s: Poll: %v", what, err)
		}
	}
	n, _ := step()
	t.Fatalf("%s: stuck at %d", what, n)
}
