// Package httpd is what the examples with an HTTP server share: the flags, the listeners, and the
// loop that runs until a signal.
package httpd

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/rikki-go/rikki/examples/internal/certs"
	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

// grace is how long, after a signal, clients may read the responses that wait for them.
const grace = 2 * time.Second

// schemes are those of the URLs to listen on.
var schemes = []string{"http", "https", "unix"}

// Server is the flags of a server.
type Server struct {
	Verbose bool
	// Deadlines are those of all connections. Zero fields mean the defaults.
	Deadlines reactor.Deadlines

	urls     []string
	identity certs.Server
	conns    int
}

// Flags defines the flags -listen, -cert, -key, -client-ca, -conns and -v. url is listened on if
// -listen is not given.
func (s *Server) Flags(f *flag.FlagSet, url string) {
	s.urls = []string{url}
	given := false
	f.Func("listen", fmt.Sprintf("`URL` to listen on, http://host:port, unix:///path, or https://host:port with -cert; may be repeated (default %s)", url),
		func(url string) error {
			if !given {
				s.urls, given = nil, true
			}
			s.urls = append(s.urls, url)
			return nil
		})
	s.identity.Flags(f, "https://")
	cli.Count(f, &s.conns, "conns", 0, "largest `number` of connections; 0 is as many as the limit of descriptors allows")
	f.BoolVar(&s.Verbose, "v", false, "log more")
}

// Check returns an error of usage if no server can have the flags.
func (s *Server) Check() error {
	for _, url := range s.urls {
		if err := cli.CheckListen("-listen", url, schemes...); err != nil {
			return err
		}
	}
	secure := func(url string) bool { return strings.HasPrefix(strings.ToLower(url), "https:") }
	if i := slices.IndexFunc(s.urls, secure); i >= 0 && !s.identity.Given() {
		return cli.Usage("%s needs -cert and -key", s.urls[i])
	}
	return nil
}

// Run runs the server until SIGINT or SIGTERM. begin makes the handler of the connections.
func (s *Server) Run(log *slog.Logger, begin func(m *reactor.Manager) (reactor.Handler, error)) error {
	if err := s.Check(); err != nil {
		return err
	}
	cfg, err := s.identity.Config(s.urls, log)
	if err != nil {
		return err
	}
	m, err := reactor.New(reactor.WithLogger(log), reactor.WithDeadlines(s.Deadlines))
	if err != nil {
		return err
	}
	defer m.Close()
	fn, err := begin(m)
	if err != nil {
		return err
	}
	ctx, stop := cli.UntilSignal(context.Background())
	defer stop()
	defer s.identity.ReloadAtHangup(m)()
	if err := s.listen(m, fn, cfg); err != nil {
		return err
	}
	return cli.RunThenDrain(ctx, m, grace)
}

// listen opens the listeners.
func (s *Server) listen(m *reactor.Manager, fn reactor.Handler, cfg *tls.Config) error {
	for _, url := range s.urls {
		c, err := http.Listen(m, url, fn, nil)
		if err != nil {
			return cli.ListenError("-listen", url, err)
		}
		if c.IsTLS() {
			c.StartTLS(cfg)
		}
		if err := c.SetLimits(reactor.Limits{Conns: s.conns}); err != nil {
			return err
		}
		m.Logger().Info("listening", "url", url, "local", c.LocalAddr())
	}
	return nil
}

// Failed logs the error of a connection. log is limited, see [termlog.Limit].
func Failed(log *slog.Logger, c *reactor.Conn, err error) {
	log.Info("connection failed", "id", c.ID(), "remote", c.RemoteAddr(), "error", err)
}

// Log returns a log for the terminal.
func (s *Server) Log(w io.Writer) *slog.Logger {
	return termlog.New(w, cli.Level(s.Verbose))
}
