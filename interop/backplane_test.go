package interop

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
)

// TestBackplaneMosquitto restarts mosquitto, which has its sessions on disk, while messages are
// typed at two processes of examples/backplane. Each message reaches both.
func TestBackplaneMosquitto(t *testing.T) {
	t.Parallel()
	example(t, "backplane")
	ports, dir := freePorts(t, 3), t.TempDir()
	mosquitto := startKeeping(t, ports[0], dir)
	processes := []*process{startBackplane(t, "a", ports[1], "mqtt://"+ports[0]), startBackplane(t, "b", ports[2], "mqtt://"+ports[0])}
	l := newLoop(t)
	browsers := []*wsOurs{l.dialWS(ourWays[0], "ws://"+ports[1]+"/ws"), l.dialWS(ourWays[0], "ws://"+ports[2]+"/ws")}
	got := make([]map[string]bool, 2) // texts
	outcomes := 0
	read := func() {
		for i, b := range browsers {
			for _, m := range b.got {
				var a struct {
					Type, Error string
					Message     struct{ Text string }
				}
				noError(t, json.Unmarshal(m.data, &a))
				switch a.Type {
				case "message":
					got[i][a.Message.Text] = true
				case "outcome":
					if outcomes++; a.Error != "" {
						t.Errorf("an outcome: %s", a.Error)
					}
				}
			}
			b.got = nil
		}
	}
	defer func() { t.Logf("%d outcomes, %d and %d messages", outcomes, len(got[0]), len(got[1])) }()
	got[0], got[1] = map[string]bool{}, map[string]bool{}
	const each = 50
	for round := range 3 {
		if round == 1 {
			mosquitto.stop()
			for _, p := range processes {
				p.next(`NOT CONNECTED|DISCONNECTED`)
			}
		}
		if round == 2 {
			mosquitto = startKeeping(t, ports[0], dir) // the processes are not connected yet
		}
		for i, b := range browsers {
			for n := range each {
				b.send(wsMessage{ws.OpText, fmt.Appendf(nil, `{"id":%d,"who":"x","text":"%d-%d-%d"}`, round*each+n+1, round, i, n)})
			}
		}
		if round != 1 {
			l.until("all messages and outcomes", func() bool {
				read()
				n := (round + 1) * each * 2
				return outcomes == n && len(got[0]) == n && len(got[1]) == n
			})
		}
	}
	for _, p := range processes {
		if p.count(`CONNECTED to mqtt\S+ session=resumed`) == 0 {
			t.Error("mosquitto has not kept the session")
		}
	}
}
