package main

import (
	"os"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

// Files and pipes are no terminals: they get what is written, and no line of progress.
func TestNoTerminal(t *testing.T) {
	r, w, err := os.Pipe()
	looptest.Must(t, err)
	defer r.Close()
	defer w.Close()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	looptest.Must(t, err)
	defer null.Close()
	for _, f := range []*os.File{w, null} {
		if newScreen(f).isTerminal() {
			t.Errorf("%s is a terminal", f.Name())
		}
	}
	var b strings.Builder
	s := newScreen(&b)
	s.show("progress")
	s.Write([]byte("a record\n"))
	s.show("")
	if b.String() != "a record\n" {
		t.Errorf("%q", b.String())
	}
}
