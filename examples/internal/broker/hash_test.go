package broker

import (
	"crypto/pbkdf2"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

// fromMosquitto has two lines of mosquitto_passwd 2.0: the passwords are "secret" and
// "pa:ss $7$ wörd".
const fromMosquitto = `alice:$7$101$XmDt60FsOTjIzoni$ZaxRAqDuUdx+VkWXPXccTncy2q3lfaQIlIgwMddKth8MhOrvVhFMceiTMoTEI89CodJOwAHWd7ogsCIOVJh8Eg==
bob:$7$101$js6U8GEt9QuK4OMD$XmIX55XrKv1knBR+z91fJGMr9Ks0c9tmBl/yJDoGv5AdXGe5vV1WhVBWpdZamS5xyUXP+mg0B88jm2dxpOAtfg==
`

// line makes a line of a password file.
func line(user, password string, iterations int) string {
	salt := []byte("salt of " + user)
	key, err := pbkdf2.Key(sha512.New, password, salt, iterations, sha512.Size)
	if err != nil {
		panic(err)
	}
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("%s:$7$%d$%s$%s\n", user, iterations, encode(salt), encode(key))
}

func TestPasswords(t *testing.T) {
	p, err := parsePasswords("# comment\n\n" + fromMosquitto + line("empty", "", 1) + line("", "nobody", 3) + strings.TrimSuffix(line("last", "x", 1000), "\n"))
	if err != nil {
		t.Fatal(err)
	}
	if p.Len() != 5 || p.decoy.iterations != 1000 {
		t.Errorf("%d users; an unknown one costs %d iterations, want the most of all", p.Len(), p.decoy.iterations)
	}
	for _, tc := range []struct {
		user, password string
		want           bool
	}{
		{"alice", "secret", true},
		{"alice", "Secret", false},
		{"alice", "", false},
		{"alice", "secret\x00", false},
		{"Alice", "secret", false},
		{"bob", "pa:ss $7$ wörd", true},
		{"empty", "", true},
		{"empty", "x", false},
		{"", "nobody", true},
		{"last", "x", true},
		{"nobody", "", false},
		{"# comment", "", false},
	} {
		if got := p.Check(tc.user, []byte(tc.password)); got != tc.want {
			t.Errorf("user %q, password %q: %v", tc.user, tc.password, got)
		}
	}
}

// Errors name the file, the line and what is wrong, and do not show a password or its hash.
func TestPasswordFileErrors(t *testing.T) {
	good := line("good", "x", 1)
	_, hash, _ := strings.Cut(strings.TrimSpace(good), ":")
	part := strings.Split(hash, "$")
	for name, tc := range map[string]struct{ line, want string }{
		"plain text":          {"bob:hunter2", "plain text"},
		"no hash":             {"bob", "want user:$7$"},
		"empty hash":          {"bob:", "want user:$7$"},
		"old hash":            {"bob:$6$c2FsdA==$aGFzaA==", "not of the type $7$"},
		"plain text with $":   {"bob:$hunter2", "not of the type $7$"},
		"plain text with $7$": {"bob:$7$hunter2$" + part[3] + "$" + part[4], "the iterations"},
		"too few parts":       {"bob:$7$101$c2FsdA==", "3 parts, want 4"},
		"too many parts":      {"bob:" + hash + "$x", "5 parts, want 4"},
		"no iterations":       {"bob:$7$$" + part[3] + "$" + part[4], "the iterations are not a number from 1 to 10000000"},
		"zero iterations":     {"bob:$7$0$" + part[3] + "$" + part[4], "the iterations"},
		"too many iterations": {"bob:$7$10000001$" + part[3] + "$" + part[4], "the iterations"},
		"no salt":             {"bob:$7$1$$" + part[4], "the salt"},
		"bad salt":            {"bob:$7$1$hunter2!$" + part[4], "the salt"},
		"short key":           {"bob:$7$1$c2FsdA==$aHVudGVyMg==", "the key is not base64 of 64 bytes"},
		"bad key":             {"bob:$7$1$c2FsdA==$hunter2!", "the key is not base64"},
		"twice":               {strings.TrimSpace(good), `the user "good" has two lines`},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "passwords")
			if err := os.WriteFile(file, []byte("\n"+good+tc.line+"\r\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			p, err := ReadPasswords(file)
			looptest.WantErr(t, err, nil, tc.want)
			if p != nil || err != nil && (!strings.HasPrefix(err.Error(), file+":3: ") || strings.Contains(err.Error(), "hunter2")) {
				t.Errorf("%v", err)
			}
		})
	}
	_, err := ReadPasswords("no/such")
	looptest.WantErr(t, err, os.ErrNotExist, "no/such")
}

// FuzzPasswords checks that a file is refused or has users whose hashes can be computed.
func FuzzPasswords(f *testing.F) {
	f.Add("# comment\n\n" + fromMosquitto)
	f.Add(line("a", "b", 1))
	f.Add("bob:$7$101$c2FsdA==$aGFzaA==\n")
	f.Add("bob:$6$c2FsdA==$aGFzaA==")
	f.Add(":\n:$\n$7$")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePasswords(text)
		if err != nil {
			var n int
			if _, scanErr := fmt.Sscanf(err.Error(), "%d: ", &n); scanErr != nil || n < 1 || n > strings.Count(text, "\n")+1 {
				t.Errorf("the error does not begin with a line: %v", err)
			}
			return
		}
		for user, h := range p.users {
			if h.iterations < 1 || h.iterations > p.decoy.iterations || len(h.salt) == 0 || len(h.key) != sha512.Size {
				t.Errorf("user %q: %+v", user, h)
			}
			if !strings.Contains(text, user+":$7$") {
				t.Errorf("user %q is not in the file", user)
			}
		}
	})
}
