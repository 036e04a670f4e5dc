package httpd

import (
	"flag"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// -listen replaces the default, and may be repeated. What cannot be listened on is refused before
// anything begins.
func TestFlags(t *testing.T) {
	for _, row := range []struct {
		args string
		urls string
		err  string // part of it
	}{
		{"", "http://127.0.0.1:8000", ""},
		{"-listen http://:1", "http://:1", ""},
		{"-listen http://:1 -listen unix:///a/b", "http://:1 unix:///a/b", ""},
		{"-listen https://:1 -cert a -key b", "https://:1", ""},
		{"-listen https://:1", "https://:1", "https://:1 needs -cert and -key"},
		{"-listen HTTPS://:1", "HTTPS://:1", "HTTPS://:1 needs -cert and -key"},
		{"-listen http://:1 -listen ws://:1", "http://:1 ws://:1", "-listen ws://:1: want http://host:port, https://host:port or unix:///path"},
	} {
		var s Server
		f := flag.NewFlagSet("", flag.ContinueOnError)
		s.Flags(f, "http://127.0.0.1:8000")
		looptest.Must(t, f.Parse(strings.Fields(row.args)))
		err := s.Check()
		if !slices.Equal(s.urls, strings.Fields(row.urls)) || (err == nil) != (row.err == "") || err != nil && err.Error() != row.err {
			t.Errorf("%q: %q, %v", row.args, s.urls, err)
		}
	}
}

func TestBadFlagsBeginNothing(t *testing.T) {
	s := Server{urls: []string{"tcp://:1"}}
	err := s.Run(slog.New(slog.NewTextHandler(io.Discard, nil)), func(*reactor.Manager) (reactor.Handler, error) {
		t.Error("begin is called")
		return nil, nil
	})
	looptest.WantErr(t, err, nil, "-listen tcp://:1: want http")
}
