package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

const (
	maxPrefix = 1000    // bytes of -topic
	maxSize   = 1 << 20 // bytes of -size

	checkTime = 20 * time.Millisecond // between two looks at what is missing at the end
	quietTime = 2 * time.Second       // after it nothing more is expected from a connected broker
	closeTime = 10 * time.Second      // for all connections to close
)

// phase is what the fleet is doing.
type phase uint8

const (
	connecting phase = iota // not all devices have subscribed
	running                 // publishing
	draining                // waiting for what is missing
	closing                 // the sessions are being closed
	ended
)

// fleet is the state of the program.
type fleet struct {
	opts    *options
	m       *reactor.Manager
	log     *slog.Logger
	limited *slog.Logger // for what brokers can cause often
	screen  *screen
	start   time.Time
	seeded  *rand.Rand

	phase    phase
	session  session.Options // of the next device
	urls     [][]string      // the options' URLs, beginning with each of them
	devices  []*device
	next     int // the device that publishes next
	pace     *pace
	message  session.Message
	payload  []byte
	deadline time.Time // of draining
	baseline uint64    // bytes of heap before the first device

	attempts, settled, ready, online, gone int // devices
	counts
}

// counts is what the devices count.
type counts struct {
	published, refused, good, bad              uint64
	outcomes                                   [session.Abandoned + 1]uint64
	received, receivedBad, duplicates, foreign uint64
	latency                                    latency
	lastReceipt                                time.Time

	ups, reconnects uint64
	connectTime     time.Duration // until the last device had subscribed
	firstLoss       time.Time     // of a connection
	attemptsAt      perSecond     // attempts to connect after firstLoss
	reconnectsAt    perSecond
	errors          errorCounts
	atEnd           int    // devices that were connected
	heap            uint64 // bytes
}

// simulate runs the fleet, and prints the summary to out.
func simulate(o *options, config *tls.Config, s *screen, log *slog.Logger, out io.Writer) error {
	m, err := reactor.New(reactor.WithLogger(log))
	if err != nil {
		return err
	}
	defer m.Close()
	f := newFleet(o, config, m, s, log)
	ctx, stop := cli.UntilSignal(context.Background())
	defer stop()
	context.AfterFunc(ctx, func() { m.Post(f.interrupt) })
	f.begin()
	for f.phase != ended {
		if err := m.Poll(-1); err != nil {
			return err
		}
	}
	s.show("")
	sum := f.summary()
	if o.json {
		err = sum.writeJSON(out)
	} else {
		err = sum.writeText(out)
	}
	return errors.Join(f.result(), err)
}

// newFleet returns a fleet without devices.
func newFleet(o *options, config *tls.Config, m *reactor.Manager, s *screen, log *slog.Logger) *fleet {
	f := &fleet{opts: o, m: m, log: log, limited: termlog.Limit(log), screen: s, start: time.Now(),
		seeded: rand.New(rand.NewPCG(o.seed, 0))}
	f.session = session.Options{
		Login:   o.login(config),
		Expiry:  o.expiry,
		Backoff: session.Backoff{Min: o.backoff},
	}
	for i := range o.urls {
		f.urls = append(f.urls, append(o.urls[i:len(o.urls):len(o.urls)], o.urls[:i]...))
	}
	f.payload = make([]byte, o.size)
	for i := range f.payload {
		f.payload[i] = byte(f.seeded.Uint32())
	}
	for i := range 4 { // not of the seed: a message of an earlier run is none of this one
		f.payload[i] = byte(rand.Uint32())
	}
	f.message = session.Message{Data: f.payload, QoS: uint8(o.qos)}
	f.session.Before = f.attempt
	f.errors = errorCounts{}
	f.attemptsAt, f.reconnectsAt = perSecond{}, perSecond{} // not null in JSON
	return f
}

// begin makes the first devices.
func (f *fleet) begin() {
	f.log.Info("connecting", "devices", f.opts.devices, "at once", f.opts.attempts, "seed", f.opts.seed)
	f.baseline = liveHeap()
	f.devices = make([]*device, 0, f.opts.devices)
	if f.opts.ready > 0 {
		f.m.AddTimer(f.opts.ready, reactor.TimerOnce, f.late)
	}
	f.showProgress()
	f.m.AddTimer(0, reactor.TimerOnce, f.grow)
}

// grow makes devices, as many as may connect at once.
func (f *fleet) grow() {
	prefix := uint32(f.opts.seed)
	for f.phase == connecting && len(f.devices) < f.opts.devices && f.attempts < f.opts.attempts {
		i := len(f.devices)
		d := &device{fleet: f, topic: fmt.Sprintf("%s/fleet-%08x-%d", f.opts.topic, prefix, i), connecting: true}
		f.session.Login.ClientID = d.topic[len(f.opts.topic)+1:]
		f.session.URLs = f.urls[i%len(f.urls)]
		var err error
		if d.session, err = session.New(f.m, &f.session, handle, d); err == nil {
			err = d.session.Subscribe(session.Subscription{Filter: d.topic, QoS: uint8(f.opts.qos)})
		}
		if err != nil { // the options are wrong
			f.failed(err)
			f.finish(err.Error())
			return
		}
		f.devices = append(f.devices, d)
		f.attempts++
	}
}

// attempt counts an attempt to connect. It is the Options.Before of all sessions.
func (f *fleet) attempt(*session.Attempt) error {
	if !f.firstLoss.IsZero() {
		f.attemptsAt.add(f.m.Now().Sub(f.firstLoss))
	}
	return nil
}

