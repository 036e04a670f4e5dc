// Command http-client is Mongoose's tutorial "HTTP client". It sends a request, prints the
// response with its header, and ends.
//
//	go run ./examples/http-client -url http://info.cern.ch/
//	go run ./examples/http-client -url https://example.com/form -data 'a=1&b=2'
//
// What differs from the C program: an [http.Client] makes the request. It writes the header,
// starts TLS, and follows redirects with -redirects. The time to connect is a deadline of the
// loop, not a comparison in each EvPoll. The response is HTTP/1.1: chunks are joined. A failure
// is status 1 with the reason; the C program ends with 0. A body of more than 3 MiB is refused:
// see http-streaming-client.
//
// It prints the response to standard output. The exit status is 0 if a response has arrived, 1 if
// not, and 2 for wrong usage. The reason for 1 and 2 is on standard error.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"time"

	"github.com/rikki-go/rikki/examples/internal/certs"
	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// options are the flags of the command line.
type options struct {
	url, data string
	redirects int
	connect   time.Duration
	timeout   time.Duration
	trust     certs.Client
}

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	var o options
	f := flag.NewFlagSet("http-client", flag.ContinueOnError)
	f.StringVar(&o.url, "url", "http://info.cern.ch/", "`URL` to ask for, http://… or https://…")
	f.StringVar(&o.data, "data", "", "`text` to send in a POST request (default: a GET request)")
	cli.Count(f, &o.redirects, "redirects", 0, "largest `number` of redirects that are followed")
	cli.Timeout(f, &o.connect, "connect", 1500*time.Millisecond, "`time` to connect; 0 is no limit")
	cli.Timeout(f, &o.timeout, "timeout", 30*time.Second, "`time` to wait for the response to begin; 0 is no limit")
	o.trust.Flags(f)
	return cli.Run(f, args, stderr, func() error { return get(&o, stdout, stderr) })
}

// get sends the request and waits for the last event of it.
func get(o *options, stdout, stderr io.Writer) error {
	m, err := reactor.New(reactor.WithLogger(termlog.New(stderr, cli.Level(false))))
	if err != nil {
		return err
	}
	defer m.Close()
	opts := &http.ClientOptions{
		Deadlines: reactor.Deadlines{Connect: cli.Deadline(o.connect)},
		Timeout:   cli.Deadline(o.timeout),
		Redirects: o.redirects,
	}
	if opts.TLS, err = o.trust.ConfigFor([]string{o.url}, m.Logger()); err != nil {
		return err
	}
	req := &http.Request{URL: o.url}
	if o.data != "" {
		req.Method, req.Body = "POST", []byte(o.data)
		req.Headers = "Content-Type: application/x-www-form-urlencoded\r\n"
	}
	ctx, done := context.WithCancelCause(context.Background())
	err = http.NewClient(m, opts).Do(req, func(_ *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvHTTPMsg:
			_, err := stdout.Write(data.(*http.Message).Raw)
			done(err) // nil is context.Canceled
		case reactor.EvError:
			done(data.(error))
		}
	}, nil)
	if err != nil {
		return cli.Usage("-url: %w", err)
	}
	ctx, stop := cli.UntilSignal(ctx)
	defer stop()
	m.Run(ctx)
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
