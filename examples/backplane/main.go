// Command backplane is a chat of several processes. Browsers have a WebSocket to one of them, and
// an MQTT broker between the processes passes the messages on: what is typed at one appears at all.
//
//	go run ./examples/mqtt-server
//	go run ./examples/backplane -name a -listen http://127.0.0.1:8001 -other http://127.0.0.1:8002
//	go run ./examples/backplane -name b -listen http://127.0.0.1:8002 -other http://127.0.0.1:8001
//
// Open http://127.0.0.1:8001/ and http://127.0.0.1:8002/ in a browser. Then end one process, or the
// broker, and start it again.
//
//	what ends          what happens
//	a process          its will says so. Its browsers go to -other, or wait for it. With a load
//	                   balancer in front, -other is not needed
//	the broker         the processes connect again. Messages wait for it, for a minute
//	the connection     the broker keeps the messages for the process, for a minute
//	the broker, and    a process misses what others publish until it has subscribed again. Brokers
//	its sessions       that keep sessions on disk, and clusters, lose none
//
// Each message has an outcome, which its author sees: the broker has it, or why not. The broker may
// deliver a message twice (QoS 1); the page shows it once.
//
// Memory is bounded. A browser that does not read is disconnected when 256 KiB wait for it. One may
// have 100 messages without an outcome, and all together 1,000. -conns bounds the browsers.
//
// There is no history, and everybody may write under every name.
//
// It logs to standard output. The exit status is 0 after SIGINT or SIGTERM, 1 if it cannot listen,
// the loop fails or the broker refuses it, and 2 for wrong usage. The reason for 1 and 2 is on
// standard error.
package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/rikki-go/rikki/examples/internal/certs"
	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

// grace is how long, after a signal, the broker may acknowledge messages, and then the browsers may
// answer the Close frame.
const grace = time.Second

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// options are the flags.
type options struct {
	listen, broker string
	name, topic    string
	others         []string
	conns          int
	trust          certs.Client
	verbose        bool
}

func (o *options) flags(f *flag.FlagSet) {
	f.StringVar(&o.listen, "listen", "http://127.0.0.1:8000", "`URL` of the page")
	f.StringVar(&o.broker, "broker", "mqtt://127.0.0.1:1883", "`URL` of the broker, mqtt://host:port, mqtts://…, ws://host:port/path or wss://…; it must speak MQTT 5.0")
	o.trust.Flags(f)
	f.StringVar(&o.name, "name", rand.Text()[:6], "`name` of this process, different from those of the others (default random)")
	f.StringVar(&o.topic, "topic", "backplane", "`topic` under which the processes meet")
	f.Func("other", "`URL` of the page at another process, where browsers go if this one has ended; may be repeated",
		func(s string) error { o.others = append(o.others, s); return nil })
	cli.Limit(f, &o.conns, "conns", 1000, "most `connections` of browsers; beyond it, one that is idle or the new one is closed")
	f.BoolVar(&o.verbose, "v", false, "log every message")
}

// check returns an error of usage.
func (o *options) check() error {
	if err := cli.CheckListen("-listen", o.listen, "http"); err != nil {
		return err
	}
	if err := mqtt.CheckConnect(o.broker, &mqtt.Options{}); err != nil {
		return cli.Usage("-broker: %w", err)
	}
	if err := checkLevel(o.name); err != nil {
		return cli.Usage("-name: %w", err)
	}
	if err := checkLevel(o.topic); err != nil {
		return cli.Usage("-topic: %w", err)
	}
	for _, url := range o.others {
		u, err := reactor.ParseURL(url)
		if err == nil && (u.Scheme != "http" && u.Scheme != "https" || u.User != "" || u.Path != "") {
			err = fmt.Errorf("%s: want http://host:port or https://host:port", u.Redacted())
		}
		if err == nil {
			err = ws.CheckConnect("ws://localhost", "", &ws.Options{Origins: []string{url}})
		}
		if err != nil {
			return cli.Usage("-other: %w", err)
		}
	}
	return nil
}

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("backplane", flag.ContinueOnError)
	var o options
	o.flags(f)
	return cli.Run(f, args, stderr, func() error {
		if err := o.check(); err != nil {
			return err
		}
		log := termlog.New(stdout, cli.Level(o.verbose))
		cfg, err := o.trust.ConfigFor([]string{o.broker}, log)
		if err != nil {
			return err
		}
		return serve(newServer(o, cfg, log))
	})
}

// serve runs the program until SIGINT or SIGTERM.
func serve(s *server) error {
	m, err := reactor.New(reactor.WithLogger(s.log))
	if err != nil {
		return err
	}
	defer m.Close()
	ctx, stop := cli.UntilSignal(context.Background())
	defer stop()
	ctx, s.end = context.WithCancelCause(ctx)
	defer s.end(nil)
	if err := s.start(m); err != nil {
		return err
	}
	if err := m.Run(ctx); ctx.Err() == nil {
		return err
	}
	if s.ended != nil {
		return s.ended
	}
	s.log.Info("stopping", "reason", context.Cause(ctx))
	if err := s.leave(m); err != nil {
		return err
	}
	_, err = m.Drain(grace)
	return err
}

// leave waits for the outcomes of messages, and ends the session. The broker forgets it, and
// publishes the will, which removes this process from the list.
func (s *server) leave(m *reactor.Manager) error {
	late := time.Now().Add(grace)
	for s.session.Connected() && s.session.Pending() > 0 && time.Now().Before(late) {
		if err := m.Poll(time.Until(late)); err != nil {
			return err
		}
	}
	err := s.session.CloseWith(mqtt.ReasonDisconnectWithWill, mqtt.Property{ID: mqtt.PropSessionExpiryInterval})
	for err == nil && !s.over && time.Now().Before(late) { // Drain would send another DISCONNECT
		err = m.Poll(time.Until(late))
	}
	return err
}