// connected counts a connection that is up.
func (f *fleet) connected(d *device, up *session.Up) {
	f.log.Debug("connected", "device", d.topic, "url", up.URL, "session present", up.Present)
	f.ups++
	f.online++
	d.up = true
	if d.everUp {
		f.reconnects++
		f.reconnectsAt.add(f.m.Now().Sub(f.firstLoss))
	}
	d.everUp = true
}

// disconnected counts a connection or an attempt that has ended.
func (f *fleet) disconnected(d *device, err error, final bool, next time.Duration) {
	if d.up {
		d.up = false
		f.online--
		if f.firstLoss.IsZero() {
			f.firstLoss = f.m.Now()
		}
	}
	if err != nil {
		f.failed(err)
		f.limited.Debug("not connected", "device", d.topic, "error", err, "retry in", next.Round(time.Millisecond))
	}
	f.attempted(d)
	if !final {
		return
	}
	f.gone++
	switch {
	case f.phase == closing && f.gone == len(f.devices):
		f.phase = ended
	case f.gone == f.opts.devices:
		f.finish("all sessions have ended")
	default:
		f.settle(d)
	}
}

// attempted ends the first attempt of a device, so that another one may connect.
func (f *fleet) attempted(d *device) {
	if d.connecting {
		d.connecting = false
		f.attempts--
		f.grow()
	}
}

// subscribed takes the answer to a subscription.
func (f *fleet) subscribed(d *device, r *session.SubResult) {
	switch {
	case errors.Is(r.Err, session.ErrClosed): // the final event follows
		return
	case r.Err != nil:
		f.failed(reason(r.Err))
	case !d.settled:
		f.ready++
	}
	f.attempted(d)
	f.settle(d)
}

// settle counts a device that has subscribed, or will not. After the last one the run begins.
func (f *fleet) settle(d *device) {
	if d.settled {
		return
	}
	d.settled = true
	if f.settled++; f.settled == f.opts.devices && f.phase == connecting {
		f.run()
	}
}

// late begins the run although not all devices have subscribed.
func (f *fleet) late() {
	if f.phase == connecting {
		f.log.Warn("not all devices have subscribed within -ready", "subscribed", f.ready, "devices", f.opts.devices)
		f.run()
	}
}

// run begins to publish.
func (f *fleet) run() {
	f.phase = running
	f.connectTime = time.Since(f.start)
	f.log.Info("subscribed", "devices", f.ready, "after", f.connectTime.Round(time.Millisecond),
		"per second", int(float64(f.ready)/f.connectTime.Seconds()))
	f.next = f.seeded.IntN(f.opts.devices)
	f.pace = startPace(f.m, f.opts.rate, f.publish)
	if f.opts.duration > 0 {
		f.m.AddTimer(f.opts.duration, reactor.TimerOnce, func() { f.finish("the time is over") })
	}
}

// publish makes the next device publish. All devices were made when the run begins, except after
// -ready.
func (f *fleet) publish() {
	if len(f.devices) > 0 {
		d := f.devices[f.next%len(f.devices)]
		f.next++
		d.publish()
	}
}

// interrupt ends the run at a signal.
func (f *fleet) interrupt() {
	f.log.Info("interrupted; another signal ends the program at once")
	f.finish("interrupted")
}

// finish ends the run: nothing more is published.
func (f *fleet) finish(reason string) {
	if f.phase >= draining {
		return
	}
	f.log.Info("draining", "reason", reason, "without outcome", f.published-f.good-f.bad, "not received", max(f.missing(), 0))
	if f.pace != nil {
		f.pace.stop()
	}
	f.phase = draining
	now := f.m.Now()
	f.lastReceipt = now
	if f.opts.drain > 0 {
		f.deadline = now.Add(f.opts.drain)
	}
	var check func()
	check = func() {
		if f.drained() {
			f.close()
			return
		}
		f.m.AddTimer(checkTime, reactor.TimerOnce, check)
	}
	f.m.AddTimer(0, reactor.TimerOnce, check)
}

// missing returns the number of messages that were acknowledged or sent, and not received. Until
// all messages have their outcome, it may be too low.
func (f *fleet) missing() int64 { return int64(f.good) - int64(f.received-f.receivedBad) }

// drained reports whether nothing more is worth waiting for.
func (f *fleet) drained() bool {
	now := f.m.Now()
	switch {
	case !f.deadline.IsZero() && !now.Before(f.deadline):
		return true
	case f.gone == len(f.devices):
		return true
	case f.good+f.bad < f.published:
		return false
	case f.missing() <= 0:
		return true
	}
	return f.online+f.gone == len(f.devices) && now.Sub(f.lastReceipt) >= quietTime
}

// close closes all sessions.
func (f *fleet) close() {
	f.atEnd = f.online
	f.heap = liveHeap()
	f.phase = closing
	if f.gone == len(f.devices) {
		f.phase = ended
		return
	}
	for _, d := range f.devices {
		d.session.Close()
	}
	f.m.AddTimer(closeTime, reactor.TimerOnce, func() {
		f.failed(fmt.Errorf("%d connections were not closed within %v", len(f.devices)-f.gone, closeTime))
		f.m.Close() // ends the sessions
		f.phase = ended
	})
}

// failed counts an error.
func (f *fleet) failed(err error) { f.errors.add(err) }

// liveHeap returns how many bytes of the heap are in use, without garbage.
func liveHeap() uint64 {
	for range 3 { // sync.Pool drops what it holds in two collections
		runtime.GC()
	}
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}
