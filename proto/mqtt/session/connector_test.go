package session

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
)

// The tests of the connector are internal: it is a state machine that programs do not see.

var (
	errCut     = errors.New("connection cut")
	errBadUser = &mqtt.RefusedError{Cmd: mqtt.CmdConnack, Code: mqtt.ReasonBadUserNameOrPassword, Version: 5}
)

// longest is a random number that is as large as possible.
func longest(n int64) int64 { return n - 1 }

// script runs a connector through steps such as "up 40s", "cut", "fail" and returns what it does.
type script struct {
	c   *connector
	now time.Time
	url string
	out []string
}

func newScript(retryRefused bool, urls ...string) *script {
	b := Backoff{Min: time.Second, Max: 10 * time.Second, Stable: 30 * time.Second}
	return &script{c: newConnector(urls, b, retryRefused, longest), now: time.Unix(1000, 0)}
}

func (s *script) note(v verdict) {
	if v.final {
		s.out = append(s.out, "final")
		return
	}
	s.out = append(s.out, v.wait.String())
}

func (s *script) attempt() {
	url, n := s.c.next()
	s.url = url
	s.out = append(s.out, fmt.Sprintf("%d:%s", n, strings.TrimPrefix(url, "mqtt://")))
}

func (s *script) fail(err error) { s.attempt(); s.note(s.c.failed(s.url, err)) }

func (s *script) up(d time.Duration, err error) {
	s.attempt()
	s.c.up(s.now)
	s.now = s.now.Add(d)
	s.out = append(s.out, "up")
	s.note(s.c.down(s.now, s.url, err))
}

func redirect(cmd mqtt.Cmd, code mqtt.ReasonCode, to string) error {
	return &mqtt.RefusedError{Cmd: cmd, Code: code, Version: 5, ServerReference: to}
}

