package reactor

import "testing"

// UseKqueue puts a manager that has no connections yet on the fake kqueue,
// whose every report comes twice if so wanted.
func UseKqueue(t testing.TB, m *Manager, double bool) {
	f := newFakeKqueue(t, bsdNumbers)
	if double {
		f.script = twice
	}
	use(t, m, f)
}
