// Command udp-echo sends each datagram back to its sender.
//
//	go run ./examples/udp-echo
//	socat - udp:127.0.0.1:1234
//
// Mongoose has no such tutorial. One connection, the listener, serves all peers:
//
//   - c.Write sends a whole datagram, also an empty one, to the peer of the last one.
//   - The answer comes from the address that was asked, also on a host with several addresses.
//     Otherwise a peer might not recognise it.
//   - Datagrams to a broadcast address or a multicast group are not answered: two echo servers
//     would answer each other without end. For the same reason, port 7 is not answered.
//
// It logs to standard output. The exit status is 0 after SIGINT or SIGTERM, 1 if it cannot
// listen or the loop fails, and 2 for wrong usage. The reason for 1 and 2 is on standard error.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net/netip"
	"os"

	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

// echoPort is the port of the echo service of others [RFC 862].
const echoPort = 7

// echo is the handler. Its FnData is the log for records that peers cause.
func echo(c *reactor.Conn, ev reactor.Event, _ any) {
	if ev != reactor.EvRead {
		return
	}
	log, from := c.FnData.(*slog.Logger), c.RemoteAddr()
	log.Info("datagram", "remote", from, "bytes", c.Recv.Len())
	if !mayAnswer(from, c.Arrival().To) {
		return
	}
	if _, err := c.Write(c.Recv.Bytes()); err != nil {
		log.Error("cannot answer", "remote", from, "error", err)
	}
}

// mayAnswer reports whether an answer cannot start an endless exchange.
func mayAnswer(from netip.AddrPort, to netip.Addr) bool {
	broadcast := to == netip.AddrFrom4([4]byte{255, 255, 255, 255})
	return from.Port() != echoPort && !to.IsMulticast() && !broadcast
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("udp-echo", flag.ContinueOnError)
	url := f.String("listen", "udp://127.0.0.1:1234", "`URL` to listen on; udp://:1234 is all addresses of the host")
	verbose := f.Bool("v", false, "log more, with hexdumps")
	return cli.Run(f, args, stderr, func() error {
		if err := cli.CheckListen("-listen", *url, "udp"); err != nil {
			return err
		}
		return serve(*url, *verbose, termlog.New(stdout, cli.Level(*verbose)))
	})
}

// serve runs the loop until SIGINT or SIGTERM.
func serve(url string, verbose bool, log *slog.Logger) error {
	m, err := reactor.New(reactor.WithLogger(log))
	if err != nil {
		return err
	}
	defer m.Close()
	l, err := m.Listen(url, echo, termlog.Limit(log))
	if err != nil {
		return cli.ListenError("-listen", url, err)
	}
	l.SetHexdump(verbose)
	log.Info("listening", "local", l.LocalAddr())
	ctx, stop := cli.UntilSignal(context.Background())
	defer stop()
	if err := m.Run(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
