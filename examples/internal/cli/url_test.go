package cli

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
)

// wantUsage wants an error of usage with a text, or none if the text is empty.
func wantUsage(t *testing.T, err error, text string) {
	t.Helper()
	if text == "" && err == nil {
		return
	}
	if _, ok := errors.AsType[*usage](err); !ok || err.Error() != text {
		t.Errorf("error %v, want an error of usage %q", err, text)
	}
}

func TestCheckListen(t *testing.T) {
	const host = "the host must be an IP address, localhost, or empty for all interfaces"
	for _, row := range []struct {
		url     string
		schemes []string
		want    string
	}{
		{"tcp://127.0.0.1:0", []string{"tcp", "unix"}, ""},
		{"tcp://:1", []string{"tcp"}, ""},
		{"tcp://[::1]:1/", []string{"tcp"}, ""},
		{"unix:///a/b", []string{"tcp", "unix"}, ""},
		{"http://localhost", []string{"http"}, ""},
		{"ws://127.0.0.1/path", []string{"ws"}, ""},
		{"bogus", []string{"tcp"}, `-listen: reactor: bad URL "bogus": no scheme, want for example tcp://host:port`},
		{"unix:///a", []string{"tcp"}, "-listen unix:///a: want tcp://host:port"},
		{"bogus://x", []string{"tcp", "unix"}, "-listen bogus://x: want tcp://host:port or unix:///path"},
		{"bogus://x", []string{"a", "b", "c"}, "-listen bogus://x: want a://host:port, b://host:port or c://host:port"},
		{"https://127.0.0.1:0", []string{"http"}, "-listen https://127.0.0.1:0: this example has no TLS there; websocket-server has"},
		{"http://me:s3cret@127.0.0.1", []string{"http"}, "-listen http://me:xxxxx@127.0.0.1: a listener has no user and no password"},
		{"http://example.com", []string{"http"}, "-listen http://example.com: " + host},
		{"tcp://127.0.0.1", []string{"tcp"}, "-listen tcp://127.0.0.1: the port is missing"},
		{"tcp://127.0.0.1:1/x", []string{"tcp"}, "-listen tcp://127.0.0.1:1/x: a path has no meaning here"},
		{"ws://127.0.0.1:1/?x", []string{"ws"}, "-listen ws://127.0.0.1:1/?x: a query has no meaning here"},
	} {
		wantUsage(t, CheckListen("-listen", row.url, row.schemes...), row.want)
	}
}

// Only what the system refuses is no wrong usage.
func TestListenError(t *testing.T) {
	if err := ListenError("-listen", "x", nil); err != nil {
		t.Error(err)
	}
	wantUsage(t, ListenError("-listen", "x", errors.New("bad")), "-listen: bad")
	err := ListenError("-listen", "ws://me:s3cret@h:1", fmt.Errorf("bind: %w", syscall.EADDRINUSE))
	_, wrong := errors.AsType[*usage](err)
	if wrong || err.Error() != "-listen ws://me:xxxxx@h:1: bind: address already in use" {
		t.Errorf("%v, wrong usage: %v", err, wrong)
	}
}
