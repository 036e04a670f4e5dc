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

// Server is the arguments of a server that say who it is over TLS, and whom it
// lets in: -cert, -key and -client-ca.
type Server struct {
	own      pair
	clientCA string
}

// Flags defines the arguments. schemes says of which URLs.
func (s *Server) Flags(f *flag.FlagSet, schemes string) {
	s.own.flags(f, "for "+schemes+", read again at SIGHUP")
	f.StringVar(&s.clientCA, "client-ca", "", "PEM `file` of authorities: over TLS, only clients with a certificate of theirs are let in")
}

// Given reports whether there is any of the arguments.
func (s *Server) Given() bool { return *s != (Server{}) }

// Config reads the files for a server on those URLs; nil if none of them asks
// for TLS. To say one without the other is an error: who gives a certificate does
// not want to be overheard.
func (s *Server) Config(urls []string, log *slog.Logger) (*tls.Config, error) {
	switch i := slices.IndexFunc(urls, secure); {
	case i < 0 && s.Given():
		return nil, cli.Usage("-cert, -key and -client-ca are for URLs with TLS, wss:// and the like, and there is none: %s", strings.Join(urls, ", "))
	case i < 0:
		return nil, nil
	case s.own == (pair{}):
		return nil, cli.Usage("%s wants -cert and -key", urls[i])
	}
	return s.load("Loaded certificate", log)
}

// load reads the files, and logs what the certificate is under the words.
func (s *Server) load(words string, log *slog.Logger) (*tls.Config, error) {
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
	log.Info(words, "file", s.own.cert, "names", names(leaf), "until", leaf.NotAfter.Format(time.RFC3339))
	if now := time.Now(); now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		log.Warn("The certificate is not valid now", "file", s.own.cert,
			"from", leaf.NotBefore.Format(time.RFC3339), "until", leaf.NotAfter.Format(time.RFC3339))
	}
	return cfg, nil
}

// ReloadAtHangup makes SIGHUP read the files again, until stop is called: those
// whom the manager's listeners accept from then on get what they say, those who are
// there keep what they have. Files that are no good are logged, and change nothing.
// Without a certificate SIGHUP ends the program, as ever.
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

// reload gives the listeners a new Config. With it go the sessions that could
// have been resumed: nobody is let in by an authority that is not trusted any more.
func (s *Server) reload(m *reactor.Manager) {
	cfg, err := s.load("Reloaded certificate", m.Logger())
	if err != nil {
		m.Logger().Error("The certificate stays what it was", "error", err)
		return
	}
	for c := range m.Conns() {
		if c.IsListening() && c.IsTLS() {
			c.StartTLS(cfg)
		}
	}
}
