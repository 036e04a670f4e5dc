package broker

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Passwords are the users of a file that mosquitto_passwd has written, with salted hashes of their
// passwords. It does not change: other goroutines may use it.
type Passwords struct {
	users map[string]*hash
	decoy hash // for unknown users: costs as much as the most expensive of users
}

// hash is a hash of a password: PBKDF2 with HMAC-SHA-512.
type hash struct {
	iterations int
	salt, key  []byte
}

// maxIterations is the largest number of iterations that a file may ask for: several seconds.
const maxIterations = 10_000_000

// ReadPasswords reads a file in the format of mosquitto_passwd. A line is
//
//	user:$7$iterations$salt$key
//
// with salt and key in base64. Empty lines and lines that begin with # are ignored. Errors name the
// file and the line.
func ReadPasswords(file string) (*Passwords, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	p, err := parsePasswords(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s:%w", file, err)
	}
	return p, nil
}

// parsePasswords parses the text of a file. An error begins with the number of the line.
func parsePasswords(text string) (*Passwords, error) {
	p := &Passwords{users: make(map[string]*hash), decoy: hash{1, make([]byte, 12), make([]byte, sha512.Size)}}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		user, encoded, _ := strings.Cut(line, ":")
		h, err := parseHash(encoded)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%d: %w", n, err)
		case p.users[user] != nil:
			return nil, fmt.Errorf("%d: the user %.100q has two lines", n, user)
		}
		p.users[user] = h
		p.decoy.iterations = max(p.decoy.iterations, h.iterations)
	}
	return p, nil
}

// parseHash parses the part of a line after the user name. Its errors show nothing of it: it may be
// a password in plain text.
func parseHash(encoded string) (*hash, error) {
	part := strings.Split(encoded, "$")
	switch {
	case len(part) < 2 || part[0] != "":
		return nil, errors.New("want user:$7$iterations$salt$key, as mosquitto_passwd writes it; passwords in plain text are not allowed")
	case part[1] != "7":
		return nil, errors.New("the hash is not of the type $7$, which mosquitto_passwd -H sha512-pbkdf2 writes")
	case len(part) != 5:
		return nil, fmt.Errorf("the hash has %d parts, want 4: $7$iterations$salt$key", len(part)-1)
	}
	iterations, err := strconv.Atoi(part[2])
	if err != nil || iterations < 1 || iterations > maxIterations {
		return nil, fmt.Errorf("the iterations are not a number from 1 to %d", maxIterations)
	}
	salt, err := base64.StdEncoding.DecodeString(part[3])
	if err != nil || len(salt) == 0 {
		return nil, errors.New("the salt is not base64, or empty")
	}
	key, err := base64.StdEncoding.DecodeString(part[4])
	if err != nil || len(key) != sha512.Size {
		return nil, fmt.Errorf("the key is not base64 of %d bytes", sha512.Size)
	}
	return &hash{iterations, salt, key}, nil
}

// Len returns the number of users.
func (p *Passwords) Len() int { return len(p.users) }

// Check reports whether a password is that of a user. It takes as long for a user that does not
// exist, if all hashes have the same number of iterations.
func (p *Passwords) Check(user string, password []byte) bool {
	h, known := p.users[user]
	if !known {
		h = &p.decoy
	}
	key, err := pbkdf2.Key(sha512.New, string(password), h.salt, h.iterations, len(h.key))
	same := err == nil && subtle.ConstantTimeCompare(key, h.key) == 1
	return same && known && bytes.IndexByte(password, 0) < 0 // HMAC ignores zeros at the end of a key
}
