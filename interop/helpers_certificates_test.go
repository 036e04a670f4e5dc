package interop

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

// identity is the certificate of all servers, and the authority that the clients trust, in
// memory and in files.
type identity struct {
	authority     *looptest.Authority
	pair          tls.Certificate
	cert, key, ca string // PEM files
}

// identities returns the identity of all servers.
var identities = sync.OnceValue(func() *identity {
	t := maker{}
	a := looptest.NewAuthority(t)
	id := &identity{authority: a, pair: a.Issue(t, nil)}
	id.cert, id.key, id.ca = a.Files(t, id.pair)
	return id
})

// maker stands for a test. The files that are made for it lie beside the programs.
type maker struct{ testing.TB }

func (maker) Helper()           {}
func (maker) Fatal(args ...any) { panic(fmt.Sprint(args...)) }
func (maker) TempDir() string {
	dir := filepath.Join(programs, "certificates")
	if err := os.Mkdir(dir, 0o700); err != nil {
		panic(err)
	}
	return dir
}

// server and client return Configs for both sides.
func (id *identity) server() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{id.pair}}
}
func (id *identity) client() *tls.Config { return id.authority.Client() }

// secure reports whether a URL asks for TLS.
func secure(url string) bool {
	return strings.HasPrefix(url, "wss:") || strings.HasPrefix(url, "mqtts:")
}
