// Command websocket-server is Mongoose's websocket-server tutorial. It accepts WebSockets
// at any path and sends every text and binary message back.
//
//	go run ./examples/websocket-server
//	go run ./examples/websocket-server -listen ws://127.0.0.1:9000 -max-message 1048576
//	go run ./examples/websocket-server -listen wss://127.0.0.1:9001 -cert cert.pem -key key.pem
//
// The answer to any other GET is a page with a client. Open http://127.0.0.1:8000/ in a
// browser, or https:// with TLS.
//
// With -client-ca FILE, TLS clients must have a certificate of an authority in FILE. At SIGHUP
// the server reads the certificate files again. New connections use the new certificate, open
// connections go on.
//
// It logs to standard output. The exit status is 0 after SIGINT or SIGTERM, 1 if it cannot
// listen or the loop fails, and 2 for wrong usage. The reason for 1 and 2 is on standard
// error.
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

// grace is how long, after a signal, clients may read the unsent bytes and answer the Close
// frame.
const grace = 2 * time.Second

// maxUnsent is the number of unsent bytes above which the server stops reading from a
// client. Otherwise a client that does not read would fill the memory. One message may
// exceed maxUnsent.
const maxUnsent = 1 << 20

// page is the page with a client for browsers. It loads no other files.
//
//go:embed page.html
var page []byte

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// options are the flags of the command line.
type options struct {
	url        string
	maxMessage int // bytes
	deflate    bool
	verbose    bool
	identity   certs.Server
}

func (o *options) flags(f *flag.FlagSet) {
	f.StringVar(&o.url, "listen", "ws://127.0.0.1:8000", "`URL` to listen on, ws://host:port or wss://host:port; its path is ignored")
	o.identity.Flags(f, "wss://")
	f.IntVar(&o.maxMessage, "max-message", 64<<20, "size in `bytes` of the largest message that is accepted")
	f.BoolVar(&o.deflate, "deflate", false, "agree to compression if clients offer it (permessage-deflate)")
	f.BoolVar(&o.verbose, "v", false, "log every connection and message")
}

// run runs the program and returns its exit status.
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

// serve runs the server until SIGINT or SIGTERM.
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
	open, err := m.Drain(grace)
	for _, c := range open {
		log.Info("closed without a Close frame", "id", c.ID, clog.Addr("remote", c.Remote), "unsent", c.Unsent)
	}
	return err
}

// server is the state of the handler.
type server struct {
	log     *slog.Logger
	ws      ws.Options
	verbose bool
}

// listen accepts connections on a ws:// or wss:// URL. cfg is for wss://.
func (s *server) listen(m *reactor.Manager, url string, cfg *tls.Config) error {
	u, err := reactor.ParseURL(url)
	if err != nil {
		return err
	}
	scheme, ok := map[string]string{"ws": "http", "wss": "https"}[u.Scheme]
	if !ok {
		return fmt.Errorf("bad URL %q: want ws://host:port or wss://host:port", u.Redacted())
	}
	c, err := http.Listen(m, u.Socket(scheme, 80), s.handle, nil)
	if err != nil {
		return err
	}
	if c.IsTLS() {
		c.StartTLS(cfg)
	}
	c.SetWater(maxUnsent/2, maxUnsent) // for accepted connections
	s.log.Info("listening", "url", u.Redacted(), "local", c.LocalAddr())
	return nil
}

// handle is the handler of the listener and of the connections that it accepts.
func (s *server) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvWSMsg:
		s.echo(c, data.(*ws.Message))
	case reactor.EvHighWater: // the client does not read: stop reading from it
		c.Pause()
	case reactor.EvLowWater:
		c.Resume()
	case reactor.EvHTTPMsg:
		s.answer(c, data.(*http.Message))
	case reactor.EvWSOpen:
		s.log.Debug("open", "id", c.ID(), clog.Addr("remote", c.RemoteAddr()))
	case reactor.EvWSCtl:
		if m := data.(*ws.Message); m.Op == ws.OpClose {
			code, reason := m.CloseStatus()
			s.log.Debug("closed by the peer", "id", c.ID(), "code", code, "reason", string(reason))
		}
	case reactor.EvError:
		s.log.Info("connection failed", "id", c.ID(), clog.Addr("remote", c.RemoteAddr()), "error", data.(error))
	}
}

// echo sends a message back.
func (s *server) echo(c *reactor.Conn, m *ws.Message) {
	if s.verbose {
		s.log.Debug("message", "id", c.ID(), "op", ws.OpName(m.Op), "bytes", len(m.Data))
	}
	ws.Send(c, m.Data, m.Op) // fails only if the connection is closing
}

// answer opens a WebSocket if the request asks for one. The answer to other requests is the
// page or an error status.
func (s *server) answer(c *reactor.Conn, hm *http.Message) {
	var err error
	if method := string(hm.Method); hm.Header("Upgrade") == nil && (method == "GET" || method == "HEAD") {
		// One page per connection: pipelined requests must not produce many pages at once.
		err = http.ReplyBytes(c, 200, "Content-Type: text/html; charset=utf-8\r\nConnection: close\r\n", page)
	} else {
		err = ws.Upgrade(c, hm, "", &s.ws)
	}
	if err != nil {
		s.log.Info("not upgraded", "id", c.ID(), clog.Addr("remote", c.RemoteAddr()), "error", err)
	}
}
