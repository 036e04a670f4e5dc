package storetest

import (
	"errors"
	"strings"
	"testing"
)

// The first failure is kept, and ends the check.
func TestProbeFirstFailure(t *testing.T) {
	var m Memory
	calls := 0
	err := run(Config{Open: func(dir string) (Store, error) { return m.Open(dir) }, Copy: m.Copy}, func(p *probe) {
		p.fail("first")
		p.fail("second")
		p.put("a", "1")
		p.delete("a")
		p.commit()
		p.reopen()
		p.crash()
		p.want()
		calls = len(p.pending) + len(p.committed) + p.folders
	}, t.TempDir())
	if err == nil || err.Error() != "first" || calls != 1 {
		t.Errorf("error %v, state %d", err, calls)
	}
}

// A store that cannot be opened is reported.
func TestProbeOpen(t *testing.T) {
	broken := errors.New("broken")
	err := run(Config{Open: func(string) (Store, error) { return nil, broken }}, func(*probe) { t.Error("ran") }, t.TempDir())
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "Open") {
		t.Errorf("error %v", err)
	}
}
