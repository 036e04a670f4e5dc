// Command fleet simulates devices: many MQTT sessions in one process, on one event loop. Each
// device connects, subscribes to a topic of its own, and publishes to it. So it receives what it
// has published, and the program can say what was lost, what came twice, and how long it took.
//
//	go run ./examples/fleet -n 10000 -url ws://127.0.0.1:8080/mqtt -rate 1000 -qos 1 -d 30s
//	go run ./examples/fleet -n 500 -url mqtts://one:8883 -url wss://two/mqtt -ca ca.pem -json
//	go run ./examples/fleet -n 10000 -rate 0 -d 10m
//
// -rate is the number of messages per second of all devices together. They take turns. The
// devices connect one after the other: at most -attempts of them are connecting at once. When all
// have subscribed, they publish for the time -d, or until SIGINT or SIGTERM. Then the program
// waits up to -drain for what is missing, and prints a summary. A second signal ends it at once.
//
// If a connection is lost, its session reconnects by itself. The summary has the attempts and the
// reconnects in each second since the first loss. With several -url, the devices are spread over
// them, and each tries the others in turn when its own does not answer.
//
// The parts of the summary, and of the object that -json prints:
//
//	devices, connected      as -n says; of them connected at the end of the run
//	published               messages that the sessions have accepted
//	refused                 messages that they have not, for example because a queue is full
//	acknowledged, sent      outcomes at QoS 1 and 2; outcome at QoS 0
//	rejected, dropped, expired, abandoned     the other outcomes
//	received, duplicates    without duplicates; those that came again
//	lost                    acknowledged or sent, and not received
//	foreign                 received, and not a message of this run
//	latency                 from Publish to the receipt. See latency.go for how exact it is
//	heap                    of the Go heap, after garbage collection, when the run is over and all
//	                        sessions still exist
//
// It logs to standard output, with -json to standard error. On a terminal there is a line of
// progress, otherwise a record every 5 seconds. The exit status is 0 if all devices have subscribed
// and were connected at the end, all messages were acknowledged (at QoS 0: sent), nothing was lost,
// and at QoS 2 nothing came twice. Otherwise it is 1, and 2 for wrong usage. The reason for 1 and 2
// is on standard error.
package main

import (
	"crypto/tls"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rikki-go/rikki/examples/internal/certs"
	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// options are the flags of the command line. A time of 0 means no limit.
type options struct {
	urls              []string
	devices, attempts int
	rate              float64
	qos, version      uint
	duration, drain   time.Duration
	ready, keepAlive  time.Duration
	backoff, expiry   time.Duration
	user, password    string
	topic             string
	size              int
	seed              uint64
	json, verbose     bool
	trust             certs.Client
	descriptors       uint64 // the limit of the process; 0: ask the system
}

func (o *options) flags(f *flag.FlagSet) {
	f.Func("url", "`URL` of the broker, mqtt://host:port, mqtts://…, ws://host:port/path or wss://…; "+
		"give it several times for several brokers (default mqtt://127.0.0.1)",
		func(s string) error { o.urls = append(o.urls, s); return nil })
	o.trust.Flags(f)
	cli.Count(f, &o.devices, "n", 100, "`number` of devices")
	f.Float64Var(&o.rate, "rate", 100, "`messages` per second of all devices together; 0: none")
	f.UintVar(&o.qos, "qos", 1, "quality of service `level` of the messages: 0, 1 or 2")
	cli.Timeout(f, &o.duration, "d", 30*time.Second, "`time` to publish, from when all devices have subscribed (0: until SIGINT)")
	f.BoolVar(&o.json, "json", false, "print the summary as a JSON object, and nothing else on standard output")
	cli.Count(f, &o.attempts, "attempts", 64, "`number` of devices that connect at once at the beginning")
	cli.Timeout(f, &o.ready, "ready", 2*time.Minute, "`time` after which it publishes although not all devices have subscribed (0: never)")
	cli.Timeout(f, &o.drain, "drain", 30*time.Second, "`time` to wait at the end for missing outcomes and messages (0: no limit)")
	cli.Timeout(f, &o.keepAlive, "keepalive", time.Minute, "`time` without a packet after which a device sends PINGREQ (0: never)")
	cli.Timeout(f, &o.backoff, "backoff", 0, "longest `time` until the first attempt to reconnect; it doubles with each attempt (0: 1ms for each device, but at least 1s)")
	cli.Timeout(f, &o.expiry, "expiry", 0, "`time` for which the broker keeps a session after a connection; needs -version 5")
	f.UintVar(&o.version, "version", 4, "protocol `level`: 4 is MQTT 3.1.1, 5 is MQTT 5.0")
	f.StringVar(&o.user, "user", "", "user `name` for the broker")
	f.StringVar(&o.password, "password", "", "`password` for the broker")
	f.StringVar(&o.topic, "topic", "fleet", "`prefix` of the topics; a device adds / and its client identifier")
	f.IntVar(&o.size, "size", 64, "`bytes` of a message's payload")
	f.Uint64Var(&o.seed, "seed", 0, "`number` that determines the client identifiers, the payloads and which device begins; not the delays of reconnects (0: a random one)")
	f.BoolVar(&o.verbose, "v", false, "log each connection")
}

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("fleet", flag.ContinueOnError)
	var o options
	o.flags(f)
	return cli.Run(f, args, stderr, func() error {
		if err := o.check(); err != nil {
			return err
		}
		out := stdout
		if o.json {
			out = stderr
		}
		s := newScreen(out)
		log := termlog.New(s, cli.Level(o.verbose))
		config, err := o.trust.ConfigFor(o.urls, log)
		if err != nil {
			return err
		}
		return simulate(&o, config, s, log, stdout)
	})
}

