package reactor

import "testing"

// UseKqueue puts a manager that has no connections yet on a poller that reports as kqueue does,
// each report twice if double is true.
func UseKqueue(t testing.TB, m *Manager, double bool) {
	f := newFakePoller(t)
	if double {
		f.script = twice
	}
	use(t, m, f)
}
