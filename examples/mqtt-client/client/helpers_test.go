package client

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/examples/internal/broker"
	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// TestMain lets the test binary run as the program, for the tests of signals.
func TestMain(m *testing.M) {
	looptest.Main(func() { os.Exit(Run(os.Args[1:], os.Stdout, os.Stderr, nil)) })
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt) // starts a goroutine that stays, and is no leak
	signal.Stop(signals)
	os.Exit(m.Run())
}

// testBroker is a broker with a loop of its own.
type testBroker struct {
	url  string
	stop func() // ends it at once
}

// startBroker starts a broker. It ends with the test. config is for URLs with TLS.
func startBroker(t *testing.T, url string, config *tls.Config) *testBroker {
	t.Helper()
	return start(t, url, config, func(m *reactor.Manager) (*reactor.Conn, error) {
		return broker.New(m, slog.New(slog.DiscardHandler)).Listen(url)
	})
}

// startRefusing starts a server that refuses each client.
func startRefusing(t *testing.T, code mqtt.ReasonCode) *testBroker {
	t.Helper()
	return start(t, "mqtt://", nil, func(m *reactor.Manager) (*reactor.Conn, error) {
		return mqtt.Listen(m, "mqtt://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev == reactor.EvMQTTCmd && data.(*mqtt.Message).Cmd == mqtt.CmdConnect {
				mqtt.Connack(c, false, code)
			}
		}, nil)
	})
}

// start starts what listen listens with.
func start(t *testing.T, url string, config *tls.Config, listen func(*reactor.Manager) (*reactor.Conn, error)) *testBroker {
	t.Helper()
	m, err := reactor.New(reactor.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	l, err := listen(m)
	if err != nil {
		t.Fatal(err)
	}
	if config != nil {
		l.StartTLS(config)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	scheme, _, _ := strings.Cut(url, "://")
	b := &testBroker{url: scheme + "://" + l.LocalAddr().String(), stop: func() { cancel(); <-done }}
	if strings.HasPrefix(scheme, "ws") {
		b.url += "/mqtt"
	}
	go func() {
		defer close(done)
		defer m.Close()
		m.Run(ctx)
	}()
	t.Cleanup(b.stop)
	return b
}

// runProgram runs the program in this process.
func runProgram(t *testing.T, args ...string) looptest.Result {
	t.Helper()
	return looptest.Run(t, runWithoutStore, args...)
}

// runWithoutStore is the program without -store.
func runWithoutStore(args []string, stdout, stderr io.Writer) int {
	return Run(args, stdout, stderr, nil)
}

// wantSuccess checks the status, and that the log has each of the words.
func wantSuccess(t *testing.T, r looptest.Result, words ...string) {
	t.Helper()
	if r.Status != 0 || r.Stderr != "" {
		t.Errorf("status %d, stderr %q\n%s", r.Status, r.Stderr, r.Stdout)
	}
	for _, w := range words {
		if !strings.Contains(r.Stdout, w) {
			t.Errorf("no %q in\n%s", w, r.Stdout)
		}
	}
}
