package session

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
)

var (
	senderSeed = flag.Uint64("sender-seed", 0, "run the model of the sender with this seed only")
	senderRuns = flag.Int("sender-runs", 1000, "how many seeds the model of the sender runs")
)

// TestSenderModel publishes through random faults: cuts at any byte, lost acknowledgements,
// duplicates, lost sessions, limits that change, and crashes. Then the faults end. Each message of
// QoS 1 has arrived, each of QoS 2 exactly once, in their order, and each has one outcome.
func TestSenderModel(t *testing.T) {
	total := senderModelCounts{}
	for seed := uint64(1); seed <= uint64(*senderRuns); seed++ {
		if *senderSeed != 0 && seed != *senderSeed {
			continue
		}
		counts, err := runSenderModel(seed)
		if err != nil {
			t.Fatalf("%v\nrepeat with: go test ./proto/mqtt/session -run TestSenderModel -sender-seed %d", err, seed)
		}
		for i, n := range counts.results {
			total.results[i] += n
		}
		total.cuts += counts.cuts
		total.crashes += counts.crashes
		total.lost += counts.lost
		total.gone += counts.gone
	}
	t.Logf("%+v", total)
	if *senderSeed != 0 {
		return
	}
	for _, r := range []Result{Sent, Acknowledged, Rejected, Dropped, Expired} {
		if total.results[r] == 0 {
			t.Errorf("no message was %s: the model does not reach it", senderResults[r])
		}
	}
}

type senderModelCounts struct {
	results             [Abandoned + 1]int
	cuts, crashes, lost int
	gone                int
}

type senderModel struct {
	*senderNet
	senderModelCounts
	rnd    *rand.Rand
	topics int
	calm   bool // the server has no changing limits
}

func runSenderModel(seed uint64) (senderModelCounts, error) {
	rnd := rand.New(rand.NewPCG(seed, 13))
	version, store := uint8(4+rnd.IntN(2)), (*senderStore)(nil)
	if rnd.IntN(2) == 0 {
		store = newSenderStore()
	}
	q := Queue{Messages: 3 + rnd.IntN(30), Bytes: 300 + rnd.IntN(3000), Full: WhenFull(rnd.IntN(3))}
	w := &senderModel{senderNet: newSenderNet(version, q, 1+rnd.IntN(8), store), rnd: rnd, topics: 1 + rnd.IntN(3), calm: rnd.IntN(2) == 0}
	duplicates, refusals := rnd.IntN(2) == 0, version == 5 && rnd.IntN(2) == 0
	w.server.duplicate = func() bool { return duplicates && rnd.IntN(8) == 0 }
	w.server.refuse = func() mqtt.ReasonCode {
		if refusals && rnd.IntN(8) == 0 {
			return mqtt.ReasonQuotaExceeded
		}
		return 0
	}
	for i := range 400 {
		if err := w.fault(); err != nil {
			return w.senderModelCounts, fmt.Errorf("step %d: %w", i, err)
		}
		if err := w.check(); err != nil {
			return w.senderModelCounts, fmt.Errorf("step %d: %w", i, err)
		}
	}
	err := w.heal()
	for _, x := range w.order {
		if x.outcome != nil {
			w.results[x.outcome.Result]++
		} else if x.gone {
			w.gone++
		}
	}
	return w.senderModelCounts, err
}

// fault does one random thing.
func (w *senderModel) fault() error {
	r := w.rnd
	if !w.connected && r.IntN(3) == 0 {
		w.reconnect()
		return nil
	}
	switch n := r.IntN(100); {
	case n < 25:
		m := &Message{Topic: string(rune('a' + r.IntN(w.topics))), QoS: uint8(r.IntN(3)), Data: make([]byte, r.IntN(60)), Retain: r.IntN(8) == 0}
		if r.IntN(4) == 0 {
			m.Expiry = time.Duration(1 + r.Int64N(20_000_000_000))
		}
		_, err := w.publish(m)
		return err
	case n < 45:
		return w.pump(r.IntN(200))
	case n < 60:
		return w.serve(r.IntN(200))
	case n < 75 && len(w.server.answers) > 0:
		w.answer(0)
	case n < 87:
		return w.deliver(r.IntN(40))
	case n < 91:
		if r.IntN(2) == 0 {
			if err := w.commit(); err != nil {
				return err
			}
		}
		return w.take(r.IntN(9) - 1)
	case n < 93:
		w.now = w.now.Add(time.Duration(r.Int64N(5_000_000_000)))
		w.s.tick(w.now)
	case n < 95 && w.connected:
		w.s.written(uint64(r.IntN(int(w.total) + 1)))
	case n < 97 && w.connected: // answers to messages that the client has not sent
		cmd := mqtt.CmdPuback + mqtt.Cmd(r.IntN(3))
		if cmd >= mqtt.CmdPubrel {
			cmd = mqtt.CmdPubcomp
		}
		w.server.add(w.version, cmd, uint16(60000+r.IntN(9)), 0)
	case n < 99 && w.connected:
		return w.someCut(w.cutNow)
	case n == 99 && (w.store != nil || r.IntN(4) == 0):
		return w.someCut(w.crashNow)
	}
	return nil
}

func (w *senderModel) cutNow() error { w.cuts++; w.cut(); return nil }

func (w *senderModel) crashNow() error {
	w.crashes++
	if w.store != nil && w.rnd.IntN(4) == 0 {
		return w.loseStore()
	}
	return w.crash()
}

// someCut lets any number of bytes arrive on both sides, and then cuts.
func (w *senderModel) someCut(cut func() error) error {
	if err := w.serve(w.rnd.IntN(len(w.toServer) + 1)); err != nil {
		return err
	}
	for len(w.server.answers) > 0 && w.rnd.IntN(3) > 0 {
		w.answer(0)
	}
	if err := w.deliver(w.rnd.IntN(len(w.toClient) + 1)); err != nil {
		return err
	}
	return cut()
}

func (w *senderModel) reconnect() {
	r, caps := w.rnd, mqtt.NewCapabilities(w.version)
	if w.version == 5 && !w.calm {
		caps.ReceiveMaximum = uint16(1 + r.IntN(6))
		if r.IntN(6) == 0 {
			caps.MaximumQoS = uint8(r.IntN(2))
		}
		if r.IntN(6) == 0 {
			caps.MaximumPacketSize = uint32(20 + r.IntN(60))
		}
		caps.RetainAvailable = r.IntN(6) > 0
	}
	forget := r.IntN(8) == 0
	if forget {
		w.lost++
	}
	w.connect(caps, forget)
}

// heal ends the faults, and checks the end.
func (w *senderModel) heal() error {
	if !w.connected {
		w.connect(mqtt.NewCapabilities(w.version), false)
	}
	for range 2000 {
		if err := w.pump(1 << 20); err != nil {
			return err
		}
		if err := w.serve(1 << 20); err != nil {
			return err
		}
		for len(w.server.answers) > 0 {
			w.answer(0)
		}
		if err := w.deliver(1 << 20); err != nil {
			return err
		}
		w.s.written(w.total)
		if err := w.commit(); err != nil {
			return err
		}
		if err := w.take(-1); err != nil {
			return err
		}
		if err := w.check(); err != nil {
			return err
		}
		if w.s.pending() == 0 && len(w.toServer) == 0 {
			break
		}
	}
	return w.checkEnd()
}