func TestConnector(t *testing.T) {
	const other, moved = mqtt.ReasonUseAnotherServer, mqtt.ReasonServerMoved
	tests := []struct {
		name  string
		urls  string
		retry bool
		run   func(s *script)
		want  string
	}{
		{"the bound doubles up to the maximum", "a", false, func(s *script) {
			for range 6 {
				s.fail(errCut)
			}
		}, "1:a 1s 2:a 2s 3:a 4s 4:a 8s 5:a 10s 6:a 10s"},
		{"URLs in turn", "a b c", false, func(s *script) {
			for range 4 {
				s.fail(errCut)
			}
		}, "1:a 1s 2:b 2s 3:c 4s 4:a 8s"},
		{"a stable connection resets the bound and the URL stays", "a b", false, func(s *script) {
			s.fail(errCut)
			s.up(30*time.Second, errCut)
			s.fail(errCut)
		}, "1:a 1s 2:b up 1s 1:b 2s"},
		{"a short connection resets the number, not the bound", "a", false, func(s *script) {
			s.fail(errCut)
			s.up(30*time.Second-1, errCut)
			s.up(0, errCut)
		}, "1:a 1s 2:a up 2s 1:a up 4s"},
		{"all URLs refuse", "a b", false, func(s *script) {
			s.fail(errBadUser)
			s.fail(errBadUser)
		}, "1:a 1s 2:b final"},
		{"a URL that has refused is not tried again", "a b c", false, func(s *script) {
			s.fail(errBadUser)
			s.fail(errCut)
			s.fail(errBadUser)
			s.fail(errCut)
			s.fail(errBadUser)
		}, "1:a 1s 2:b 2s 3:c 4s 4:b 8s 5:b final"},
		{"a connection that was up forgets refusals", "a b", false, func(s *script) {
			s.fail(errBadUser)
			s.up(time.Hour, errCut)
			s.fail(errBadUser)
			s.fail(errBadUser)
		}, "1:a 1s 2:b up 1s 1:b 2s 2:a final"},
		{"RetryRefused", "a", true, func(s *script) {
			s.fail(errBadUser)
			s.fail(errBadUser)
		}, "1:a 1s 2:a 2s"},
		{"use another server: until each has failed", "a b", false, func(s *script) {
			s.fail(redirect(mqtt.CmdConnack, other, "x y"))
			s.fail(errCut)
			s.fail(errCut)
			s.fail(errCut)
		}, "1:a 1s 2:x 2s 3:y 4s 4:b 8s"},
		{"use another server: until it was up", "a b", false, func(s *script) {
			s.fail(redirect(mqtt.CmdConnack, other, "x"))
			s.up(time.Hour, errCut)
			s.fail(errCut)
		}, "1:a 1s 2:x up 1s 1:a 2s"},
		{"use another server: while connected", "a b", false, func(s *script) {
			s.up(time.Hour, redirect(mqtt.CmdDisconnect, other, "x"))
			s.up(time.Hour, errCut)
			s.fail(errCut)
		}, "1:a up 1s 1:x up 1s 1:a 2s"},
		{"the other server names another one", "a", false, func(s *script) {
			s.fail(redirect(mqtt.CmdConnack, other, "x y"))
			s.fail(redirect(mqtt.CmdConnack, other, "z"))
			s.fail(errCut)
			s.fail(errCut)
			s.fail(errCut)
		}, "1:a 1s 2:x 2s 3:z 4s 4:y 8s 5:a 10s"},
		{"all other servers refuse: as if the first one did", "a", false, func(s *script) {
			s.fail(redirect(mqtt.CmdConnack, other, "x y"))
			s.fail(errBadUser)
			s.fail(errBadUser)
		}, "1:a 1s 2:x 2s 3:y final"},
		{"one of the other servers only fails", "a", false, func(s *script) {
			s.fail(redirect(mqtt.CmdConnack, other, "x y"))
			s.fail(errCut)
			s.fail(errBadUser)
			s.fail(errBadUser)
		}, "1:a 1s 2:x 2s 3:y 4s 4:a final"},
		{"server moved", "a b c", false, func(s *script) {
			s.fail(errBadUser)
			s.fail(redirect(mqtt.CmdConnack, moved, "x y"))
			for range 4 {
				s.fail(errCut)
			}
		}, "1:a 1s 2:b 2s 3:x 4s 4:y 8s 5:c 10s 6:x 10s"},
		{"server moved while connected", "a b", false, func(s *script) {
			s.up(time.Hour, redirect(mqtt.CmdDisconnect, moved, "x"))
			s.up(time.Hour, errCut)
			s.fail(errCut)
			s.fail(errCut)
			s.fail(errCut)
		}, "1:a up 1s 1:x up 1s 1:x 2s 2:b 4s 3:x 8s"},
		{"another server moves: the URL stays", "a", false, func(s *script) {
			s.fail(redirect(mqtt.CmdConnack, other, "x"))
			s.up(time.Hour, redirect(mqtt.CmdDisconnect, moved, "y"))
			s.fail(errCut)
			s.fail(errCut)
		}, "1:a 1s 2:x up 1s 1:y 2s 2:a 4s"},
		{"server moved, but nobody knows where", "a b", false, func(s *script) {
			s.fail(redirect(mqtt.CmdConnack, moved, "x y:0"))
			s.fail(redirect(mqtt.CmdConnack, moved, ""))
		}, "1:a 1s 2:b final"},
		{"use another server, but nobody knows which", "a b", false, func(s *script) {
			s.fail(redirect(mqtt.CmdConnack, other, "://"))
			s.fail(redirect(mqtt.CmdConnack, other, ""))
			s.fail(errCut)
		}, "1:a 1s 2:b 2s 3:a 4s"},
		{"two servers that name each other", "a", false, func(s *script) {
			s.fail(redirect(mqtt.CmdConnack, other, "x"))
			s.fail(redirect(mqtt.CmdConnack, other, "a"))
			s.fail(redirect(mqtt.CmdConnack, other, "x"))
			s.fail(redirect(mqtt.CmdConnack, other, "a"))
		}, "1:a 1s 2:x 2s 3:a 4s 4:x 8s"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var urls []string
			for _, u := range strings.Fields(test.urls) {
				urls = append(urls, "mqtt://"+u)
			}
			before := strings.Join(urls, " ")
			s := newScript(test.retry, urls...)
			test.run(s)
			if got := strings.Join(s.out, " "); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if strings.Join(urls, " ") != before {
				t.Errorf("the URLs of the options were changed: %v", urls)
			}
		})
	}
}

