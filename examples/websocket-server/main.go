// Command websocket-server is Mongoose's websocket-server tutorial: it sends
// every text and binary message back, at any path.
//
//	go run ./examples/websocket-server
//	go run ./examples/websocket-server -listen ws://127.0.0.1:9000 -max-message 1048576
//	go run ./examples/websocket-server -listen wss://127.0.0.1:9001 -cert cert.pem -key key.pem
//
// A GET that does not ask for a WebSocket gets a page with a client: open
// http://127.0.0.1:8000/ in a browser, or https:// with TLS.
//
// With -client-ca FILE it lets in only those who have a certificate of an authority
// in FILE. SIGHUP has it read the files again: connections that are open go on,
// later ones get the new certificate.
//
// It logs to standard output. Exit status: 0 after SIGINT or SIGTERM, 1 if it
// cannot listen or the loop fails, with the reason on standard error, 2 for wrong
// usage.
package main

import (
	"context"
	"crypto/tls"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rikki-go/rikki/examples/internal/certs"
	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/examples/internal/clog"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// goodbye is how long the clients have, once a signal came, to take what is
// still to be sent and to answer the Close frame.
const goodbye = 2 * time.Second

// maxUnsent is how many bytes may wait for a client that sends faster than it
// reads before it is not read from any more. One message can exceed it.
const maxUnsent = 1 << 20

// page is what a browser gets. It needs nothing else.
//
//go:embed page.html
var page []byte

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// options are what the command line says.
type options struct {
	url        string
	maxMessage int // bytes
	deflate    bool
	verbose    bool
	identity   certs.Server
}

func (o *options) flags(f *flag.FlagSet) {
	f.StringVar(&o.url, "listen", "ws://127.0.0.1:8000", "`URL` to listen on, ws://host:port or wss://host:port; the path means nothing")
	o.identity.Flags(f, "wss://")
	f.IntVar(&o.maxMessage, "max-message", 64<<20, "`bytes` of the largest message that is taken")
	f.BoolVar(&o.deflate, "deflate", false, "compress messages with clients that offer it (permessage-deflate)")
	f.BoolVar(&o.verbose, "v", false, "log every connection and message")
}

// run is the program. It returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("websocket-server", flag.ContinueOnError)
	var o options
	o.flags(f)
	return cli.Run(f, args, stderr, func() error {
		if o.maxMessage < 1 {
			return cli.Usage("-max-message %d is not positive", o.maxMessage)
		}
		return serve(&o, clog.New(stdout, clog.Level(o.verbose)))
	})
}

// serve echoes until a signal comes.
func serve(o *options, log *slog.Logger) error {
	cfg, err := o.identity.Config([]string{o.url}, log)
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
	defer o.identity.ReloadAtHangup(m)()
	s := &server{log: log, ws: ws.Options{Limits: ws.Limits{Message: o.maxMessage}}, verbose: o.verbose}
	if o.deflate {
		s.ws.Deflate = &ws.Deflate{}
	}
	if err := s.listen(m, o.url, cfg); err != nil {
		return err
	}
	if err := m.Run(ctx); ctx.Err() == nil {
		return err
	}
	stop() // a second signal ends the program at once
	log.Info("stopping", "reason", context.Cause(ctx))
	late, err := m.Drain(goodbye)
	for _, c := range late {
		log.Info("left behind", "id", c.ID, "remote", c.Remote, "unsent", c.Unsent)
	}
	return err
}

// server is what the handlers share.
type server struct {
	log     *slog.Logger
	ws      ws.Options
	verbose bool
}

// listen accepts WebSockets on a ws:// or wss:// URL; cfg is for the latter.
func (s *server) listen(m *reactor.Manager, url string, cfg *tls.Config) error {
	u, err := reactor.ParseURL(url)
	if err != nil {
		return err
	}
	under, ok := map[string]string{"ws": "http", "wss": "https"}[u.Scheme]
	if !ok {
		return fmt.Errorf("bad URL %q: want ws://host:port or wss://host:port", u.Redacted())
	}
	c, err := http.Listen(m, u.Socket(under, 80), s.handle, nil)
	if err != nil {
		return err
	}
	if c.IsTLS() {
		c.StartTLS(cfg)
	}
	c.SetWater(maxUnsent/2, maxUnsent) // of those that it accepts
	s.log.Info("listening", "url", u.Redacted(), "local", c.LocalAddr())
	return nil
}

// handle is the handler of the listener and of all that it accepts.
func (s *server) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvWSMsg:
		s.echo(c, data.(*ws.Message))
	case reactor.EvHighWater: // a peer that does not read is not read either
		c.Pause()
	case reactor.EvLowWater:
		c.Resume()
	case reactor.EvHTTPMsg:
		s.answer(c, data.(*http.Message))
	case reactor.EvWSOpen:
		s.log.Debug("open", "id", c.ID(), "remote", c.RemoteAddr())
	case reactor.EvWSCtl:
		if m := data.(*ws.Message); m.Op == ws.OpClose {
			code, reason := m.CloseStatus()
			s.log.Debug("closed by the peer", "id", c.ID(), "code", code, "reason", string(reason))
		}
	case reactor.EvError:
		s.log.Info("failed", "id", c.ID(), "remote", c.RemoteAddr(), "error", data.(error))
	}
}

// echo sends a message back.
func (s *server) echo(c *reactor.Conn, m *ws.Message) {
	if s.verbose {
		s.log.Debug("message", "id", c.ID(), "op", m.Op, "bytes", len(m.Data))
	}
	ws.Send(c, m.Data, m.Op) // which fails only on a connection that is closing
}

// answer makes a WebSocket of a request for one; others get the page, or the
// status that says what is wrong with them.
func (s *server) answer(c *reactor.Conn, hm *http.Message) {
	var err error
	if method := string(hm.Method); hm.Header("Upgrade") == nil && (method == "GET" || method == "HEAD") {
		// One page for each connection: a few bytes must not ask for many pages at once.
		err = http.ReplyBytes(c, 200, "Content-Type: text/html; charset=utf-8\r\nConnection: close\r\n", page)
	} else {
		err = ws.Upgrade(c, hm, "", &s.ws)
	}
	if err != nil {
		s.log.Info("not upgraded", "id", c.ID(), "remote", c.RemoteAddr(), "error", err)
	}
}
