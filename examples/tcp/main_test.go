package main

import (
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

func TestMain(m *testing.M) {
	looptest.Main(main)
	os.Exit(m.Run())
}

// Wrong usage has status 2 and one line that names the flag. Nothing begins.
func TestUsage(t *testing.T) {
	looptest.WantUsage(t, run, "tcp", nil, []looptest.Refusal{
		looptest.Wrong("for flag -step", "-step", "x"),
		looptest.Wrong("-step 0s is less than 1ms", "-step", "0"),
		looptest.Wrong("-url: reactor: bad URL", "-url", "127.0.0.1:0"),
		looptest.Wrong("-url udp://127.0.0.1:0: want tcp://host:port or tls://host:port", "-url", "udp://127.0.0.1:0"),
	})
}

// If the system refuses to listen, the status is 1, and the line names the flag and the URL.
func TestExitStatus(t *testing.T) {
	used := "tcp://" + looptest.UsedAddr(t)
	looptest.WantExit(t, []string{"-url", used}, 1, "-url "+used+": ")
	looptest.WantExit(t, []string{"-url", used}, 1, "address already in use\n")
}

var record = regexp.MustCompile(`(?m)(CLIENT|SERVER) .*$`)

// Client and server log what the C program logs, and the client connects again.
func TestTwoRounds(t *testing.T) {
	for _, url := range []string{"tcp://127.0.0.1:0", "tcp://localhost:0", "tls://localhost:0"} {
		t.Run(url, func(t *testing.T) {
			p := looptest.Start(t, "-url", url, "-step", "40ms")
			for range 2 {
				p.Await("CLIENT connecting")
				p.Await("CLIENT got data")
				p.Await("disconnected")
				p.Await("disconnected")
			}
			p.Signal(syscall.SIGTERM)
			status, stdout, stderr := p.Wait()
			if status != 0 || stderr != "" {
				t.Errorf("status %d, stderr %q", status, stderr)
			}
			round := []string{"CLIENT connecting", "CLIENT has been initialized", "CLIENT connected", "SERVER accepted a connection",
				"CLIENT sent data", "SERVER got data: Hi, there", "CLIENT got data: Hi, there", "CLIENT disconnected", "SERVER disconnected"}
			want := slices.Concat([]string{"SERVER is listening"}, round, round)
			got := record.FindAllString(stdout, len(want))
			slices.Sort(got) // the two ends of a connection may change places
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("it logs\n%s\nwant, in some order,\n%s\nall:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"), stdout)
			}
		})
	}
}

// An error is logged, and the client tries again.
func TestNobodyListens(t *testing.T) {
	m := looptest.NewManager(t)
	text := &strings.Builder{}
	log := termlog.New(text, slog.LevelInfo)
	cl := &client{m: m, log: log, url: "tcp://127.0.0.1:1", step: 1}
	for range 2 {
		cl.connect()
		if cl.conn == nil {
			t.Fatal("no connection")
		}
		cl.connect() // does nothing while there is one
		looptest.Await(t, m, "the end", func() bool { return cl.conn == nil })
	}
	if got := strings.Count(text.String(), "CLIENT error: "); got != 2 || strings.Count(text.String(), "CLIENT connecting") != 2 {
		t.Errorf("%d errors in\n%s", got, text)
	}
}

// If the server closes before the client has sent its message, the client sends nothing.
func TestServerCloses(t *testing.T) {
	clock := looptest.NewClock()
	m := looptest.NewManager(t, reactor.WithClock(clock.Now))
	l, err := m.Listen("tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvAccept {
			c.Close()
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text := &strings.Builder{}
	cl := &client{m: m, log: termlog.New(text, slog.LevelInfo), url: "tcp://" + l.LocalAddr().String(), step: time.Second}
	cl.connect()
	looptest.Await(t, m, "the end", func() bool { return cl.conn == nil })
	clock.Advance(time.Minute)
	looptest.Spin(t, m, 5)
	if got := text.String(); !strings.Contains(got, "CLIENT connected") || strings.Contains(got, "sent data") {
		t.Errorf("it logs\n%s", got)
	}
}