// The delay is between 0 and the bound, both included. Large bounds do not overflow.
func TestConnectorDelay(t *testing.T) {
	for _, test := range []struct {
		name     string
		b        Backoff
		random   func(int64) int64
		failures int
		want     time.Duration
	}{
		{"shortest", Backoff{}, func(int64) int64 { return 0 }, 3, 0},
		{"default", Backoff{}, longest, 0, DefaultBackoffMin},
		{"default maximum", Backoff{}, longest, 100, DefaultBackoffMax},
		{"overflow", Backoff{Min: time.Hour, Max: math.MaxInt64}, longest, 62, math.MaxInt64 - 1},
		{"far beyond", Backoff{Min: 1, Max: math.MaxInt64}, longest, 1000, math.MaxInt64 - 1},
		{"Min above the default of Max", Backoff{Min: time.Hour}, longest, 0, time.Hour},
		{"Min above Max", Backoff{Min: time.Hour, Max: time.Minute}, longest, 0, time.Minute},
	} {
		c := newConnector([]string{"mqtt://a"}, test.b, false, test.random)
		c.failures = test.failures
		if got := c.delay(); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestHeals(t *testing.T) {
	connack := func(version uint8, code mqtt.ReasonCode) error {
		return fmt.Errorf("wrapped: %w", &mqtt.RefusedError{Cmd: mqtt.CmdConnack, Code: code, Version: version})
	}
	handshake := func(status int, header string) error { return &ws.HandshakeError{Status: status, Header: header} }
	tests := map[error]bool{
		errCut:                                   true,
		connack(4, 1):                            false,
		connack(4, 2):                            false,
		connack(4, 3):                            true,
		connack(4, 4):                            false,
		connack(4, 5):                            false,
		connack(5, 0x80):                         true,
		connack(5, 0x84):                         false,
		connack(5, 0x85):                         false,
		connack(5, 0x86):                         false,
		connack(5, 0x87):                         false,
		connack(5, 0x88):                         true,
		connack(5, 0x89):                         true,
		connack(5, 0x8A):                         false,
		connack(5, 0x8C):                         false,
		connack(5, 0x97):                         true,
		connack(5, 0x9A):                         false,
		connack(5, 0x9B):                         false,
		connack(5, 0x9C):                         true,
		connack(5, 0x9D):                         false,
		connack(5, 0x9F):                         true,
		handshake(401, ""):                       false,
		handshake(403, ""):                       false,
		handshake(404, ""):                       true,
		handshake(503, ""):                       true,
		handshake(101, "Sec-WebSocket-Protocol"): false,
		handshake(101, "Sec-WebSocket-Accept"):   true,
		fmt.Errorf("wrapped: %w", mqtt.ErrVersion):           false,
		redirect(mqtt.CmdDisconnect, 0x87, ""):               true, // a later CONNACK says so, if it lasts
		fmt.Errorf("x: %w", errors.Join(errBadUser, errCut)): false,
	}
	for err, want := range tests {
		if got := heals(err); got != want {
			t.Errorf("%v: heals %v, want %v", err, got, want)
		}
	}
}

// An error about a reference names the reference and what is wrong.
func TestServerReferenceError(t *testing.T) {
	err := redirect(mqtt.CmdConnack, mqtt.ReasonUseAnotherServer, "x:99999\n")
	_, _, got := serverReference("mqtt://a", err)
	for _, words := range []string{err.Error(), `Server Reference "x:99999\n" is ignored`, "1..65535"} {
		if !strings.Contains(got.Error(), words) {
			t.Errorf("%q does not say %q", got, words)
		}
	}
	if !errors.Is(got, err) {
		t.Error("the error does not wrap the refusal")
	}
	old := &mqtt.RefusedError{Cmd: mqtt.CmdConnack, Code: 0x9C, Version: 4, ServerReference: "x"}
	if servers, _, _ := serverReference("mqtt://a", old); servers != nil {
		t.Error("a reference of 3.1.1 was used")
	}
}

// Servers that name each other, or more and more others, do not keep a session from its other URLs.
// The lists stay short.
func TestConnectorLoops(t *testing.T) {
	many := strings.Repeat("x ", maxReferences)
	for _, code := range []mqtt.ReasonCode{mqtt.ReasonUseAnotherServer, mqtt.ReasonServerMoved} {
		for name, answer := range map[string]func(url string) string{
			"two": func(url string) string {
				return map[bool]string{true: "b", false: "a"}[strings.HasSuffix(url, "/a")]
			},
			"many": func(string) string { return many },
		} {
			s := newScript(false, "mqtt://a", "mqtt://good")
			for range 3000 {
				if s.attempt(); strings.HasSuffix(s.url, "good") {
					s.note(s.c.failed(s.url, errCut))
				} else {
					s.note(s.c.failed(s.url, redirect(mqtt.CmdConnack, code, answer(s.url))))
				}
				if len(s.c.others) > maxReferences || len(s.c.urls) > maxMoved {
					t.Fatalf("%s, %v: %d others, %d URLs", name, code, len(s.c.others), len(s.c.urls))
				}
			}
			if !strings.Contains(strings.Join(s.out, " "), ":good") {
				t.Errorf("%s, %v: the second URL was never tried", name, code)
			}
		}
	}
}
