package looptest

import (
	"os"
	"os/exec"
	"testing"
)

// Missing skips the test, because this machine lacks something that the test needs. If the variable
// RIKKI_REQUIRE_ALL is set, the test fails instead. The arguments are those of fmt.Sprintf.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("RIKKI_REQUIRE_ALL") != "" {
		t.Fatalf(format+", and RIKKI_REQUIRE_ALL is set", args...)
	}
	t.Skipf(format, args...)
}

// Installed returns the path of a program, which may have several names. If none is installed, the
// test is skipped or fails as with Missing. Installed also looks in /usr/sbin: Debian has servers
// there, and it is not in every PATH.
func Installed(t testing.TB, names ...string) string {
	t.Helper()
	for _, name := range names {
		for _, at := range []string{name, "/usr/sbin/" + name} {
			if path, err := exec.LookPath(at); err == nil {
				return path
			}
		}
	}
	Missing(t, "%s is not installed", names[0])
	return ""
}
