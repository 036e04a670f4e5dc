// Command http-reverse-proxy is Mongoose's tutorial "HTTP reverse proxy". It forwards the
// requests of its clients to another server, and the responses back.
//
//	go run ./examples/http-reverse-proxy -to http://info.cern.ch
//	curl http://127.0.0.1:8000/
//
// What differs from the C program: bodies of any size pass through in both directions while they
// arrive, in bounded memory: a side that does not read slows the other one down. Connections to
// the backend are used again. The header lines that concern one connection only are not forwarded
// [RFC 9110 7.6.1]: the C program copies them, and copies Content-Length beside a body that it
// has decoded. The lines X-Forwarded-For, -Host and -Proto say who has asked. A backend that
// fails is 502 or 504. WebSockets pass through; other upgrades do not.
//
// It logs to standard output. The exit status is 0 after SIGINT or SIGTERM, 1 if it cannot listen
// or the loop fails, and 2 for wrong usage. The reason for 1 and 2 is on standard error.
package main

import (
	"flag"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/rikki-go/rikki/examples/internal/certs"
	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/examples/internal/httpd"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

// The water marks for the unsent bytes of a connection. Above high, no more is read from the other
// side. At low it continues.
const low, high = 64 << 10, 256 << 10

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// options are the flags of the command line.
type options struct {
	httpd.Server
	to            string
	trust         certs.Client
	conns         int // to the backend
	timeout, idle time.Duration
}

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	var o options
	f := flag.NewFlagSet("http-reverse-proxy", flag.ContinueOnError)
	f.StringVar(&o.to, "to", "http://info.cern.ch", "`URL` of the backend, http://host[:port][/path] or https://…")
	cli.Limit(f, &o.conns, "backend-conns", 256, "largest `number` of connections to the backend; further requests wait; -1 is no limit")
	cli.Timeout(f, &o.timeout, "timeout", 30*time.Second, "`time` until the backend begins its response; 0 is no limit")
	cli.Timeout(f, &o.idle, "idle", 10*time.Minute, "`time` that both sides of a WebSocket may be silent; 0 is no limit")
	o.trust.TrustFlags(f)
	o.Flags(f, "http://127.0.0.1:8000")
	return cli.Run(f, args, stderr, func() error {
		target, err := parseTarget(o.to)
		if err != nil {
			return err
		}
		log := o.Log(stdout)
		tls, err := o.trust.ConfigFor([]string{o.to}, log)
		if err != nil {
			return err
		}
		p := &proxy{target: target, idle: o.idle, log: termlog.Limit(log)}
		opts := &http.ClientOptions{TLS: tls, Timeout: cli.Deadline(o.timeout), ConnsPerHost: o.conns, Dial: setWater}
		return o.Run(log, func(m *reactor.Manager) (reactor.Handler, error) {
			p.backend = http.NewClient(m, opts)
			return p.handle, nil
		})
	})
}

// parseTarget returns the beginning of the URLs at the backend, without a slash at the end.
func parseTarget(url string) (string, error) {
	u, err := reactor.ParseURL(url)
	switch {
	case err != nil:
		return "", cli.Usage("-to: %w", err)
	case u.Scheme != "http" && u.Scheme != "https":
		return "", cli.Usage("-to %s: want http://… or https://…", u.Redacted())
	case u.Host == "":
		return "", cli.Usage("-to %s: the host is missing", u.Redacted())
	case u.RawQuery != "":
		return "", cli.Usage("-to %s: a query has no meaning here", u.Redacted())
	case u.User != "" || u.HasPassword:
		return "", cli.Usage("-to %s: clients send their own user and password", u.Redacted())
	}
	return strings.TrimSuffix(url, "/"), nil
}

// setWater is called for each connection to the backend before it is dialed.
func setWater(c *reactor.Conn) error {
	c.SetWater(low, high)
	return nil
}

// proxy is what all requests share.
type proxy struct {
	target  string // the beginning of its URLs
	backend *http.Client
	idle    time.Duration
	log     *slog.Logger // for records that peers cause: their number is limited
}

// handle is the handler of the listeners and of the clients' connections. The FnData of a
// connection is the *exchange that waits for the backend.
func (p *proxy) handle(c *reactor.Conn, ev reactor.Event, data any) {
	x, _ := c.FnData.(*exchange)
	switch ev {
	case reactor.EvAccept:
		c.SetWater(low, high)
	case reactor.EvHTTPHdrs:
		p.begin(c, data.(*http.Message))
	case reactor.EvError:
		httpd.Failed(p.log, c, data.(error))
	default:
		if x != nil {
			x.fromClient(ev, data)
		}
	}
}
