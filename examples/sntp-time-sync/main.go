// Command sntp-time-sync is Mongoose's tutorial "SNTP time sync": it asks a time server for the
// time, again and again, and keeps a clock of its own that shows this time.
//
//	go run ./examples/sntp-time-sync
//	go run ./examples/sntp-time-sync -url udp://pool.ntp.org:123 -n 1
//
// What differs from the C:
//
//   - The event has the time, the offset of the local clock, and the round trip. The C computes the
//     time of boot from the event, because an embedded device has no clock.
//   - A server that does not answer, refuses (kiss-o'-death), or has no time is an error with a
//     reason. The C waits without limit.
//   - The time between two requests is a minute: servers do not want to be asked every 5 s.
//   - -n ends the program after some answers; the C never ends.
//
// It logs to standard output. The exit status is 0 after -n answers and after SIGINT or SIGTERM,
// 1 if the loop fails, and 2 for wrong usage. The reason for 1 and 2 is on standard error.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/proto/sntp"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

// clock shows the server's time.
type clock struct {
	url    string
	every  time.Duration
	count  int // answers until the end; 0: no end
	got    int
	offset time.Duration // from the system's clock
	conn   *reactor.Conn // to the server; nil if there is none
	log    *slog.Logger
	stop   context.CancelFunc
}

// now returns the time of the clock.
func (k *clock) now() time.Time { return time.Now().Add(k.offset) }

// handle is the handler of the connection to the server.
func (k *clock) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvSNTPTime:
		t := data.(*sntp.Time)
		k.offset = t.Offset
		k.log.Info("Got SNTP time", "ms", t.Time.UnixMilli(), "offset", t.Offset, "delay", t.Delay, "stratum", t.Stratum)
		k.log.Info("The time is " + k.now().UTC().Format(time.RFC3339Nano))
		if k.got++; k.got == k.count {
			k.stop()
		}
	case reactor.EvError:
		k.log.Error("no time", "url", k.url, "error", data.(error))
	case reactor.EvClose:
		k.conn = nil // the next request connects again
	}
}

// request asks the server, and connects first if there is no connection.
func (k *clock) request(m *reactor.Manager) error {
	if k.conn == nil {
		c, err := sntp.Connect(m, k.url, k.handle, nil)
		if err != nil {
			return err
		}
		k.conn = c
	}
	err := sntp.Request(k.conn)
	if errors.Is(err, sntp.ErrPending) { // its result comes soon
		return nil
	}
	return err
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	k := &clock{}
	f := flag.NewFlagSet("sntp-time-sync", flag.ContinueOnError)
	f.StringVar(&k.url, "url", sntp.Server, "`URL` of the server")
	f.DurationVar(&k.every, "every", time.Minute, "`time` between two requests")
	cli.Count(f, &k.count, "n", 0, "`number` of answers until the end; 0 is no limit")
	return cli.Run(f, args, stderr, func() error {
		if k.url == "" {
			return cli.Usage("-url is empty")
		}
		if k.every <= 0 {
			return cli.Usage("-every %v is not positive", k.every)
		}
		return k.run(termlog.New(stdout, slog.LevelInfo))
	})
}

// run runs the loop until the end, or SIGINT or SIGTERM.
func (k *clock) run(log *slog.Logger) error {
	k.log = log
	m, err := reactor.New(reactor.WithLogger(log))
	if err != nil {
		return err
	}
	defer m.Close()
	if err := k.request(m); err != nil {
		return cli.Usage("-url: %w", err)
	}
	ctx, stop := cli.UntilSignal(context.Background())
	defer stop()
	ctx, k.stop = context.WithCancel(ctx)
	defer k.stop()
	m.AddTimer(k.every, reactor.TimerRepeat, func() {
		if err := k.request(m); err != nil {
			log.Error("no request", "error", err)
		}
	})
	if err := m.Run(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