// check checks the flags, and sets the defaults that are not constants.
func (o *options) check() error {
	if len(o.urls) == 0 {
		o.urls = []string{"mqtt://127.0.0.1"}
	}
	for _, s := range o.urls {
		u, err := reactor.ParseURL(s)
		if err != nil {
			return cli.Usage("-url: %w", err)
		}
		switch u.Scheme {
		case "mqtt", "mqtts", "ws", "wss":
		default:
			return cli.Usage("-url %s: want mqtt://, mqtts://, ws:// or wss://", u.Redacted())
		}
	}
	switch {
	case o.devices == 0:
		return cli.Usage("-n 0: want at least one device")
	case o.attempts == 0:
		return cli.Usage("-attempts 0: no device could connect")
	case !(o.rate >= 0 && o.rate <= maxRate): // NaN too
		return cli.Usage("-rate %v: want a number from 0 to %d", o.rate, maxRate)
	case o.qos > 2:
		return cli.Usage("-qos %d: want 0, 1 or 2", o.qos)
	case o.version != 4 && o.version != 5:
		return cli.Usage("-version %d: want 4 or 5", o.version)
	case o.expiry > 0 && o.version == 4:
		return cli.Usage("-expiry needs -version 5: in 3.1.1 the sessions would stay on the broker for ever")
	case o.keepAlive > 0 && (o.keepAlive < time.Second || o.keepAlive > 65535*time.Second):
		return cli.Usage("-keepalive %v: want 1s to 65535s, or 0", o.keepAlive)
	case !mqtt.ValidTopic(o.topic):
		return cli.Usage("-topic %q is not valid for publishing", o.topic)
	case len(o.topic) > maxPrefix:
		return cli.Usage("-topic has %d bytes: want at most %d", len(o.topic), maxPrefix)
	case o.size < stampSize || o.size > maxSize:
		return cli.Usage("-size %d: want %d to %d", o.size, stampSize, maxSize)
	}
	for _, s := range o.urls {
		l := o.login(nil)
		l.KeepAlive = o.keepAlive
		if err := mqtt.CheckConnect(s, &l); err != nil {
			u, _ := reactor.ParseURL(s)
			return cli.Usage("-url %s: %w", u.Redacted(), err)
		}
	}
	if o.backoff == 0 { // at most 1,000 devices reconnect in a second: brokers collapse under more
		o.backoff = max(time.Second, time.Duration(o.devices)*time.Millisecond)
	}
	for o.seed == 0 {
		o.seed = rand.Uint64()
	}
	return o.checkDescriptors()
}

// checkDescriptors returns an error if the process may not open so many connections. Go's runtime
// has raised the limit of file descriptors to the hard limit.
func (o *options) checkDescriptors() error {
	if o.descriptors == 0 {
		var limit unix.Rlimit
		if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
			return nil // connections will say what is wrong
		}
		o.descriptors = uint64(limit.Cur)
	}
	const reserve = 32 // the loop's own, standard streams, name resolution
	if need := uint64(o.devices) + reserve; need > o.descriptors {
		return cli.Usage("-n %d needs %d file descriptors, but the limit is %d: raise it with ulimit -Hn as root, or take fewer devices",
			o.devices, need, o.descriptors)
	}
	return nil
}

// login returns the options of the connections.
func (o *options) login(config *tls.Config) mqtt.Options {
	l := mqtt.Options{User: o.user, Password: o.password, Version: uint8(o.version), KeepAlive: o.keepAlive, TLS: config}
	if o.keepAlive == 0 {
		l.KeepAlive = -1
	}
	return l
}
