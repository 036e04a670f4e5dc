package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/reactor"
)

// topics is the number of topics. The order of the messages counts for each topic.
const topics = 7

// scenario is what a run does.
type scenario struct {
	broker   string
	version  uint8
	qos      uint8
	messages int
	cuts     int // at least so many connections are cut
	inflight int // of the publisher; 0: the default
	seed     uint64
}

func (sc *scenario) String() string {
	return fmt.Sprintf("%s, version %d, QoS %d, %d messages, seed %d", sc.broker, sc.version, sc.qos, sc.messages, sc.seed)
}

// result is what a run has counted.
type result struct {
	outcomes   [session.Abandoned + 1]int
	twice      int // messages with a second outcome
	received   int // messages that have arrived at least once
	duplicates int // further arrivals
	disordered int // arrivals out of order in their topic
	repeated   int // messages of QoS 2 that the broker has sent again although it had PUBREC
	lost       int // messages that the broker has got and not sent
	shuffled   int // packets that the broker has sent out of order
	reconnects int
	cuts       int64
	faults     string
	heap       int // largest number of bytes of live heap beyond that at the beginning
	elapsed    time.Duration
	reasons    map[string]int // why connections ended
}

// run is a publisher and a subscriber.
type run struct {
	sc         *scenario
	m          *reactor.Manager
	broker     *broker
	pub, sub   *session.Session
	next       int // number of the next message
	have       []bool
	outcome    []bool
	latest     latest         // of the arrivals
	sent       latest         // of the packets that the broker has sent
	first      []bool         // by number: the broker has sent the message
	arrived    map[uint16]int // QoS 2: number of the message by packet identifier, until PUBREL
	released   map[int]bool   // QoS 2: numbers of the messages for which PUBREL has arrived
	lastAt     time.Time      // of the last arrival
	result     result
	err        error
	subscribed bool
}

// perform runs a scenario.
func (sc *scenario) perform(limit time.Duration) (*result, error) {
	dir, err := os.MkdirTemp("", "chaos")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	b, err := brokers[sc.broker](dir)
	if err != nil {
		return nil, err
	}
	defer b.stop()
	// Each message is about 40 bytes with its acknowledgements, and passes the network twice.
	life := max(2000, 25*sc.messages/max(sc.cuts, 1))
	var proxies [2]*proxy
	for i := range proxies {
		if proxies[i], err = newProxy(b.addr, sc.seed+uint64(i), life); err != nil {
			return nil, err
		}
		defer proxies[i].close()
	}
	m, err := reactor.New(reactor.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))))
	if err != nil {
		return nil, err
	}
	defer m.Close()
	r := &run{sc: sc, m: m, broker: b, result: result{reasons: make(map[string]int)},
		have: make([]bool, sc.messages), outcome: make([]bool, sc.messages), first: make([]bool, sc.messages),
		arrived: make(map[uint16]int), released: make(map[int]bool)}
	if err := r.start(proxies[0].addr(), proxies[1].addr()); err != nil {
		return nil, err
	}
	err = r.loop(limit, proxies[:])
	r.result.cuts = proxies[0].cuts() + proxies[1].cuts()
	r.result.faults = describe(proxies[:])
	return &r.result, errors.Join(err, r.check())
}

// start starts the two sessions.
func (r *run) start(pub, sub string) (err error) {
	options := func(addr, id string) *session.Options {
		return &session.Options{
			URLs:     []string{"mqtt://" + addr},
			Login:    mqtt.Options{Version: r.sc.version, ClientID: id, KeepAlive: time.Second},
			Expiry:   time.Hour,
			Backoff:  session.Backoff{Min: 5 * time.Millisecond, Max: 50 * time.Millisecond, Stable: time.Second},
			Inflight: r.sc.inflight,
			Queue:    session.Queue{Messages: 1000, Bytes: 1 << 20},
		}
	}
	if r.sub, err = session.New(r.m, options(sub, "subscriber"), r.handleSub, nil); err != nil {
		return err
	}
	if err = r.sub.Subscribe(session.Subscription{Filter: "chaos/#", QoS: 2}); err != nil {
		return err
	}
	if !r.broker.hooked {
		if err := r.broker.witness.watch(r.m, r.broker.addr, func(err error) { r.err = err }); err != nil {
			return err
		}
	}
	r.pub, err = session.New(r.m, options(pub, "publisher"), r.handlePub, nil)
	return err
}

