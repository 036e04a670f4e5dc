// Command mqtt-bridge passes messages from one MQTT broker to another, over tcp, TLS and WebSocket.
//
//	go run ./examples/mqtt-bridge -id site-7 -from mqtt://127.0.0.1 -to wss://cloud.example/mqtt \
//		-filter 'sensors/#' -prefix site-7/ -ca ca.pem
//
// Each message keeps its QoS, up to -qos, its retain flag and its properties. The topic gets the
// prefix. A response topic does not get it.
//
//	QoS 0   at most once
//	QoS 1   at least once: the source gets its acknowledgement when the destination has sent one
//	QoS 2   once, while the bridge runs and both brokers keep their sessions; else at least once
//
// Both brokers keep the session of -id for -expiry. So the source keeps messages while the bridge
// is away. While more than -buffer bytes wait for the destination, the bridge reads nothing from
// the source. A message that the destination refuses, or that has expired, is logged and
// acknowledged: it would stop all messages behind it.
//
// The source goes on sending what an earlier -filter of the same -id has asked for. So choose
// another -id for another -filter.
//
// If both URLs lead to the same broker, the filter must not match the topics with the prefix:
// the bridge would pass on its own messages without end. The program refuses this if it can see it.
// It cannot see it if the broker has two addresses, or if another bridge leads back.
//
// With -version 4 (MQTT 3.1.1) there are no properties, and the source sends the retain flag only
// with messages that were retained before the bridge subscribed.
//
// It runs until SIGINT or SIGTERM, and then waits for acknowledgements, but not for long. It logs
// to standard output. The exit status is 0 after a signal, 1 after a failure that will not heal,
// such as a wrong password, and 2 for wrong usage. The reason for 1 and 2 is on standard error.
package main

import (
	"flag"
	"io"
	"os"
	"time"

	"github.com/rikki-go/rikki/examples/internal/certs"
	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/reactor/termlog"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	b := &bridge{}
	fl := flags{}
	f := flag.NewFlagSet("mqtt-bridge", flag.ContinueOnError)
	f.StringVar(&fl.from, "from", "mqtt://127.0.0.1", "`URL` of the source, mqtt://host:port, mqtts://…, ws://host:port/path or wss://…")
	f.StringVar(&fl.to, "to", "", "`URL` of the destination")
	f.StringVar(&fl.filter, "filter", "#", "topic `filter` of the messages to pass on")
	f.StringVar(&b.prefix, "prefix", "", "`text` before each topic at the destination, such as site-7/")
	f.UintVar(&fl.qos, "qos", 2, "highest quality of service `level`: 0, 1 or 2")
	f.StringVar(&fl.id, "id", "", "client `identifier` at the source; with -to behind it, that at the destination")
	source, destination := &b.source.Login, &b.destination.Login
	f.StringVar(&source.User, "from-user", "", "user `name` at the source (default: that of the URL)")
	f.StringVar(&source.Password, "from-password", "", "`password` at the source")
	f.StringVar(&destination.User, "to-user", "", "user `name` at the destination (default: that of the URL)")
	f.StringVar(&destination.Password, "to-password", "", "`password` at the destination")
	fl.trust.Flags(f)
	f.UintVar(&fl.version, "version", 5, "protocol `level` of both: 4 is MQTT 3.1.1, 5 is MQTT 5.0")
	cli.Timeout(f, &fl.expiry, "expiry", 24*time.Hour, "`time` for which the brokers keep the sessions without the bridge")
	cli.Count(f, &b.limit, "buffer", 8<<20, "`bytes` of messages that wait for the destination; beyond it, the source waits")
	verbose := f.Bool("v", false, "log each message that is passed on")
	return cli.Run(f, args, stderr, func() error {
		b.log = termlog.New(stdout, cli.Level(*verbose))
		b.limited = termlog.Limit(b.log)
		if err := b.configure(&fl); err != nil {
			return err
		}
		return b.loop()
	})
}

// flags are the flags that need a check.
type flags struct {
	from, to, filter, id string
	qos, version         uint
	expiry               time.Duration
	trust                certs.Client
}
