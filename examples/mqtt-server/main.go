// Command mqtt-server is Mongoose's mqtt-server tutorial: a small MQTT broker over TCP and
// WebSocket, with and without TLS. Package examples/internal/broker describes its features. It is
// for tests and for learning: it keeps nothing on disk. For production use mosquitto or a cluster.
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
// With -passwords FILE, clients need a user name and a password. mosquitto_passwd writes the file.
// SIGHUP reloads it too; clients that are connected stay.
//
// The flags -conns, -packet, -client, -queue, -sessions, -kept, -expiry and -retained set limits.
// -origin says which web pages may connect. The defaults suit a small public server. A negative
// number means no limit.
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
	"strings"
	"syscall"

	"github.com/rikki-go/rikki/examples/internal/broker"
	"github.com/rikki-go/rikki/examples/internal/certs"
	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

// defaultURLs are the URLs to listen on if -listen is not given.
var defaultURLs = []string{"mqtt://127.0.0.1:1883", "ws://127.0.0.1:8083/mqtt"}

// secureURLs are added to defaultURLs if a certificate is given.
var secureURLs = []string{"mqtts://127.0.0.1:8883", "wss://127.0.0.1:8084/mqtt"}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("mqtt-server", flag.ContinueOnError)
	f.Usage = usage(f)
	var urls []string
	f.Func("listen", fmt.Sprintf("`URL` to listen on: mqtt://host:port, ws://host:port/path, or mqtts:// and wss:// with TLS; may be repeated (default %q, with -cert also %q)", defaultURLs, secureURLs),
		func(s string) error { urls = append(urls, s); return nil })
	var identity certs.Server
	identity.Flags(f, "mqtts:// and wss://")
	var limits broker.Limits
	cli.Limit(f, &limits.Conns, "conns", broker.MaxConns, "most `connections` of each URL; beyond it, one without a CONNECT or the new one is closed")
	cli.Limit(f, &limits.Packet, "packet", broker.MaxPacket, "size of the largest packet in `bytes`")
	cli.Limit(f, &limits.Client, "client", broker.ClientLimit, "`bytes` of a session's subscriptions, will, queue and messages in flight")
	cli.Limit(f, &limits.Queue, "queue", broker.MaxQueue, "most `messages` that wait for a client that is away")
	cli.Limit(f, &limits.Sessions, "sessions", broker.MaxSessions, "most `sessions` of clients that are away; beyond it, the one that is away longest ends")
	cli.Limit(f, &limits.Kept, "kept", broker.KeptLimit, "`bytes` of all sessions of clients that are away")
	f.DurationVar(&limits.Expiry, "expiry", broker.MaxExpiry, "longest `time` that a session is kept without its client")
	cli.Limit(f, &limits.Retained, "retained", broker.RetainedLimit, "`bytes` of all retained messages")
	var origins []string
	f.Func("origin", "`pattern` of the web pages that may connect over WebSocket, such as https://example.com or *; may be repeated (default: pages of this server)",
		func(s string) error { origins = append(origins, s); return nil })
	var passwords string
	cli.File(f, &passwords, "passwords", "`file` of user names and passwords, as mosquitto_passwd writes it; SIGHUP reloads it (default: everyone is let in)")
	verbose := f.Bool("v", false, "log every message")
	return cli.Run(f, args, stderr, func() error {
		if limits.Expiry == 0 {
			return cli.Usage("-expiry 0: want a time, or a negative one for no limit")
		}
		s := server{urls: listenOn(urls, identity.Given()), origins: origins, limits: limits, identity: &identity,
			passwords: passwords, log: termlog.New(stdout, cli.Level(*verbose))}
		return s.serve()
	})
}

// usage returns the function that prints the help of f.
func usage(f *flag.FlagSet) func() {
	return func() {
		fmt.Fprintf(f.Output(), `Usage of %s:
A small MQTT broker for tests and for learning. It keeps nothing on disk.
For production use mosquitto or a cluster.

`, f.Name())
		f.PrintDefaults()
	}
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

// server is what the flags say.
type server struct {
	urls, origins []string
	limits        broker.Limits
	identity      *certs.Server
	passwords     string // file, or empty
	log           *slog.Logger
}

// check checks the URLs and the patterns.
func (s *server) check() error {
	for _, url := range s.urls {
		if err := cli.CheckListen("-listen", url, "mqtt", "mqtts", "ws", "wss"); err != nil {
			return err
		}
	}
	if err := ws.CheckConnect("ws://localhost", "", &ws.Options{Origins: s.origins}); err != nil {
		return cli.Usage("-origin: %w", err)
	}
	isWS := func(url string) bool { return strings.HasPrefix(strings.ToLower(url), "ws") }
	if len(s.origins) > 0 && !slices.ContainsFunc(s.urls, isWS) {
		return cli.Usage("-origin is for ws:// and wss://, and there is none in %s", strings.Join(s.urls, ", "))
	}
	return nil
}

// serve runs the broker until SIGINT or SIGTERM.
func (s *server) serve() error {
	if err := s.check(); err != nil {
		return err
	}
	cfg, err := s.identity.Config(s.urls, s.log)
	if err != nil {
		return err
	}
	m, err := reactor.New(reactor.WithLogger(s.log))
	if err != nil {
		return err
	}
	defer m.Close()
	b := broker.New(m, s.log)
	b.SetLimits(s.limits)
	if s.passwords != "" {
		p, err := broker.ReadPasswords(s.passwords)
		if err != nil {
			return cli.Usage("-passwords: %w", err)
		}
		s.usePasswords(b, p, "passwords loaded")
		defer s.reloadPasswordsAtHangup(m, b)()
	}
	ctx, stop := cli.UntilSignal(context.Background())
	defer stop()
	defer s.identity.ReloadAtHangup(m)()
	running := true
	context.AfterFunc(ctx, func() {
		m.Post(func() {
			s.log.Info("stopping", "reason", context.Cause(ctx))
			running = false
		})
	})
	for _, url := range s.urls {
		l, err := b.Listen(url, s.origins...)
		if err != nil {
			return cli.ListenError("-listen", url, err)
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

// usePasswords sets the passwords and logs message.
func (s *server) usePasswords(b *broker.Broker, p *broker.Passwords, message string) {
	b.SetPasswords(p)
	s.log.Info(message, "file", s.passwords, "users", p.Len())
}

// reloadPasswordsAtHangup reads the file again at each SIGHUP, until stop is called. A file with an
// error is logged and changes nothing. The loop does not wait for the file.
func (s *server) reloadPasswordsAtHangup(m *reactor.Manager, b *broker.Broker) (stop func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		for range hangups {
			p, err := broker.ReadPasswords(s.passwords)
			if err != nil {
				s.log.Error("passwords not reloaded, the old ones stay in use", "error", err)
				continue
			}
			m.Post(func() { s.usePasswords(b, p, "passwords reloaded") })
		}
	}()
	return func() {
		signal.Stop(hangups)
		close(hangups)
	}
}
