// Command ssdp-search is Mongoose's tutorial "SSDP search": it asks the local network for UPnP
// devices every two seconds, and prints the server and the location of each that answers.
//
//	go run ./examples/ssdp-search
//	go run ./examples/ssdp-search -st ssdp:all -interface eth0 -n 1
//
// The connection is a client of a multicast group, so it hears all that answer. What differs from
// the C:
//
//   - c.Write always goes to the group. The C must restore c->rem after each answer.
//   - -interface names the network interface. Mongoose leaves it to the routes of the system.
//   - -n ends the program after some searches; the C never ends.
//   - What devices say is escaped and cut before it is printed.
//
// It logs to standard output. The exit status is 0 after -n searches and after SIGINT or SIGTERM,
// 1 if it cannot search, and 2 for wrong usage. The reason for 1 and 2 is on standard error.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/internal/quote"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

// search is the state of the handler.
type search struct {
	url, target, iface string
	every              time.Duration
	count              int // searches until the end; 0: no end
	sent               int
	out                io.Writer
	log                *slog.Logger // for records that peers cause
	stop               context.CancelFunc
	msg                http.Message
	err                error
}

// handle is the handler of the connection.
func (s *search) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvConnect:
		// UPnP wants 2 hops at most by default.
		if err := c.SetMulticast(reactor.Multicast{Interface: s.iface, TTL: 2}); err != nil {
			c.Fail(err)
			return
		}
		s.send(c)
	case reactor.EvRead:
		s.print(c)
	case reactor.EvError:
		s.err = data.(error)
	case reactor.EvClose:
		s.stop()
	}
}

// send sends a search, and starts the timer for the next one.
func (s *search) send(c *reactor.Conn) {
	if s.count > 0 && s.sent == s.count {
		c.Close()
		return
	}
	s.sent++
	s.log.Info("Sending M-SEARCH")
	_, err := fmt.Fprintf(c, "M-SEARCH * HTTP/1.1\r\nHOST: %s\r\nMAN: \"ssdp:discover\"\r\nST: %s\r\nMX: 5\r\n\r\n",
		strings.TrimPrefix(s.url, "udp://"), s.target)
	if err != nil {
		c.Fail(err)
		return
	}
	c.Manager().AddTimer(s.every, reactor.TimerOnce, func() {
		if c.LocalAddr().IsValid() { // it is not closed
			s.send(c)
		}
	})
}

// print prints what a device says about itself. Each answer is one datagram.
func (s *search) print(c *reactor.Conn) {
	s.log.Info("Got a response", "remote", c.RemoteAddr())
	defer c.Recv.Reset()
	if _, err := http.ParseHead(c.Recv.Bytes(), &s.msg, http.Limits{}); err != nil {
		s.log.Info("not HTTP", "remote", c.RemoteAddr(), "error", err)
		return
	}
	for _, h := range s.msg.Headers {
		if name := string(h.Name); strings.EqualFold(name, "SERVER") || strings.EqualFold(name, "LOCATION") {
			fmt.Fprintf(s.out, "\t%s -> %s\n", name, quote.Text(string(h.Value), quote.MaxText))
		}
	}
	fmt.Fprintln(s.out)
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	s := &search{out: stdout}
	f := flag.NewFlagSet("ssdp-search", flag.ContinueOnError)
	f.StringVar(&s.url, "url", "udp://239.255.255.250:1900", "`URL` of the group to ask")
	f.StringVar(&s.target, "st", "urn:schemas-upnp-org:device:MediaRenderer:1", "`target` of the search; ssdp:all is all devices")
	f.StringVar(&s.iface, "interface", "", "`name` of the network interface; by default the system chooses")
	f.DurationVar(&s.every, "every", 2*time.Second, "`time` between two searches")
	cli.Count(f, &s.count, "n", 0, "`number` of searches; 0 is no limit")
	return cli.Run(f, args, stderr, func() error {
		switch {
		case !strings.HasPrefix(s.url, "udp://"):
			return cli.Usage("-url %s: want udp://host:port", s.url)
		case s.every <= 0:
			return cli.Usage("-every %v is not positive", s.every)
		case s.target == "":
			return cli.Usage("-st is empty")
		case strings.ContainsAny(s.target, "\r\n"):
			return cli.Usage("-st %q has a line break", s.target)
		}
		return s.run(termlog.New(stdout, slog.LevelInfo))
	})
}

// run searches until the end, or SIGINT or SIGTERM.
func (s *search) run(log *slog.Logger) error {
	s.log = termlog.Limit(log)
	m, err := reactor.New(reactor.WithLogger(log))
	if err != nil {
		return err
	}
	defer m.Close()
	if _, err := m.Connect(s.url, s.handle, nil); err != nil {
		return cli.Usage("-url: %w", err)
	}
	ctx, stop := cli.UntilSignal(context.Background())
	defer stop()
	ctx, s.stop = context.WithCancel(ctx)
	defer s.stop()
	if err := m.Run(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return s.err
}
