package interop

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
)

// sessionBrokers are the brokers that the sessions use.
var sessionBrokers = append(slices.Clone(brokers), struct {
	name  string
	start func(t *testing.T) *broker
}{"aedes", startAedes})

// The steps of a row are the columns of the table.
const (
	stepQoS = iota
	stepCut
	stepRestart
	stepWill
	stepRequest
	stepRefused
	steps
)

var stepNames = [steps]string{"QoS 0-2", "cut", "restart", "will", "request", "wrong password"}

// TestSessionBrokers runs sessions against each broker, over each transport, in each version. With
// -v it prints a table.
func TestSessionBrokers(t *testing.T) {
	t.Parallel()
	tables := make([]*sessionTable, len(sessionBrokers))
	t.Run("brokers", func(t *testing.T) {
		for i, b := range sessionBrokers {
			t.Run(b.name, func(t *testing.T) {
				t.Parallel()
				tables[i] = newSessionTable(t, b.start)
				tables[i].run()
			})
		}
	})
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 1, ' ', tabwriter.Debug)
	fmt.Fprintf(w, "\nbroker\t transport\t MQTT\t %s\n", strings.Join(stepNames[:], "\t "))
	for _, x := range tables {
		if x == nil {
			continue // skipped
		}
		for _, r := range x.rows {
			fmt.Fprintf(w, "%s\t %s\t %s\t %s\n", r.broker.name, r.route.name, versionNames[r.version], strings.Join(r.cells[:], "\t "))
		}
	}
	w.Flush()
	t.Log(text.String())
}

// sessionTable has the rows of a broker. Their sessions share a loop, and all live through one
// restart of the broker.
type sessionTable struct {
	*loop
	start  func(t *testing.T) *broker
	broker *broker
	direct *relay // to the broker's first route, never cut: for the witnesses
	rows   []*sessionRow
}

// sessionRow is a broker, a transport and a version.
type sessionRow struct {
	target
	topic   string // the first level of its topics
	relay   *relay
	session *sessionClient // through the relay
	witness *sessionClient // another client
	cells   [steps]string  // "ok", "-" for what the broker does not have, or empty
}

func newSessionTable(t *testing.T, start func(t *testing.T) *broker) *sessionTable {
	b := start(t)
	x := &sessionTable{loop: newLoop(t), start: start, broker: b, direct: newRelay(t, b.routes[0].url)}
	for _, tg := range b.targets() {
		if tg.byHand {
			continue
		}
		r := &sessionRow{target: tg, relay: newRelay(t, tg.url)}
		r.topic = strings.ReplaceAll(tg.route.name+" "+versionNames[tg.version], " ", "-")
		if tg.version != 5 {
			r.cells[stepRequest] = "-"
		}
		x.rows = append(x.rows, r)
	}
	return x
}

func (x *sessionTable) run() {
	x.step(stepQoS, x.connect)
	x.step(stepCut, x.cut)
	x.step(stepRequest, x.request)
	x.restart()
	x.step(stepRestart, x.resubscribed)
	x.step(stepRequest, x.request)
	x.step(stepWill, x.close)
	x.step(stepRefused, x.refused)
	if x.broker.only311 {
		tg := target{x.broker, x.broker.routes[0], 5}
		r := &sessionRow{target: tg, relay: x.direct, topic: "5"}
		for i := range r.cells {
			r.cells[i] = "-"
		}
		x.rows = append(x.rows, r)
		x.refused(r)
		r.cells[stepQoS] = "refused"
	}
}

// step runs a step for each row.
func (x *sessionTable) step(step int, run func(r *sessionRow)) {
	for _, r := range x.rows {
		if r.cells[step] == "-" {
			continue
		}
		run(r)
		if !x.t.Failed() {
			r.cells[step] = "ok"
		}
	}
}

