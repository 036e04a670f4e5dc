package relay

import (
	"flag"
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

// options are the flags of a proxy such as tcp-proxy.
type options struct {
	Options
	listen, to string
}

// defaults returns the options of a command line.
func defaults(t *testing.T, args ...string) *options {
	t.Helper()
	var o options
	f := flag.NewFlagSet("", flag.ContinueOnError)
	f.StringVar(&o.listen, "listen", "", "")
	f.StringVar(&o.to, "to", "", "")
	o.Flags(f)
	if err := f.Parse(args); err != nil {
		t.Fatal(err)
	}
	return &o
}

// forward starts the proxy.
func (o *options) forward(m *reactor.Manager) (*reactor.Conn, error) {
	return Forward(m, o.listen, o.to, &o.Options)
}
