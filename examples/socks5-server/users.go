package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"os"
	"strings"
)

// users are the digests of the passwords by user name. Digests have one length, so the time of a
// comparison says nothing about a password.
type users map[string][sha256.Size]byte

// readUsers reads a file with a line user:password for each user. Empty lines and lines that begin
// with # are ignored.
func readUsers(file string) (users, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	all := users{}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		name, password, ok := strings.Cut(line, ":")
		switch _, twice := all[name]; {
		case !ok:
			return nil, fmt.Errorf("%s:%d: want user:password", file, number)
		case len(name) == 0 || len(name) > 255 || len(password) == 0 || len(password) > 255: // [RFC 1929 2]
			return nil, fmt.Errorf("%s:%d: user and password have 1 to 255 bytes", file, number)
		case twice:
			return nil, fmt.Errorf("%s:%d: the user %q is there twice", file, number, name)
		}
		all[name] = sha256.Sum256([]byte(password))
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: no user", file)
	}
	return all, nil
}

// has reports whether a user has this password.
func (u users) has(name, password []byte) bool {
	want, known := u[string(name)]
	got := sha256.Sum256(password)
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1 && known
}
