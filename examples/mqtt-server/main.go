// Command mqtt-server is Mongoose's mqtt-server tutorial: a small MQTT broker,
// over tcp and WebSocket. What it can do is told in examples/internal/broker.
//
//	go run ./examples/mqtt-server
//	mosquitto_sub -t 'greetings/#' &
//	mosquitto_pub -t greetings/all -m hello
//
// It logs to standard output. Exit status: 0 after SIGINT or SIGTERM, 1 if it
// cannot listen or the loop fails, with the reason on standard error, 2 for wrong
// usage.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/rikki-go/rikki/examples/internal/broker"
	"github.com/rikki-go/rikki/examples/internal/clog"
	"github.com/rikki-go/rikki/reactor"
)

// defaultURLs are listened on without -listen.
var defaultURLs = []string{"mqtt://127.0.0.1:1883", "ws://127.0.0.1:8083/mqtt"}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the program. It returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	urls, level, err := parseArgs(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	if err := serve(urls, clog.New(stdout, level)); err != nil {
		fmt.Fprintln(stderr, "mqtt-server:", err)
		return 1
	}
	return 0
}

// parseArgs explains to stderr what is wrong with the arguments.
func parseArgs(args []string, stderr io.Writer) (urls []string, level slog.Level, err error) {
	f := flag.NewFlagSet("mqtt-server", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Func("listen", fmt.Sprintf("`URL` to listen on, mqtt://host:port or ws://host:port/path; may be repeated (default %q)", defaultURLs),
		func(s string) error { urls = append(urls, s); return nil })
	verbose := f.Bool("v", false, "log every message")
	if err := f.Parse(args); err != nil {
		return nil, 0, err
	}
	if f.NArg() > 0 {
		err := fmt.Errorf("unexpected argument %q", f.Arg(0))
		fmt.Fprintln(stderr, err)
		f.Usage()
		return nil, 0, err
	}
	if urls == nil {
		urls = defaultURLs
	}
	if *verbose {
		level = slog.LevelDebug
	}
	return urls, level, nil
}

// serve runs the broker until a signal comes.
func serve(urls []string, log *slog.Logger) error {
	m, err := reactor.New(reactor.WithLogger(log))
	if err != nil {
		return err
	}
	defer m.Close()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	running := true
	context.AfterFunc(ctx, func() {
		m.Post(func() {
			log.Info("stopping", "reason", context.Cause(ctx))
			running = false
		})
	})

	b := broker.New(m, log)
	for _, url := range urls {
		if _, err := b.Listen(url); err != nil {
			return err
		}
	}
	for running {
		if err := m.Poll(-1); err != nil {
			return err
		}
	}
	b.Close()
	return m.Poll(0) // tells the clients
}
