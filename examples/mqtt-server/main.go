// Command mqtt-server is Mongoose's mqtt-server tutorial: a small MQTT broker,
// over tcp and WebSocket, with and without TLS. What it can do is told in examples/internal/broker.
//
//	go run ./examples/mqtt-server
//	mosquitto_sub -t 'greetings/#' &
//	mosquitto_pub -t greetings/all -m hello
//	go run ./examples/mqtt-server -cert cert.pem -key key.pem
//	mosquitto_pub --cafile ca.pem -h localhost -p 8883 -t greetings/all -m hello
//
// It logs to standard output. Exit status: 0 after SIGINT or SIGTERM, 1 if it
// cannot listen or the loop fails, with the reason on standard error, 2 for wrong
// usage.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/rikki-go/rikki/examples/internal/broker"
	"github.com/rikki-go/rikki/examples/internal/certs"
	"github.com/rikki-go/rikki/examples/internal/clog"
	"github.com/rikki-go/rikki/reactor"
)

// defaultURLs are listened on without -listen.
var defaultURLs = []string{"mqtt://127.0.0.1:1883", "ws://127.0.0.1:8083/mqtt"}

// secureURLs are listened on besides if there is a certificate.
var secureURLs = []string{"mqtts://127.0.0.1:8883", "wss://127.0.0.1:8084/mqtt"}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the program. It returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	urls, cfg, level, err := parseArgs(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	if err := serve(urls, cfg, clog.New(stdout, level)); err != nil {
		fmt.Fprintln(stderr, "mqtt-server:", err)
		return 1
	}
	return 0
}

// parseArgs explains to stderr what is wrong with the arguments.
func parseArgs(args []string, stderr io.Writer) (urls []string, cfg *tls.Config, level slog.Level, err error) {
	f := flag.NewFlagSet("mqtt-server", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Func("listen", fmt.Sprintf("`URL` to listen on, mqtt://host:port or ws://host:port/path, with TLS mqtts:// or wss://; may be repeated (default %q, with -cert %q too)", defaultURLs, secureURLs),
		func(s string) error { urls = append(urls, s); return nil })
	var files certs.Files
	files.Flags(f, "for mqtts:// and wss://")
	verbose := f.Bool("v", false, "log every message")
	if err := f.Parse(args); err != nil {
		return nil, nil, 0, err
	}
	if urls == nil {
		urls = defaultURLs
		if files.Cert != "" {
			urls = slices.Concat(urls, secureURLs)
		}
	}
	cfg, err = files.Server(urls...)
	if f.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		f.Usage()
		return nil, nil, 0, err
	}
	if *verbose {
		level = slog.LevelDebug
	}
	return urls, cfg, level, nil
}

// serve runs the broker until a signal comes. cfg is for the URLs with TLS.
func serve(urls []string, cfg *tls.Config, log *slog.Logger) error {
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
		l, err := b.Listen(url)
		if err != nil {
			return err
		}
		if l.IsTLS() {
			l.StartTLS(cfg)
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
