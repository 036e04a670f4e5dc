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

// Wrong usage has status 2 and one line that names the flag. The program does not listen before.
func TestUsage(t *testing.T) {
	looptest.WantUsage(t, run, "multi-core", nil, []looptest.Refusal{
		looptest.Wrong("-loops 0 is not between", "-loops", "0"),
		looptest.Wrong("-loops 1025 is not between", "-loops", "1025"),
		looptest.Wrong("-listen: reactor: bad URL", "-listen", "127.0.0.1"),
		looptest.Wrong("-listen unix:///x: want http://host:port", "-listen", "unix:///x"),
		looptest.Wrong("-listen http://example.com: the host must be an IP address", "-listen", "http://example.com"),
		looptest.Wrong("-listen https://127.0.0.1:0: this example has no TLS there", "-listen", "https://127.0.0.1:0"),
	})
}

// If the system refuses to listen, the status is 1, and the line names the flag and the URL.
func TestExitStatus(t *testing.T) {
	used := looptest.UsedAddr(t)
	looptest.WantExit(t, []string{"-listen", "http://" + used}, 1, "-listen http://"+used+": ")
	looptest.WantExit(t, []string{"-listen", "http://" + used}, 1, "address already in use\n")
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
