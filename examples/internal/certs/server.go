package certs

import (
	"crypto/tls"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/reactor"
)

// Server is the TLS flags of a server: -cert and -key for its certificate, -client-ca for
// those of clients.
type Server struct {
	own      pair
	clientCA string
}

// Flags defines the flags. schemes names the URLs in the help text.
func (s *Server) Flags(f *flag.FlagSet, schemes string) {
	s.own.flags(f, "for "+schemes+"; SIGHUP reloads it")
	cli.File(f, &s.clientCA, "client-ca", "PEM `file` of certificate authorities; TLS clients must have a certificate of one of them")
}

// Given reports whether any of the flags was given.
func (s *Server) Given() bool { return *s != (Server{}) }

// Config reads the files for a server on urls. It returns nil if no URL has a scheme with
// TLS. Then certificate flags are an error: a user who gives a certificate expects
// encryption.
func (s *Server) Config(urls []string, log *slog.Logger) (*tls.Config, error) {
	switch i := slices.IndexFunc(urls, secure); {
	case i < 0 && s.Given():
		return nil, cli.Usage("-cert, -key and -client-ca need a URL with TLS, such as https://… or wss://…; there is none in %s", strings.Join(urls, ", "))
	case i < 0:
		return nil, nil
	case s.own == (pair{}):
		return nil, cli.Usage("%s needs -cert and -key", urls[i])
	}
	return s.load("certificate loaded", log)
}

// load reads the files. It logs message with the names and the expiry time of the certificate.
func (s *Server) load(message string, log *slog.Logger) (*tls.Config, error) {
	pairs, err := s.own.load()
	if err != nil {
		return nil, err
	}
	cfg := &tls.Config{Certificates: pairs}
	if s.clientCA != "" {
		cfg.ClientAuth = tls.RequireAndVerifyClientCert
		if cfg.ClientCAs, err = authorities("-client-ca", s.clientCA); err != nil {
			return nil, err
		}
	}
	leaf := pairs[0].Leaf
	log.Info(message, "file", s.own.cert, "names", names(leaf), "until", leaf.NotAfter.Format(time.RFC3339))
	if now := time.Now(); now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		log.Warn("the certificate is not valid now", "file", s.own.cert,
			"from", leaf.NotBefore.Format(time.RFC3339), "until", leaf.NotAfter.Format(time.RFC3339))
	}
	return cfg, nil
}

// ReloadAtHangup reads the files again at each SIGHUP, until stop is called. Connections that
// the manager's TLS listeners accept later use the new certificate and authorities. Open
// connections do not change. Files with errors are logged and change nothing. Without
// certificate flags ReloadAtHangup does nothing, and SIGHUP ends the program.
func (s *Server) ReloadAtHangup(m *reactor.Manager) (stop func()) {
	if !s.Given() {
		return func() {}
	}
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		for range hangups {
			m.Post(func() { s.reload(m) })
		}
	}()
	return func() {
		signal.Stop(hangups)
		close(hangups)
	}
}

// reload sets a new Config on the listeners. Clients cannot resume TLS sessions of the old
// Config, so no client gets in through an authority that is not trusted any more.
func (s *Server) reload(m *reactor.Manager) {
	cfg, err := s.load("certificate reloaded", m.Logger())
	if err != nil {
		m.Logger().Error("certificate not reloaded, the old one stays in use", "error", err)
		return
	}
	for c := range m.Conns() {
		if c.IsListening() && c.IsTLS() {
			c.StartTLS(cfg)
		}
	}
}
