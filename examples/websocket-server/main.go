// Command websocket-server is Mongoose's websocket-server tutorial. It accepts WebSockets
// at any path and sends every text and binary message back.
//
//	go run ./examples/websocket-server
//	go run ./examples/websocket-server -listen ws://127.0.0.1:9000 -max-message 1048576
//	go run ./examples/websocket-server -listen wss://127.0.0.1:9001 -cert cert.pem -key key.pem
//
// The answer to any other GET is a page with a client. Open http://127.0.0.1:8000/ in a
// browser, or https:// with TLS. Web pages of other servers may not open WebSockets, unless
// -origin allows them. It may be repeated:
//
//	go run ./examples/websocket-server -origin https://example.com -origin 'https://*.example.org'
//
// A connection that opens no WebSocket closes after one answer. The flags -max-message, -conns,
// -handshake, -stall and -ping bound what clients can make the server hold. ../../docs/security.md
// explains these limits and the others, which have their defaults.
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
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/rikki-go/rikki/examples/internal/certs"
	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
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

// options are the flags of the command line. A time of 0 means no limit.
type options struct {
	url                    string
	origins                []string
	maxMessage             int // bytes
	conns                  int // 0: as many as there are descriptors
	handshake, stall, ping time.Duration
	deflate                bool
	verbose                bool
	identity               certs.Server
}

func (o *options) flags(f *flag.FlagSet) {
	f.StringVar(&o.url, "listen", "ws://127.0.0.1:8000", "`URL` to listen on, ws://host:port or wss://host:port; its path is ignored")
	o.identity.Flags(f, "wss://")
	f.Func("origin", "accept web pages of this `origin` besides the server's own, https://host[:port]; * accepts all; may be repeated",
		func(s string) error { o.origins = append(o.origins, s); return nil })
	f.IntVar(&o.maxMessage, "max-message", ws.DefaultMaxMessage, "size in `bytes` of the largest message that is accepted")
	cli.Count(f, &o.conns, "conns", 0, "largest `number` of connections; 0 is as many as the limit of descriptors allows")
	cli.Timeout(f, &o.handshake, "handshake", 10*time.Second, "`time` for the TLS handshake, and again for the request; 0 is no limit")
	cli.Timeout(f, &o.stall, "stall", 30*time.Second, "`time` that a client may read nothing while bytes wait for it; 0 is no limit")
	cli.Timeout(f, &o.ping, "ping", 30*time.Second, "`time` after which a silent client gets a ping; it has as long to answer; 0 is never")
	f.BoolVar(&o.deflate, "deflate", false, "agree to compression if clients offer it (permessage-deflate)")
	f.BoolVar(&o.verbose, "v", false, "log every connection and message")
}

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("websocket-server", flag.ContinueOnError)
	var o options
	o.flags(f)
	return cli.Run(f, args, stderr, func() error {
		switch {
		case o.maxMessage < 1:
			return cli.Usage("-max-message %d is not positive", o.maxMessage)
		case o.ping > 0 && o.ping < time.Millisecond:
			return cli.Usage("-ping %v is less than 1ms", o.ping)
		}
		if err := cli.CheckListen("-listen", o.url, "ws", "wss"); err != nil {
			return err
		}
		if err := ws.CheckConnect("ws://localhost", "", &ws.Options{Origins: o.origins}); err != nil {
			return cli.Usage("-origin: %w", err)
		}
		return serve(&o, termlog.New(stdout, cli.Level(o.verbose)))
	})
}

// deadlines returns the deadlines of all connections.
func (o *options) deadlines() reactor.Deadlines {
	handshake := cli.Deadline(o.handshake)
	return reactor.Deadlines{TLS: handshake, Handshake: handshake, Stall: cli.Deadline(o.stall)}
}

// server returns the server that the flags describe.
func (o *options) server(log *slog.Logger) *server {
	s := &server{log: log, peers: termlog.Limit(log), conns: o.conns, verbose: o.verbose,
		ws: ws.Options{Limits: ws.Limits{Message: o.maxMessage}, Ping: o.ping, Origins: o.origins}}
	if o.deflate {
		s.ws.Deflate = &ws.Deflate{}
	}
	return s
}

// serve runs the server until SIGINT or SIGTERM.
func serve(o *options, log *slog.Logger) error {
	cfg, err := o.identity.Config([]string{o.url}, log)
	if err != nil {
		return err
	}
	m, err := reactor.New(reactor.WithLogger(log), reactor.WithDeadlines(o.deadlines()))
	if err != nil {
		return err
	}
	defer m.Close()
	ctx, stop := cli.UntilSignal(context.Background())
	defer stop()
	defer o.identity.ReloadAtHangup(m)()
	s := o.server(log)
	if err := s.listen(m, o.url, cfg); err != nil {
		return err
	}
	return cli.RunThenDrain(ctx, m, grace)
}

// server is the state of the handler.
type server struct {
	log     *slog.Logger
	peers   *slog.Logger // for records that clients cause: their number is limited
	ws      ws.Options
	conns   int
	verbose bool
}

// listen accepts connections on a ws:// or wss:// URL. cfg is for wss://.
func (s *server) listen(m *reactor.Manager, url string, cfg *tls.Config) error {
	u, err := reactor.ParseURL(url)
	if err != nil {
		return err
	}
	scheme := map[string]string{"ws": "http", "wss": "https"}[u.Scheme]
	c, err := http.Listen(m, u.Socket(scheme, 80), s.handle, nil)
	if err != nil {
		return cli.ListenError("-listen", url, err)
	}
	if c.IsTLS() {
		c.StartTLS(cfg)
	}
	c.SetWater(maxUnsent/2, maxUnsent) // for accepted connections
	if err := c.SetLimits(reactor.Limits{Conns: s.conns}); err != nil {
		return err
	}
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
		s.log.Debug("open", "id", c.ID(), "remote", c.RemoteAddr())
	case reactor.EvWSCtl:
		if m := data.(*ws.Message); m.Op == ws.OpClose {
			code, reason := m.CloseStatus()
			s.log.Debug("closed by the peer", "id", c.ID(), "code", ws.StatusName(code), "reason", reason)
		}
	case reactor.EvError:
		s.peers.Info("connection failed", "id", c.ID(), "remote", c.RemoteAddr(), "error", data.(error))
	}
}

// echo sends a message back.
func (s *server) echo(c *reactor.Conn, m *ws.Message) {
	if s.verbose {
		s.log.Debug("message", "id", c.ID(), "op", ws.OpName(m.Op), "bytes", len(m.Data))
	}
	ws.Forward(c, m) // fails only if the connection is closing
}

// answer opens a WebSocket if the request asks for one. The answer to other requests is the
// page or an error status, and then the connection closes: pipelined requests must not produce
// many pages, or many lines in the log.
func (s *server) answer(c *reactor.Conn, hm *http.Message) {
	if method := string(hm.Method); hm.Header("Upgrade") == nil && (method == "GET" || method == "HEAD") {
		http.ReplyBytes(c, 200, "Content-Type: text/html; charset=utf-8\r\nConnection: close\r\n", page)
		return
	}
	if err := ws.Upgrade(c, hm, "", &s.ws); err != nil {
		s.peers.Info("not upgraded", "id", c.ID(), "remote", c.RemoteAddr(), "error", err)
		c.Fn = s.refused
		c.Drain()
	}
}

// refused is the handler of a connection after an error status. It ignores further requests.
func (s *server) refused(c *reactor.Conn, ev reactor.Event, data any) {
	if ev == reactor.EvError {
		s.handle(c, ev, data)
	}
}
