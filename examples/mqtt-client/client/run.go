package client

import (
	"crypto/tls"
	"flag"
	"io"
	"strings"
	"time"

	"github.com/rikki-go/rikki/examples/internal/certs"
	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

// Storage is what a program with a durable store adds: the flag -store.
type Storage struct {
	// Open opens the store in a file.
	Open func(file string) (session.Store, error)
}

// expiry is how long the server keeps a session whose messages are in a store.
const expiry = 24 * time.Hour

// Run runs the program and returns its exit status. storage is nil without a durable store.
func Run(args []string, stdout, stderr io.Writer, storage *Storage) int {
	cl := &client{}
	f := flag.NewFlagSet("mqtt-client", flag.ContinueOnError)
	var urls []string
	f.Func("url", "`URL` of the broker, mqtt://host:port, mqtts://…, ws://host:port/path or wss://…; "+
		"give it several times for several brokers (default mqtt://127.0.0.1)",
		func(s string) error { urls = append(urls, s); return nil })
	var trust certs.Client
	trust.Flags(f)
	login := &cl.opts.Login
	f.StringVar(&cl.topic, "topic", "mg/test", "`topic` to subscribe and publish to")
	f.StringVar(&cl.message, "message", "hello", "`text` to publish")
	qos := f.Uint("qos", 1, "quality of service `level` of the messages: 0, 1 or 2")
	f.StringVar(&login.User, "user", "", "user `name` for the broker")
	f.StringVar(&login.Password, "password", "", "`password` for the broker")
	f.StringVar(&login.ClientID, "id", "", "client `identifier` (default: a random one)")
	version := f.Uint("version", 4, "protocol `level`: 4 is MQTT 3.1.1, 5 is MQTT 5.0")
	cli.Count(f, &cl.count, "n", 0, "`number` of messages to publish; then end (0: subscribe, and run until SIGINT)")
	cli.Timeout(f, &cl.timeout, "timeout", 0, "`time` after which -n gives up (0: never)")
	cli.Timeout(f, &cl.opts.Expiry, "expiry", 0, "`time` for which the broker keeps the session after a connection; needs -id")
	verbose := f.Bool("v", false, "log more")
	var file string
	if storage != nil {
		cli.File(f, &file, "store", "`file` for messages that are not acknowledged; needs -id")
	}
	return cli.Run(f, args, stderr, func() (err error) {
		if len(urls) == 0 {
			urls = []string{"mqtt://127.0.0.1"}
		}
		cl.qos, login.Version = uint8(min(*qos, 3)), uint8(min(*version, 255))
		switch {
		case !mqtt.ValidTopic(cl.topic):
			return cli.Usage("-topic %q is not valid for publishing", cl.topic)
		case cl.qos > 2:
			return cli.Usage("-qos %d: want 0, 1 or 2", *qos)
		case login.Version != 4 && login.Version != 5:
			return cli.Usage("-version %d: want 4 or 5", *version)
		case login.Version == 4 && login.Password != "" && login.User == "":
			return cli.Usage("-password needs -user in MQTT 3.1.1")
		case cl.timeout != 0 && cl.count == 0:
			return cli.Usage("-timeout needs -n: without it the program runs until SIGINT")
		case login.ClientID == "" && (file != "" || cl.opts.Expiry != 0):
			return cli.Usage("-store and -expiry need -id: without it no broker could find the session again")
		}
		cl.log = termlog.New(stdout, cli.Level(*verbose))
		cl.limited = termlog.Limit(cl.log)
		config, err := trust.Config(firstTLS(urls), cl.log)
		if err != nil {
			return err
		}
		if err := cl.servers(urls, config); err != nil {
			return err
		}
		if file != "" {
			if cl.opts.Expiry == 0 {
				cl.opts.Expiry = expiry
			}
			if cl.opts.Store, err = storage.Open(file); err != nil {
				return err
			}
		}
		return cl.loop()
	})
}

// usesTLS reports whether the scheme of a URL asks for TLS.
func usesTLS(url string) bool {
	scheme, _, _ := strings.Cut(url, "://")
	scheme = strings.ToLower(scheme)
	return scheme == "mqtts" || scheme == "wss"
}

// firstTLS returns the first URL that uses TLS, or the first one.
func firstTLS(urls []string) string {
	for _, u := range urls {
		if usesTLS(u) {
			return u
		}
	}
	return urls[0]
}

// servers sets the URLs of the session. Only those with TLS get the configuration.
func (cl *client) servers(urls []string, config *tls.Config) error {
	for _, s := range urls {
		u, err := reactor.ParseURL(s)
		if err != nil {
			return cli.Usage("-url: %w", err)
		}
		switch u.Scheme {
		case "mqtt", "mqtts", "ws", "wss":
		default:
			return cli.Usage("-url %s: want mqtt://, mqtts://, ws:// or wss://", u.Redacted())
		}
	}
	for _, s := range urls {
		login := cl.opts.Login // without TLS, which is for some of the URLs only
		if err := mqtt.CheckConnect(s, &login); err != nil {
			u, _ := reactor.ParseURL(s)
			return cli.Usage("-url %s: %w", u.Redacted(), err)
		}
	}
	cl.opts.URLs = urls
	cl.opts.Before = func(a *session.Attempt) error {
		if usesTLS(a.URL) {
			a.Login.TLS = config
		}
		return nil
	}
	return nil
}
