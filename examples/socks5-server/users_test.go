package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func writeUsers(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestUsers(t *testing.T) {
	u, err := readUsers(writeUsers(t, "# users\n\nme:a:b\r\nyou:c"))
	if err != nil {
		t.Fatal(err)
	}
	for login, want := range map[[2]string]bool{
		{"me", "a:b"}: true, {"you", "c"}: true, {"me", "c"}: false, {"me", ""}: false, {"", ""}: false, {"x", "c"}: false, {"# users", ""}: false,
	} {
		if got := u.has([]byte(login[0]), []byte(login[1])); got != want {
			t.Errorf("%q: %v", login, got)
		}
	}
}

func TestBadUsers(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "no user",
		"me":                            ":1: want user:password",
		"a:b\n:c":                       ":2: user and password have 1 to 255 bytes",
		"a:":                            ":1: user and password have 1 to 255 bytes",
		"a:" + strings.Repeat("x", 256): ":1: user and password have 1 to 255 bytes",
		"a:b\na:c":                      `:2: the user "a" is there twice`,
	} {
		if _, err := readUsers(writeUsers(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if _, err := readUsers("/nonexistent"); err == nil {
		t.Error("a file that does not exist is read")
	}
}
