package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
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

// TestMain lets the test binary run as the program.
func TestMain(m *testing.M) {
	looptest.Main(main)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt) // starts a goroutine that stays, and is no leak
	signal.Stop(signals)
	os.Exit(m.Run())
}

// server is a broker or another server, with a loop of its own.
type server struct {
	m    *reactor.Manager
	url  string
	stop func() // ends it at once
}

// startBroker starts a broker. It ends with the test. config is for URLs with TLS.
func startBroker(t *testing.T, url string, config *tls.Config) *server {
	t.Helper()
	return start(t, url, config, func(m *reactor.Manager) (*reactor.Conn, error) {
		return broker.New(m, slog.New(slog.DiscardHandler)).Listen(url)
	})
}

// startHandler starts a server with a handler.
func startHandler(t *testing.T, fn reactor.Handler) *server {
	t.Helper()
	const url = "mqtt://127.0.0.1:0"
	return start(t, url, nil, func(m *reactor.Manager) (*reactor.Conn, error) { return mqtt.Listen(m, url, fn, nil) })
}

// start starts what listen listens with.
func start(t *testing.T, url string, config *tls.Config, listen func(*reactor.Manager) (*reactor.Conn, error)) *server {
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
	scheme, rest, _ := strings.Cut(url, "://")
	_, path, _ := strings.Cut(rest, "/")
	s := &server{m: m, url: scheme + "://" + l.LocalAddr().String(), stop: func() { cancel(); <-done }}
	if path != "" {
		s.url += "/" + path
	}
	go func() {
		defer close(done)
		defer m.Close()
		m.Run(ctx)
	}()
	t.Cleanup(s.stop)
	return s
}

// accept answers CONNECT and SUBSCRIBE. It is the beginning of handlers of servers.
func accept(c *reactor.Conn, ev reactor.Event, data any) {
	if ev != reactor.EvMQTTCmd {
		return
	}
	switch m := data.(*mqtt.Message); m.Cmd {
	case mqtt.CmdConnect:
		mqtt.Connack(c, false, 0)
	case mqtt.CmdSubscribe:
		mqtt.Suback(c, m.ID, 1)
	}
}

// runJSON runs the program with -json, and returns the summary.
func runJSON(t *testing.T, status int, args ...string) (summary, looptest.Result) {
	t.Helper()
	r := looptest.Run(t, run, append(args, "-json")...)
	return parse(t, r, status), r
}

// parse parses the standard output of the program with -json.
func parse(t *testing.T, r looptest.Result, status int) summary {
	t.Helper()
	var s summary
	d := json.NewDecoder(strings.NewReader(r.Stdout))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil || d.More() {
		t.Errorf("stdout is not one JSON object: %v\n%s", err, r.Stdout)
	}
	if r.Status != status {
		t.Errorf("status %d, want %d\n%s\n%s", r.Status, status, r.Stdout, r.Stderr)
	}
	return s
}