// connect connects a row's clients. The session has a handler for each of two filters.
//
// The clients send messages to each other, in one direction at a time: see mochi in README.md.
func (x *sessionTable) connect(r *sessionRow) {
	will := func(o *session.Options) {
		o.Login.Topic, o.Login.Message, o.Login.QoS = r.topic+"/will", []byte("gone"), 1
	}
	name := x.broker.name + "/" + r.topic
	r.session = x.session(name, r.relay.url(r.url), r.version, will)
	r.witness = x.session(name+"/witness", x.direct.url(x.broker.routes[0].url), r.version)
	r.session.up(1, false)
	r.witness.up(1, false)
	r.witness.on(r.topic+"/will", 1)
	r.witness.on(r.topic+"/out/+", 2)
	r.session.on(r.topic+"/in/+", 2)
	r.session.on(r.topic+"/one/#", 1)
	x.exchange(r, "first")
}

// exchange sends messages in both directions, at each QoS.
func (x *sessionTable) exchange(r *sessionRow, data string) {
	r.witness.has(x.send(r, data)...)
	r.session.settled()
	r.session.has(x.answer(r, data)...)
	r.witness.settled()
}

// send publishes to the witness at each QoS. It returns the messages.
func (x *sessionTable) send(r *sessionRow, data string) (all []string) {
	for qos := range uint8(3) {
		all = append(all, r.session.publish(fmt.Sprint(r.topic, "/out/", qos), data, qos))
	}
	return all
}

// answer publishes to the session at each QoS, and to both of its filters. It returns the messages.
func (x *sessionTable) answer(r *sessionRow, data string) (all []string) {
	for qos := range uint8(3) {
		all = append(all, r.witness.publish(fmt.Sprint(r.topic, "/in/", qos), data, qos))
	}
	return append(all, r.witness.publish(r.topic+"/one", data, 1))
}

// cut cuts the connection twice: while messages are in flight from the session, and while messages
// are in flight to it. Both sides publish before the connection is restored. The broker keeps the
// session.
func (x *sessionTable) cut(r *sessionRow) {
	s, w := r.session, r.witness
	s.onOutcome, s.lossy = r.relay.cut, r.losesCut
	sent := x.many(s, r.topic+"/out/")
	s.down()
	if s.onOutcome = nil; s.pending == 0 {
		x.t.Errorf("%s: all messages had their outcome before the cut", s.name)
	}
	w.has(r.topic + "/will=gone")
	if r.losesCut {
		sent = nil
	}
	sent = append(sent, x.send(r, "away")...)
	r.relay.restore(r.url)
	s.up(2, true)
	w.has(sent...)
	s.settled()
	s.lossy = false

	s.onMessage = r.relay.cut
	sent = x.many(w, r.topic+"/in/")
	s.down()
	s.onMessage = nil
	w.untilOf("second will", func() bool { return w.got[r.topic+"/will=gone"] == 2 })
	for _, m := range x.answer(r, "missed") {
		if !strings.HasPrefix(m, r.topic+"/in/0=") { // brokers need not keep QoS 0
			sent = append(sent, m)
		}
	}
	w.settled()
	r.relay.restore(r.url)
	s.up(3, true)
	s.has(sent...)
	x.exchange(r, "back")
	s.once(r.topic+"/in/1", r.topic+"/one")
	w.once(r.topic+"/out/1", r.topic+"/will")
	if s.resumed != 0 {
		x.t.Fatalf("%s has subscribed again %d times, although its session was kept", s.name, s.resumed)
	}
}

// many publishes more messages than are in flight at once, at QoS 1 and 2. It returns them.
func (x *sessionTable) many(from *sessionClient, prefix string) (all []string) {
	for i := range 100 {
		qos := uint8(1 + i%2)
		all = append(all, from.publish(fmt.Sprint(prefix, qos), fmt.Sprint("number ", i), qos))
	}
	return all
}

