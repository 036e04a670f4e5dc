package main

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"syscall"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

func TestMain(m *testing.M) {
	looptest.Main(main)
	os.Exit(m.Run())
}

func TestExitStatus(t *testing.T) {
	used := looptest.UsedAddr(t)
	for _, tc := range []struct {
		name   string
		args   []string
		status int
		stderr string // part of it
	}{
		{"help", []string{"-h"}, 0, "Usage of multi-core"},
		{"no loops", []string{"-loops", "0"}, 2, "-loops 0 is not between"},
		{"argument", []string{"x"}, 2, `unexpected argument "x"`},
		{"bad URL", []string{"-listen", "127.0.0.1"}, 1, "no scheme"},
		{"TLS", []string{"-listen", "https://127.0.0.1:0"}, 2, "no TLS"},
		{"used", []string{"-listen", "http://" + used}, 1, "address already in use"},
	} {
		t.Run(tc.name, func(t *testing.T) { looptest.WantExit(t, tc.args, tc.status, tc.stderr) })
	}
}

// Each loop answers some of many connections, and each stops without an error.
func TestLoopsShareTheWork(t *testing.T) {
	const loops = 3
	p := looptest.Start(t, "-listen", "http://127.0.0.1:0", "-loops", "3")
	addr := p.Await(`listening local=(\S+) loops=3`)[1]
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	seen := make(map[string]int)
	for range 2000 {
		r, err := client.Get("http://" + addr)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		r.Body.Close()
		m := regexp.MustCompile(`^loop (\d), answer \d+\n$`).FindSubmatch(body)
		if err != nil || m == nil {
			t.Fatalf("answer %q, %v", body, err)
		}
		if seen[string(m[1])]++; len(seen) == loops {
			break
		}
	}
	if len(seen) != loops {
		t.Errorf("answers by loop: %v, want all %d", seen, loops)
	}
	p.Signal(syscall.SIGINT)
	for range loops {
		p.Await(`stopped loop=\d`)
	}
	p.WantEnd()
}
