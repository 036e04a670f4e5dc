// Command mqtt-dashboard is Mongoose's tutorial "MQTT dashboard": a web page that shows the devices
// of an MQTT broker, and switches their LEDs.
//
//	go run ./examples/mqtt-dashboard
//
// Then open http://127.0.0.1:8000/ in a browser. The program serves the page, runs a small broker
// beside it, and simulates two devices (-devices). More devices, in other processes, connect to
// mqtt://127.0.0.1:1883:
//
//	go run ./examples/mqtt-dashboard/device -i garage
//
// With -broker, page and devices use another broker. The browser connects to it, so the URL is one
// of WebSocket:
//
//	go run ./examples/mqtt-dashboard -broker wss://broker.example/mqtt -topic my-house
//
// What the devices send is in package internal/sim. The page is in the folder page, and is part of
// the program: plain HTML and JavaScript, no libraries, with a small MQTT client (page/mqtt.js).
//
// What differs from the C program: the default broker is this one, and not a public one where
// everybody could switch the LEDs. The page connects again by itself. All devices are on one page,
// with charts of the values that they measure. All programs in the network that reach the broker
// can still switch LEDs: examples/mqtt-server has passwords.
//
// The broker accepts WebSockets from the page on this machine's names, and from those of -origin.
//
// It logs to standard output. The exit status is 0 after SIGINT or SIGTERM, 1 if it cannot listen
// or the loop fails, and 2 for wrong usage. The reason for 1 and 2 is on standard error.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/examples/mqtt-dashboard/internal/sim"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

// grace is how long, after a signal, clients may read the unsent bytes.
const grace = time.Second

// maxDevices bounds -devices.
const maxDevices = 100

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// options are the flags.
type options struct {
	listen, mqtt, ws string
	broker           string // of others, or empty
	topic            string
	origins          []string
	devices          int
	every            time.Duration
	verbose          bool
}

func (o *options) flags(f *flag.FlagSet) {
	f.StringVar(&o.listen, "listen", "http://127.0.0.1:8000", "`URL` of the page")
	f.StringVar(&o.mqtt, "mqtt", "mqtt://127.0.0.1:1883", "`URL` of the own broker for devices")
	f.StringVar(&o.ws, "ws", "ws://127.0.0.1:8083/mqtt", "`URL` of the own broker for the page")
	f.StringVar(&o.broker, "broker", "", "`URL` of another broker, ws://host:port/path or wss://…; there is no own one then")
	f.StringVar(&o.topic, "topic", "mg_mqtt_dashboard", "root `topic` of the devices")
	f.Func("origin", "`pattern` of further web pages that may connect to the own broker, such as http://192.168.1.2:8000; may be repeated",
		func(s string) error { o.origins = append(o.origins, s); return nil })
	cli.Count(f, &o.devices, "devices", 2, "`number` of simulated devices")
	f.DurationVar(&o.every, "every", time.Second, "`time` between two values of the simulated devices")
	f.BoolVar(&o.verbose, "v", false, "log every request and message")
}

// check returns an error of usage.
func (o *options) check() error {
	for _, x := range []struct{ flag, url, scheme string }{
		{"-listen", o.listen, "http"}, {"-mqtt", o.mqtt, "mqtt"}, {"-ws", o.ws, "ws"}} {
		if err := cli.CheckListen(x.flag, x.url, x.scheme); err != nil {
			return err
		}
	}
	if err := ws.CheckConnect("ws://localhost", "", &ws.Options{Origins: o.origins}); err != nil {
		return cli.Usage("-origin: %w", err)
	}
	if err := sim.Check(o.topic); err != nil {
		return cli.Usage("-topic: %w", err)
	}
	switch {
	case o.devices > maxDevices:
		return cli.Usage("-devices %d is more than %d", o.devices, maxDevices)
	case o.every < 10*time.Millisecond:
		return cli.Usage("-every %v is less than 10ms", o.every)
	case o.broker == "":
		return nil
	}
	u, err := reactor.ParseURL(o.broker)
	switch {
	case err != nil:
		return cli.Usage("-broker: %w", err)
	case u.Scheme != "ws" && u.Scheme != "wss":
		return cli.Usage("-broker %s: want ws:// or wss://, for the browser", u.Redacted())
	case u.User != "" || u.HasPassword:
		return cli.Usage("-broker %s: everybody who opens the page would see the password", u.Redacted())
	}
	if err := mqtt.CheckConnect(o.broker, &mqtt.Options{}); err != nil {
		return cli.Usage("-broker: %w", err)
	}
	return nil
}

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("mqtt-dashboard", flag.ContinueOnError)
	var o options
	o.flags(f)
	return cli.Run(f, args, stderr, func() error {
		if err := o.check(); err != nil {
			return err
		}
		log := termlog.New(stdout, cli.Level(o.verbose))
		return serve(&dashboard{options: o, log: log, peers: termlog.Limit(log)})
	})
}

// serve runs the program until SIGINT or SIGTERM.
func serve(d *dashboard) error {
	m, err := reactor.New(reactor.WithLogger(d.log))
	if err != nil {
		return err
	}
	defer m.Close()
	if err := d.start(m); err != nil {
		return err
	}
	ctx, stop := cli.UntilSignal(context.Background())
	defer stop()
	d.log.Info(fmt.Sprintf("the page is http://%s/", d.page.LocalAddr()))
	if err := m.Run(ctx); ctx.Err() == nil {
		return err
	}
	d.log.Info("stopping", "reason", context.Cause(ctx))
	d.stop()
	_, err = m.Drain(grace)
	return err
}
