package relay

import (
	"flag"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// 0 turns a deadline off.
func TestDeadlines(t *testing.T) {
	for _, tc := range []struct {
		args           []string
		connect, stall time.Duration
	}{
		{nil, 10 * time.Second, 30 * time.Second},
		{[]string{"-connect", "1s", "-stall", "2s"}, time.Second, 2 * time.Second},
		{[]string{"-connect", "0", "-stall", "0"}, -1, -1},
	} {
		var o Options
		f := flag.NewFlagSet("", flag.ContinueOnError)
		o.Flags(f)
		if err := f.Parse(tc.args); err != nil {
			t.Fatal(err)
		}
		if got, want := o.Deadlines(), (reactor.Deadlines{Connect: tc.connect, Stall: tc.stall}); got != want {
			t.Errorf("%q: %+v, want %+v", tc.args, got, want)
		}
	}
}