// handlePub is the handler of the publisher.
func (r *run) handlePub(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvSessionPub:
		r.noteOutcome(data.(*session.Outcome))
	case reactor.EvSessionUp:
		r.result.reconnects++
	case reactor.EvSessionDown, reactor.EvSessionRetry:
		r.noteFinal(data)
		return
	}
	r.publish()
}

// handleSub is the handler of the subscriber.
func (r *run) handleSub(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvSessionSub:
		if err := data.(*session.SubResult).Err; err != nil {
			r.err = err
		}
		r.subscribed = true
		r.publish()
	case reactor.EvMQTTMsg:
		r.receive(data.(*mqtt.Message))
	case reactor.EvMQTTCmd:
		r.note(data.(*mqtt.Message))
	case reactor.EvSessionUp:
		r.result.reconnects++
	case reactor.EvSessionDown, reactor.EvSessionRetry:
		r.noteFinal(data)
	}
}

// noteFinal notes that a session has ended, which none should.
func (r *run) noteFinal(data any) {
	switch d := data.(type) {
	case *session.Down:
		r.result.reasons[reason(d.Err)]++
		if d.Final {
			r.err = fmt.Errorf("a session has ended: %w", d.Err)
		}
	case *session.Retry:
		r.result.reasons["(attempt) "+reason(d.Err)]++
		if d.Final {
			r.err = fmt.Errorf("a session has ended: %w", d.Err)
		}
	}
}

// addresses matches the addresses in an error's text.
var addresses = regexp.MustCompile(`127\.0\.0\.1:\d+`)

// reason returns the text of an error without addresses.
func reason(err error) string { return addresses.ReplaceAllString(fmt.Sprint(err), "ADDRESS") }

// maxLag is how many published messages may not have arrived. Without a bound the broker queues
// most of them, and mosquitto becomes slow then.
const maxLag = 5000

// publish fills the queue of the publisher.
func (r *run) publish() {
	for r.subscribed && r.next < min(r.sc.messages, r.result.received+maxLag) && r.err == nil {
		var payload [payloadSize]byte
		binary.BigEndian.PutUint64(payload[:], uint64(r.next))
		h, err := r.pub.Publish(&session.Message{Topic: "chaos/" + strconv.Itoa(r.next%topics), Data: payload[:], QoS: r.sc.qos})
		switch {
		case errors.Is(err, session.ErrQueueFull):
			return
		case err != nil:
			r.err = err
			return
		case h == 0:
			r.err = errors.New("no handle for a published message")
			return
		}
		r.next++
	}
}

// number returns the number of a message of the run. Another message ends the run.
func (r *run) number(m *mqtt.Message) (n int, ok bool) {
	if n = numberOf(m.Data); n < 0 || n >= r.sc.messages {
		r.err = fmt.Errorf("an unknown message: %q %x", m.Topic, m.Data)
		return 0, false
	}
	return n, true
}

func (r *run) noteOutcome(o *session.Outcome) {
	r.result.outcomes[o.Result]++
	if o.Message == nil {
		r.err = fmt.Errorf("outcome %d of message %d has no message", o.Result, o.Handle)
		return
	}
	if n, ok := r.number(o.Message); ok {
		if r.outcome[n] {
			r.result.twice++
		}
		r.outcome[n] = true
	}
}

// receive counts a message that the subscriber's handler gets.
func (r *run) receive(m *mqtt.Message) {
	n, ok := r.number(m)
	switch {
	case !ok:
	case r.have[n] && r.released[n]:
		r.result.repeated++
	case r.have[n]:
		r.result.duplicates++
	default:
		r.have[n], r.lastAt = true, time.Now()
		r.result.received++
		r.publish()
		if !r.latest.inOrder(n) {
			r.result.disordered++
		}
	}
}