// restart restarts the broker while messages are in flight, and publishes while there is no broker.
// The broker loses all sessions.
func (x *sessionTable) restart() {
	for _, r := range x.rows {
		r.session.lossy = true
		for i := range 30 {
			r.session.publish(r.topic+"/nobody", "x", uint8(i%3))
		}
	}
	x.beside(func() error {
		x.broker.stop()
		return nil
	})
	sent := map[*sessionRow][]string{}
	for _, r := range x.rows {
		r.session.down()
		r.witness.down()
		sent[r] = x.send(r, "during")
	}
	b := x.start(x.t)
	x.direct.restore(b.routes[0].url)
	for _, r := range x.rows { // before the sessions, whose messages they are to get
		r.witness.up(2, false)
		r.witness.untilOf("subscriptions", func() bool { return r.witness.resumed == 2 })
	}
	for _, r := range x.rows {
		i := slices.IndexFunc(b.routes, func(to route) bool { return to.name == r.route.name })
		r.target = target{b, b.routes[i], r.version}
		r.relay.restore(r.url)
	}
	for _, r := range x.rows {
		r.witness.has(sent[r]...)
	}
	x.broker = b
}

// resubscribed waits until the session has subscribed again by itself.
func (x *sessionTable) resubscribed(r *sessionRow) {
	s := r.session
	s.up(4, false)
	s.untilOf("subscriptions", func() bool { return s.resumed >= 2 })
	s.settled()
	x.exchange(r, "again")
	s.once(r.topic+"/in/1", r.topic+"/one")
	r.witness.once(r.topic+"/out/1", r.topic+"/will")
	if n := s.results[session.Sent] + s.results[session.Acknowledged]; n < 100 {
		x.t.Errorf("%s: outcomes %v", s.name, s.results)
	}
}

// request sends requests of the witness, which the session answers.
func (x *sessionTable) request(r *sessionRow) {
	service := r.topic + "/service"
	if s := r.session; s.resumed == 0 { // after the restart it has subscribed again by itself
		s.on(service, 1, func(m *mqtt.Message) {
			answer, err := session.Reply(m, append([]byte("re: "), m.Data...))
			if err == nil {
				s.publish(answer.Topic, string(answer.Data), answer.QoS, answer.Props...)
			} else {
				x.t.Errorf("%s: reply: %v", s.name, err)
			}
		})
	}
	for qos := range uint8(3) {
		data, done := fmt.Sprint("request ", len(r.session.ups), " ", qos), false
		msg := &session.Message{Topic: service, Data: []byte(data), QoS: qos, Done: func(o *session.Outcome) {}}
		err := r.witness.Request(msg, timeout, func(m *mqtt.Message, err error) {
			if done = true; err != nil || string(m.Data) != "re: "+data {
				x.t.Errorf("%s: request at QoS %d: %v", r.session.name, qos, err)
			}
		})
		if err != nil {
			x.t.Fatal(err)
		}
		r.witness.untilOf("reply", func() bool { return done })
	}
	r.session.settled()
}

// close closes the session in order: the witness gets no will.
func (x *sessionTable) close(r *sessionRow) {
	will := r.topic + "/will=gone"
	before := r.witness.got[will]
	r.session.end()
	r.witness.has(r.witness.publish(r.topic+"/will", "end", 1))
	r.witness.settled()
	if after := r.witness.got[will]; before < 2 || after != before {
		x.t.Errorf("%s: %d wills before Close, %d after it", r.session.name, before, after)
	}
	r.witness.end()
}

// refused logs in with a wrong password: the session ends and says why.
func (x *sessionTable) refused(r *sessionRow) {
	wrong := r.refusals[0]
	s := x.session(x.broker.name+"/"+r.topic+"/refused", r.url, r.version, func(o *session.Options) {
		o.Login.User, o.Login.Password = wrong.user, wrong.password
	})
	s.refused = true
	s.publish(r.topic+"/in/1", "never", 1)
	s.until("the end of the session", func() bool { return s.finals > 0 })
	if want := wrong.names[r.version]; s.last == nil || !strings.Contains(s.last.Error()+":", " "+want+":") || len(s.ups) > 0 {
		x.t.Errorf("%s has ended with %v, want %s", s.name, s.last, want)
	}
	if s.results[session.Abandoned] != 1 || s.pending != 0 || s.finals != 1 {
		x.t.Errorf("%s: outcomes %v, %d final events", s.name, s.results, s.finals)
	}
}
