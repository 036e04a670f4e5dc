package reactor_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"golang.org/x/sys/unix"
)

// The error of a failed write is that of the write, whatever reading says afterwards.
func TestErrorOfWriteOnlyPipe(t *testing.T) {
	m := newManager(t)
	var p [2]int
	looptest.Must(t, unix.Pipe(p[:]))
	r := &recorder{}
	c, err := m.WrapFD(p[1], r.handle, nil)
	looptest.Must(t, err)
	spin(t, m, 2)
	unix.Close(p[0])
	c.Write([]byte("x"))
	await(t, m, "EvClose", r.closed)
	if err := r.err(t); !errors.Is(err, unix.EPIPE) || strings.Contains(err.Error(), "read") {
		t.Errorf("error %v", err)
	}
}
