// Command http-streaming-client is Mongoose's tutorial "HTTP streaming client". It prints the body
// of a response while it arrives, however large it is.
//
//	go run ./examples/http-streaming-client -url http://info.cern.ch/ >page.html
//
// What differs from the C program: it asks for the pieces with [http.StreamBody], in EvHTTPHdrs.
// The C program parses the header in EvRead and prints all that follows, also the framing of
// chunks. The memory is bounded: a piece is printed before more is read. A body that breaks off
// is an error, and so is a status other than 2xx; the C program cannot tell.
//
// It prints the body to standard output. The exit status is 0 if it is complete, 1 if not, and 2
// for wrong usage. The reason for 1 and 2 is on standard error.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
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

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	var url string
	var quiet time.Duration
	var trust certs.Client
	f := flag.NewFlagSet("http-streaming-client", flag.ContinueOnError)
	f.StringVar(&url, "url", "http://info.cern.ch/", "`URL` to ask for, http://… or https://…")
	cli.Timeout(f, &quiet, "quiet", 30*time.Second, "`time` that the server may be silent; 0 is no limit")
	trust.Flags(f)
	return cli.Run(f, args, stderr, func() error { return stream(url, quiet, &trust, stdout, stderr) })
}

// stream sends the request and prints the body of the response.
func stream(url string, quiet time.Duration, trust *certs.Client, stdout, stderr io.Writer) error {
	limit := cli.Deadline(quiet)
	m, err := reactor.New(reactor.WithLogger(termlog.New(stderr, cli.Level(false))),
		reactor.WithDeadlines(reactor.Deadlines{Idle: limit, Message: -1}))
	if err != nil {
		return err
	}
	defer m.Close()
	tls, err := trust.ConfigFor([]string{url}, m.Logger())
	if err != nil {
		return err
	}
	ctx, done := context.WithCancelCause(context.Background())
	c, err := http.Connect(m, url, func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvHTTPHdrs:
			switch status := data.(*http.Message).Status; {
			case status/100 == 2:
				http.StreamBody(c, -1)
			case status/100 != 1:
				c.Fail(fmt.Errorf("the server answers with status %d", status))
			}
		case reactor.EvHTTPBody:
			if _, err := stdout.Write(data.(*http.Piece).Data); err != nil {
				c.Fail(err)
			}
		case reactor.EvHTTPMsg:
			done(nil)
		case reactor.EvError:
			done(data.(error))
		case reactor.EvClose:
			done(errors.New("the server has closed the connection without a response"))
		}
	}, nil)
	if err == nil {
		err = http.SendRequest(c, &http.Request{URL: url, Headers: "Connection: close\r\n"})
	}
	if err != nil {
		return cli.Usage("-url: %w", err)
	}
	if c.IsTLS() {
		c.StartTLS(tls)
	}
	ctx, stop := cli.UntilSignal(ctx)
	defer stop()
	m.Run(ctx)
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
