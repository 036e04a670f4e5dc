// Command device is the device of Mongoose's tutorial "MQTT dashboard". It announces itself to an
// MQTT broker, sends what it measures, and obeys: its LED can be switched, and its firmware can be
// replaced. All of that is simulated. The broker tells the dashboards when it has gone.
//
//	go run ./examples/mqtt-dashboard             (in another terminal: the broker and the page)
//	go run ./examples/mqtt-dashboard/device -i garage
//	mosquitto_pub -t mg_mqtt_dashboard/garage/rx \
//		-m '{"method":"state.set","params":{"led_status":true}}'
//
// What differs from the C program: the default broker is the dashboard's, on this machine. The
// identifier is a hash, because the machine's own is not for others to see. It connects again with
// growing delays. Values are new. It has no firmware, and does not set the clock;
// examples/sntp-time-sync does that. At SIGINT it says that it goes.
//
// It logs to standard output. The exit status is 0 after SIGINT or SIGTERM, 1 if the broker refuses
// it for a reason that will not heal, such as a wrong password, and 2 for wrong usage. The reason
// for 1 and 2 is on standard error.
package main

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"io"
	"os"
	"strings"
	"time"

	"github.com/rikki-go/rikki/examples/internal/certs"
	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/examples/mqtt-dashboard/internal/sim"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

// grace is how long the program waits for the broker after SIGINT.
const grace = 2 * time.Second

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("device", flag.ContinueOnError)
	url := f.String("u", "mqtt://127.0.0.1:1883", "`URL` of the broker, mqtt://host:port, mqtts://…, ws://host:port/path or wss://…")
	var trust certs.Client
	trust.Flags(f)
	var o sim.Options
	f.StringVar(&o.ID, "i", "", "`identifier` of the device (default: made from that of the machine)")
	f.StringVar(&o.Root, "t", "mg_mqtt_dashboard", "root `topic` of the dashboard")
	f.DurationVar(&o.Every, "every", time.Second, "`time` between two values")
	verbose := f.Bool("v", false, "log every request")
	return cli.Run(f, args, stderr, func() error {
		o.Log = termlog.New(stdout, cli.Level(*verbose))
		o.ID = cmp.Or(o.ID, machineID("/etc/machine-id", os.Hostname))
		if err := sim.Check(o.ID); err != nil {
			return cli.Usage("-i: %w", err)
		}
		if err := sim.Check(o.Root); err != nil {
			return cli.Usage("-t: %w", err)
		}
		if o.Every < 10*time.Millisecond {
			return cli.Usage("-every %v is less than 10ms", o.Every)
		}
		if err := mqtt.CheckConnect(*url, &o.Login.Login); err != nil {
			return cli.Usage("-u: %w", err)
		}
		cfg, err := trust.ConfigFor([]string{*url}, o.Log)
		if err != nil {
			return err
		}
		o.Login.URLs, o.Login.Login.TLS = []string{*url}, cfg
		return serve(o)
	})
}

// machineID returns an identifier that stays the same when the program starts again. file has
// that of the machine, which must not be published: so this is a keyed hash of it.
func machineID(file string, hostname func() (string, error)) string {
	id, err := os.ReadFile(file)
	if text := strings.TrimSpace(string(id)); err == nil && text != "" {
		h := hmac.New(sha256.New, []byte(text))
		h.Write([]byte("mqtt-dashboard"))
		return hex.EncodeToString(h.Sum(nil)[:7])
	}
	if name, err := hostname(); err == nil && sim.Check(name) == nil {
		return name
	}
	return "MyDeviceID"
}

// serve runs the device until SIGINT or SIGTERM.
func serve(o sim.Options) error {
	m, err := reactor.New(reactor.WithLogger(o.Log))
	if err != nil {
		return err
	}
	defer m.Close()
	running := true
	var ended error
	o.Ended = func(err error) { running, ended = false, err }
	d, err := sim.New(m, o)
	if err != nil {
		return err
	}
	ctx, stop := cli.UntilSignal(context.Background())
	defer stop()
	context.AfterFunc(ctx, func() {
		m.Post(func() {
			o.Log.Info("stopping", "reason", context.Cause(ctx))
			m.AddTimer(grace, reactor.TimerOnce, d.Close)
			d.Stop()
		})
	})
	o.Log.Info("device", "id", o.ID, "topic", o.Root+"/"+o.ID)
	for running {
		if err := m.Poll(-1); err != nil {
			return err
		}
	}
	return ended
}
