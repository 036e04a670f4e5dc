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

// identity is the certificate that servers on both sides have, and whom their
// clients trust, in memory and in files.
type identity struct {
	authority     *looptest.Authority
	pair          tls.Certificate
	cert, key, ca string // PEM files
}

// identities makes it, once.
var identities = sync.OnceValue(func() *identity {
	t := maker{}
	a := looptest.NewAuthority(t)
	id := &identity{authority: a, pair: a.Issue(t, nil)}
	id.cert, id.key, id.ca = a.Files(t, id.pair)
	return id
})

// maker is a test for what is made once for all; its files go with the programs.
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

// server and client are Configs for both sides.
func (id *identity) server() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{id.pair}}
}
func (id *identity) client() *tls.Config { return id.authority.Client() }

// secure reports whether a URL asks for TLS.
func secure(url string) bool {
	return strings.HasPrefix(url, "wss:") || strings.HasPrefix(url, "mqtts:")
}
