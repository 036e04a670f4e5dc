// Command mqtt-server is Mongoose's mqtt-server tutorial: a small MQTT broker over TCP and
// WebSocket, with and without TLS. Package examples/internal/broker describes its features.
//
//	go run ./examples/mqtt-server
//	mosquitto_sub -t 'greetings/#' &
//	mosquitto_pub -t greetings/all -m hello
//	go run ./examples/mqtt-server -cert cert.pem -key key.pem
//	mosquitto_pub --cafile ca.pem -h localhost -p 8883 -t greetings/all -m hello
//
// With -client-ca FILE, TLS clients must have a certificate of an authority in FILE. At SIGHUP
// the server reads the certificate files again. New connections use the new certificate, open
// connections go on.
//
// The flags -conns, -packet, -client, -retained and -origin set limits. Their defaults suit a
// small public server. A negative number means no limit.
//
// It logs to standard output. The exit status is 0 after SIGINT or SIGTERM, 1 if it cannot
// listen or the loop fails, and 2 for wrong usage. The reason for 1 and 2 is on standard
// error.
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

// defaultURLs are the URLs to listen on if -listen is not given.
var defaultURLs = []string{"mqtt://127.0.0.1:1883", "ws://127.0.0.1:8083/mqtt"}

// secureURLs are added to defaultURLs if a certificate is given.
var secureURLs = []string{"mqtts://127.0.0.1:8883", "wss://127.0.0.1:8084/mqtt"}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("mqtt-server", flag.ContinueOnError)
	var urls []string
	f.Func("listen", fmt.Sprintf("`URL` to listen on: mqtt://host:port, ws://host:port/path, or mqtts:// and wss:// with TLS; may be repeated (default %q, with -cert also %q)", defaultURLs, secureURLs),
		func(s string) error { urls = append(urls, s); return nil })
	var identity certs.Server
	identity.Flags(f, "mqtts:// and wss://")
	var limits broker.Limits
	f.IntVar(&limits.Conns, "conns", broker.MaxConns, "most `connections` of each URL; beyond it, one without a CONNECT or the new one is closed")
	f.IntVar(&limits.Packet, "packet", broker.MaxPacket, "size of the largest packet in `bytes`")
	f.IntVar(&limits.Client, "client", broker.ClientLimit, "`bytes` of a client's subscriptions, will and queue")
	f.IntVar(&limits.Retained, "retained", broker.RetainedLimit, "`bytes` of all retained messages")
	var origins []string
	f.Func("origin", "`pattern` of the web pages that may connect over WebSocket, such as https://example.com or *; may be repeated (default: pages of this server)",
		func(s string) error { origins = append(origins, s); return nil })
	verbose := f.Bool("v", false, "log every message")
	return cli.Run(f, args, stderr, func() error {
		return serve(listenOn(urls, identity.Given()), origins, limits, &identity, clog.New(stdout, clog.Level(*verbose)))
	})
}

// listenOn returns the URLs to listen on. urls are those of the flags, nil if there are none.
func listenOn(urls []string, cert bool) []string {
	switch {
	case urls != nil:
		return urls
	case cert:
		return slices.Concat(defaultURLs, secureURLs)
	}
	return defaultURLs
}

// serve runs the broker until SIGINT or SIGTERM.
func serve(urls, origins []string, limits broker.Limits, identity *certs.Server, log *slog.Logger) error {
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
	b.SetLimits(limits)
	for _, url := range urls {
		l, err := b.Listen(url, origins...)
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
	return m.Poll(0) // sends DISCONNECT to the clients
}
