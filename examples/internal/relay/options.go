package relay

import (
	"flag"
	"time"

	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/reactor"
)

// Options bound what the peers of a proxy can make it hold. A time of 0 means no limit.
type Options struct {
	Connect time.Duration // to connect to a target
	Stall   time.Duration // that a side may read nothing while bytes wait for it
	Idle    time.Duration // that both sides may be silent
	Conns   int           // clients; 0: as many as there are descriptors
}

// Flags defines the flags of the options.
func (o *Options) Flags(f *flag.FlagSet) {
	cli.Timeout(f, &o.Connect, "connect", 10*time.Second, "`time` to connect to the target, without the look-up of its name; 0 is no limit")
	cli.Timeout(f, &o.Stall, "stall", 30*time.Second, "`time` that a side may read nothing while bytes wait for it; 0 is no limit")
	cli.Timeout(f, &o.Idle, "idle", 10*time.Minute, "`time` that both sides may be silent, and up to a quarter more; 0 is no limit")
	cli.Count(f, &o.Conns, "conns", 0, "largest `number` of clients; 0 is as many as the limit of descriptors allows")
}

// Deadlines returns the deadlines of all connections.
func (o *Options) Deadlines() reactor.Deadlines {
	return reactor.Deadlines{Connect: cli.Deadline(o.Connect), Stall: cli.Deadline(o.Stall)}
}
