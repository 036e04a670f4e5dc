// Command http-proxy-client is Mongoose's tutorial "HTTP proxy client". It asks a proxy for a
// tunnel to a server with CONNECT, sends a request through it, and prints the response.
//
//	go run ./examples/http-proxy-client -proxy http://127.0.0.1:3128 -url http://www.ladyada.net/
//	go run ./examples/http-proxy-client -proxy http://me:secret@127.0.0.1:3128 \
//		-url https://example.com/
//
// What differs from the C program: with an https:// URL it encrypts inside the tunnel, from the
// program to the server. A refusal of the proxy is an error. A user and a password for the proxy
// are sent to the proxy only.
//
// The program opens the tunnel itself, as the C program does. The package proxy does that
// below all protocols: there it is one call, proxy.Dial(c, url).
//
// It prints the response to standard output. The exit status is 0 if a response has arrived, 1 if
// not, and 2 for wrong usage. The reason for 1 and 2 is on standard error.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/rikki-go/rikki/examples/internal/certs"
	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	var proxy, url string
	var trust certs.Client
	f := flag.NewFlagSet("http-proxy-client", flag.ContinueOnError)
	f.StringVar(&proxy, "proxy", "http://127.0.0.1:3128", "`URL` of the proxy, http://[user:password@]host:port")
	f.StringVar(&url, "url", "http://www.ladyada.net/", "`URL` to ask for, http://… or https://…")
	trust.Flags(f)
	return cli.Run(f, args, stderr, func() error {
		p, err := parse("-proxy", proxy, "http")
		if err != nil {
			return err
		}
		u, err := parse("-url", url, "http", "https")
		if err != nil {
			return err
		}
		g := &getter{proxy: p, target: u, url: url, stdout: stdout}
		return g.run(&trust, stderr)
	})
}

// parse parses the URL of a flag.
func parse(flag, text string, schemes ...string) (reactor.URL, error) {
	u, err := reactor.ParseURL(text)
	if err != nil {
		return u, cli.Usage("%s: %w", flag, err)
	}
	switch {
	case !slices.Contains(schemes, u.Scheme):
		return u, cli.Usage("%s %s: want %s://…", flag, u.Redacted(), strings.Join(schemes, ":// or "))
	case u.Host == "":
		return u, cli.Usage("%s %s: the host is missing", flag, u.Redacted())
	}
	return u, nil
}

// getter is the state of the handler.
type getter struct {
	proxy, target reactor.URL
	url           string
	tls           *tls.Config
	stdout        io.Writer
	tunnel        bool // it is open
	done          func(error)
}

// handle is the handler of the connection.
func (g *getter) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvHTTPMsg:
		hm := data.(*http.Message)
		switch {
		case g.tunnel:
			_, err := g.stdout.Write(hm.Raw)
			g.done(err)
		case hm.Status/100 != 2:
			c.Fail(fmt.Errorf("the proxy answers with status %d %q", hm.Status, hm.Reason))
		default:
			g.ask(c)
		}
	case reactor.EvError:
		g.done(data.(error))
	case reactor.EvClose:
		g.done(errors.New("the connection has closed without a response"))
	}
}

// connect asks the proxy for the tunnel.
func (g *getter) connect(c *reactor.Conn) error {
	req := &http.Request{Method: "CONNECT", URL: authority(&g.target)}
	if g.proxy.User != "" || g.proxy.HasPassword {
		auth, err := http.BasicAuth(g.proxy.User, g.proxy.Password)
		if err != nil {
			return err
		}
		req.Headers = "Proxy-" + auth
	}
	return http.SendRequest(c, req)
}

// ask sends the request through the tunnel, which is open.
func (g *getter) ask(c *reactor.Conn) {
	g.tunnel = true
	if g.target.Scheme == "https" {
		c.StartTLS(g.tls)
	}
	err := http.StartClient(c, authority(&g.target))
	if err == nil {
		err = http.SendRequest(c, &http.Request{URL: g.url, Headers: "Connection: close\r\n"})
	}
	if err != nil {
		c.Fail(err)
	}
}

// authority returns the host and port of a URL.
func authority(u *reactor.URL) string {
	port := int(u.Port)
	if !u.HasPort {
		port = map[string]int{"http": 80, "https": 443}[u.Scheme]
	}
	return net.JoinHostPort(u.Host, strconv.Itoa(port))
}

// run gets the URL.
func (g *getter) run(trust *certs.Client, stderr io.Writer) error {
	m, err := reactor.New(reactor.WithLogger(termlog.New(stderr, cli.Level(false))))
	if err != nil {
		return err
	}
	defer m.Close()
	if g.tls, err = trust.ConfigFor([]string{g.url}, m.Logger()); err != nil {
		return err
	}
	if g.tls != nil {
		g.tls.ServerName = g.target.Host
	}
	ctx, done := context.WithCancelCause(context.Background())
	g.done = done
	c, err := http.Connect(m, "http://"+authority(&g.proxy), g.handle, nil)
	if err == nil {
		err = g.connect(c)
	}
	if err != nil {
		return cli.Usage("-proxy: %w", err)
	}
	ctx, stop := cli.UntilSignal(ctx)
	defer stop()
	m.Run(ctx)
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
