// Command mqtt-server is Mongoose's mqtt-server tutorial: a small MQTT broker,
// over tcp and WebSocket, with and without TLS. What it can do is told in examples/internal/broker.
//
//	go run ./examples/mqtt-server
//	mosquitto_sub -t 'greetings/#' &
//	mosquitto_pub -t greetings/all -m hello
//	go run ./examples/mqtt-server -cert cert.pem -key key.pem
//	mosquitto_pub --cafile ca.pem -h localhost -p 8883 -t greetings/all -m hello
//
// With -client-ca FILE it lets in over TLS only those who have a certificate of an
// authority in FILE. SIGHUP has it read the files again: connections that are
// open go on, later ones get the new certificate.
//
// It logs to standard output. Exit status: 0 after SIGINT or SIGTERM, 1 if it
// cannot listen or the loop fails, with the reason on standard error, 2 for wrong
// usage.
package main

import (
	"context"
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
	"github.com/rikki-go/rikki/examples/internal/cli"
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
	f := flag.NewFlagSet("mqtt-server", flag.ContinueOnError)
	var urls []string
	f.Func("listen", fmt.Sprintf("`URL` to listen on, mqtt://host:port or ws://host:port/path, with TLS mqtts:// or wss://; may be repeated (default %q, with -cert %q too)", defaultURLs, secureURLs),
		func(s string) error { urls = append(urls, s); return nil })
	var identity certs.Server
	identity.Flags(f, "mqtts:// and wss://")
	verbose := f.Bool("v", false, "log every message")
	return cli.Run(f, args, stderr, func() error {
		return serve(listenOn(urls, identity.Given()), &identity, clog.New(stdout, clog.Level(*verbose)))
	})
}

// listenOn returns the URLs to listen on, given those of the arguments.
func listenOn(urls []string, cert bool) []string {
	switch {
	case urls != nil:
		return urls
	case cert:
		return slices.Concat(defaultURLs, secureURLs)
	}
	return defaultURLs
}

// serve runs the broker until a signal comes.
func serve(urls []string, identity *certs.Server, log *slog.Logger) error {
	cfg, err := identity.Config(urls, log)
	if err != nil {
		return err
	}
	m, err := reactor.New(reactor.WithLogger(log))
	if err != nil {
		return err
	}
	defer m.Close()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer identity.ReloadAtHangup(m)()
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