// note notes the packets of the broker: the order in which it sends messages first, and PUBREL for
// a message of QoS 2. PUBREL says that the broker has got PUBREC, and must not send the message
// again [MQTT-4.3.3-6].
func (r *run) note(m *mqtt.Message) {
	if m.Cmd == mqtt.CmdPublish {
		if n, ok := r.number(m); ok && !r.first[n] {
			r.first[n] = true
			if !r.sent.inOrder(n) {
				r.result.shuffled++
			}
		}
	}
	switch {
	case m.Cmd == mqtt.CmdPublish && m.QoS == 2:
		r.arrived[m.ID] = numberOf(m.Data)
	case m.Cmd == mqtt.CmdPubrel:
		if n, ok := r.arrived[m.ID]; ok {
			r.released[n] = true
		}
	}
}

// told reports whether every message has an outcome.
func (r *run) told() bool {
	n := 0
	for _, count := range r.result.outcomes {
		n += count
	}
	return n >= r.sc.messages
}

// quiet is how long nothing must arrive until a run with mochi is over although messages are
// missing. The network is without faults then.
const quiet = 5 * time.Second

// loop polls until every message has an outcome and has arrived. A run that takes longer than the
// limit has lost something.
func (r *run) loop(limit time.Duration, proxies []*proxy) error {
	began, before, polls := time.Now(), liveHeap(), 0
	defer func() { r.result.elapsed = time.Since(began) }()
	for r.err == nil {
		if r.told() {
			if r.result.received >= r.sc.messages && r.broker.witness.count() >= r.sc.messages {
				return nil
			}
			if !proxies[0].gentle.Swap(true) {
				proxies[1].gentle.Store(true)
				r.lastAt = time.Now()
			}
			if r.broker.loses && time.Since(r.lastAt) > quiet {
				return nil
			}
		}
		if time.Since(began) > limit {
			return fmt.Errorf("not done after %v", limit)
		}
		if err := r.m.Poll(100 * time.Millisecond); err != nil {
			return err
		}
		if polls++; polls%2000 == 0 {
			r.result.heap = max(r.result.heap, liveHeap()-before)
		}
	}
	return r.err
}

// liveHeap returns the bytes of the heap that are in use after a collection.
func liveHeap() int {
	var s runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&s)
	return int(s.HeapAlloc)
}

// check compares what was counted with what must be.
func (r *run) check() error {
	var errs []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	res, n := &r.result, r.sc.messages
	want(res.outcomes[session.Acknowledged] == n, "outcomes %v of %d messages, want all acknowledged", res.outcomes, n)
	w := r.broker.witness
	w.mu.Lock()
	defer w.mu.Unlock()
	want(w.disordered == 0, "%d messages reached the broker out of order", w.disordered)
	for i, have := range r.have {
		want(w.got[i] > 0, "message %d never reached the broker", i)
		want(r.sc.qos < 2 || w.got[i] < 2, "message %d reached the broker %d times", i, w.got[i])
		if !have && r.broker.loses {
			res.lost++
		}
	}
	want(res.twice == 0, "%d messages have two outcomes", res.twice)
	want(res.received+res.lost == n, "%d of %d messages arrived", res.received, n)
	want(r.sc.qos < 2 || res.duplicates == 0, "%d messages of QoS 2 arrived again", res.duplicates)
	want(res.disordered == res.shuffled, "%d messages arrived out of order, the broker has sent %d so", res.disordered, res.shuffled)
	want(res.cuts >= int64(r.sc.cuts), "%d cuts, want %d", res.cuts, r.sc.cuts)
	want(r.broker.hooked || res.heap < maxHeap, "the heap grew by %d bytes, want less than %d", res.heap, maxHeap)
	return errors.Join(errs...)
}

// maxHeap is what the two sessions may hold: 1 MiB of queued messages and as much for their
// records, the buffers of their connections, and what the run itself counts. mochi is in this
// process, so with mochi the heap is only printed.
const maxHeap = 16 << 20

// describe lists how often each fault occurred.
func describe(proxies []*proxy) string {
	var parts []string
	for k := range kinds {
		n := int64(0)
		for _, p := range proxies {
			n += p.counts[k].Load()
		}
		parts = append(parts, fmt.Sprintf("%s %d", kindNames[k], n))
	}
	return strings.Join(parts, ", ")
}
