package mqtt_test

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// row is an input for a connection, a call of the program, or both, with the events and the
// packets that must follow.
//
// If the input has a violation, it ends with the first byte that proves it. With one byte less the
// connection must not fail. Packets after the input change nothing.
type row struct {
	name    string
	shows   string       // numbers of statements
	v       uint8        // the version; 0: both
	side    string       // "client" or "server", the side under test; "": both
	early   bool         // the input comes before CONNACK on a client, before CONNECT on a server
	opts    mqtt.Options // of a client, without Version; zero: ClientID "c" and a clean session
	connack string       // sent to a client; "": connackOK
	call    func(x *pair) error
	fails   string // a part of the error of call; "": it must not fail
	in      string // what the peer sends, for packets
	at      int    // the violation is proved by this number of bytes of in; 0: all
	eof     bool   // the peer ends the stream after the input
	sends   string // what we send, for packets, without the DISCONNECT after a violation
	events  string // without ERROR and CLOSE
	end     string // "CLOSE" or "ERROR CLOSE" if the connection ends without a violation
	code    mqtt.ReasonCode
	rule    string          // the number that the error names; "": not checked
	is      error           // what the error matches; nil: ErrMalformed
	refused mqtt.ReasonCode // the code of a RefusedError; the input is not a violation
}

func (r row) title() string { return r.name }
func (r row) shown() string { return r.shows }

func (r row) versions() []uint8 {
	if r.v != 0 {
		return []uint8{r.v}
	}
	return bothVersions
}

// way is how the input of a row is sent.
type way struct {
	name, scheme string
	pieces       func(r *row, good, in, after []byte) [][]byte // each a write, over WebSocket a message
}

var ways = []way{
	{"whole", "mqtt", func(_ *row, _, in, after []byte) [][]byte { return [][]byte{slices.Concat(in, after)} }},
	{"byte by byte", "mqtt", bytewise},
	{"after a packet and cut", "mqtt", cut},
	{"one message", "ws", func(_ *row, _, in, after []byte) [][]byte { return [][]byte{slices.Concat(in, after)} }},
	{"a message per byte", "ws", bytewise},
	{"several packets per message", "ws", func(_ *row, good, in, after []byte) [][]byte {
		return [][]byte{slices.Concat(good, in, after)}
	}},
	{"a packet over several messages", "ws", cut},
}

// bytewise cuts the input into single bytes.
func bytewise(_ *row, _, in, after []byte) (pieces [][]byte) {
	for i := range in {
		pieces = append(pieces, in[i:i+1])
	}
	return append(pieces, after)
}

// cut cuts the input, and a packet in front of it, at two places. The name of the row decides
// where.
func cut(r *row, good, in, after []byte) [][]byte {
	all := slices.Concat(good, in, after)
	h := fnv.New64a()
	io.WriteString(h, r.name)
	rnd := rand.New(rand.NewPCG(h.Sum64(), 311))
	i, j := rnd.IntN(len(all)+1), rnd.IntN(len(all)+1)
	i, j = min(i, j), max(i, j)
	return [][]byte{all[:i], all[i:j], all[j:]}
}

// sides returns the sides under test.
func (r row) sides() []string {
	if r.side != "" {
		return []string{r.side}
	}
	return []string{"client", "server"}
}

// run plays the row in several ways, each on a new connection.
func (r row) run(t *testing.T, version uint8) {
	for _, side := range r.sides() {
		for _, w := range ways {
			if r.in == "" && w.name != "whole" && w.name != "one message" {
				continue
			}
			r.play(t, version, side, w)
		}
	}
}

// goodPublish and its events are in front of the input of a row, except before CONNACK.
const goodPublishIn, goodPublishEvents = "30 04 0001 'g'$v 'x'", "g=x publish"

// play plays the row once.
func (r row) play(t *testing.T, version uint8, side string, w way) {
	t.Helper()
	how := side + ", " + w.scheme + ", " + w.name
	x := r.open(t, version, side, w.scheme)
	if r.call != nil {
		if err := r.call(x); r.fails == "" && err != nil || r.fails != "" && (err == nil || !strings.Contains(err.Error(), r.fails)) {
			t.Errorf("%s: the call returns error %v, want %q", how, err, r.fails)
		}
	}
	in := packets(r.in, version)
	var good, after []byte
	if !r.early && r.end == "" {
		good = forVersion(goodPublishIn, version)
	}
	if at := r.at; at > 0 {
		in, after = in[:at], in[at:]
	} else if r.code != 0 {
		after = forVersion(goodPublishIn, version)
	}
	pieces := w.pieces(&r, good, in, after)
	before := max(0, len(slices.Concat(pieces...))-len(in)-len(after)) // the good packet, if this way sends it
	events := strings.Fields(r.events)
	if before > 0 {
		events = append(strings.Fields(goodPublishEvents), events...)
	}
	r.feed(x, how, pieces, before+len(in))
	if r.eof {
		x.p.shutDown = true
		x.p.Shutdown()
	}
	want := packets(r.sends, version)
	if r.code != 0 {
		if r.tellsPeer(version, side) {
			want = append(want, 0xe0, 2, byte(r.code), 0)
		}
		x.waitClose()
		r.checkError(x, how)
		events = append(events, "ERROR", "CLOSE")
	} else if r.end != "" {
		x.waitClose()
		var refused *mqtt.RefusedError
		if err := x.r.LastErr(); r.refused != 0 && (!errors.As(err, &refused) || refused.Code != r.refused) {
			t.Errorf("%s: EvError has %v, want a RefusedError with code 0x%02x", how, err, uint8(r.refused))
		} else if r.is != nil && !errors.Is(err, r.is) {
			t.Errorf("%s: EvError has %v, want %v", how, err, r.is)
		}
		events = append(events, strings.Fields(r.end)...)
	}
	x.p.wantGot(x.m, fmt.Sprintf("%x", want))
	if got, want := x.r.packets(), strings.Join(events, " "); got != want {
		t.Errorf("events\n got %s\nwant %s\nerrors %v", got, want, x.r.Errs)
	}
	if t.Failed() {
		t.Fatal(how)
	}
}

// packets packs several packets, with a bar between them, as forVersion does. $C is
// connectC, $A is connackOK.
func packets(text string, version uint8) (all []byte) {
	for one := range strings.SplitSeq(text, "|") {
		switch strings.TrimSpace(one) {
		case "$C":
			all = append(all, connectC[version]...)
		case "$A":
			all = append(all, connackOK[version]...)
		default:
			all = append(all, forVersion(one, version)...)
		}
	}
	return all
}

// tellsPeer reports whether a DISCONNECT with the code follows a violation. 3.1.1 has no codes, a
// server sends none before CONNACK [MQTT-3.14.0-1], and 0x84 is no code of DISCONNECT.
func (r *row) tellsPeer(version uint8, side string) bool {
	return version == 5 && !(r.early && side == "server") && r.code != mqtt.ReasonUnsupportedVersion
}

// open returns a connection in the state in which the row begins.
func (r *row) open(t *testing.T, version uint8, side, scheme string) *pair {
	t.Helper()
	if side == "server" {
		if r.early {
			return acceptedConn(t, scheme, nil)
		}
		return connectedServer(t, scheme, version, nil)
	}
	opts := r.opts
	if opts.ClientID == "" {
		opts.ClientID, opts.Clean = "c", true
	}
	opts.Version = version
	x := startClient(t, scheme, &opts, nil)
	looptest.Await(t, x.m, "CONNECT", func() bool {
		x.p.readAll()
		_, err := mqtt.Parse(x.p.got, version, &mqtt.Message{})
		return err == nil
	})
	if !r.early {
		x.p.got, x.p.frames = nil, nil
		answer := connackOK[version]
		if r.connack != "" {
			answer = pack(r.connack)
		}
		x.p.send(answer)
		looptest.Await(t, x.m, "CONNACK", x.r.Noted("connack"))
		x.r.Lines = nil
	} else if r.call == nil {
		x.p.got, x.p.frames = nil, nil
	}
	return x
}

// feed sends the pieces. A violation must be found when all of its decided bytes have arrived.
func (r *row) feed(x *pair, how string, pieces [][]byte, decided int) {
	x.t.Helper()
	fed := 0
	for _, piece := range pieces {
		if len(piece) == 0 || x.r.Closed() {
			continue
		}
		if r.end != "" { // the loop does not read what follows the end
			x.p.WriteIfOpen(string(x.p.framed(piece)))
			looptest.Settle(x.t, x.m)
			continue
		}
		x.writeRead(x.p.framed(piece))
		fed += len(piece)
		switch err := x.r.LastErr(); {
		case r.code == 0 && err != nil:
			x.t.Fatalf("%s: refused: %v", how, err)
		case r.code != 0 && err != nil && fed < decided:
			x.t.Fatalf("%s: refused after %d bytes, want %d: %v", how, fed, decided, err)
		case r.code != 0 && err == nil && fed >= decided:
			x.t.Fatalf("%s: not refused after %d bytes, want %d; events %v", how, fed, decided, x.r.Lines)
		}
	}
	looptest.Settle(x.t, x.m)
}

// checkError checks the error of EvError.
func (r *row) checkError(x *pair, how string) {
	x.t.Helper()
	err, is := x.r.LastErr(), r.is
	if is == nil {
		is = mqtt.ErrMalformed
	}
	if !errors.Is(err, is) {
		x.t.Errorf("%s: EvError has %v (%T), want %v", how, err, err, is)
	}
	var pe *mqtt.ParseError
	if errors.As(err, &pe) && (pe.Code != r.code || r.rule != "" && pe.Rule != r.rule) {
		x.t.Errorf("%s: EvError has %v, want code 0x%02x and the rule %s", how, err, uint8(r.code), r.rule)
	}
}

// publishing returns a call of Pub.
func publishing(opts mqtt.Options) func(x *pair) error {
	return func(x *pair) error {
		_, err := mqtt.Pub(x.c, &opts)
		return err
	}
}

// subscribing returns a call of Sub.
func subscribing(opts mqtt.Options) func(x *pair) error {
	return func(x *pair) error {
		_, err := mqtt.Sub(x.c, &opts)
		return err
	}
}

// unsubscribing returns a call of Unsub.
func unsubscribing(filter string) func(x *pair) error {
	return func(x *pair) error {
		_, err := mqtt.Unsub(x.c, &mqtt.Options{Topic: filter})
		return err
	}
}

// pinging calls Ping.
func pinging(x *pair) error { return mqtt.Ping(x.c) }

// inTurn returns a call that makes several calls.
func inTurn(calls ...func(x *pair) error) func(x *pair) error {
	return func(x *pair) (err error) {
		for _, call := range calls {
			err = errors.Join(err, call(x))
		}
		return err
	}
}

// refusal is a packet that an Append function refuses, because it would break a statement.
type refusal struct {
	name   string
	number string // of the statement that the error names; "" if it names a section
	also   string // further numbers that the row shows
	v      uint8
	fn     func(version uint8) ([]byte, error)
}

func (x refusal) title() string     { return "not sent: " + x.name }
func (x refusal) versions() []uint8 { return row{v: x.v}.versions() }

func (x refusal) shown() string { return x.number + " " + x.also }

func (x refusal) run(t *testing.T, version uint8) {
	got, err := x.fn(version)
	want := "section"
	if x.number != "" {
		want = "MQTT-" + shows(x, version)[0]
	}
	if want == "MQTT-3.8.3-4" && version == 4 {
		want = "MQTT-3-8.3-4" // the number in the standard
	}
	var pe *mqtt.ParseError
	if !errors.As(err, &pe) || !strings.HasPrefix(pe.Rule, want) || len(got) > 0 {
		t.Errorf("appended % x, error %v, want the rule %s", got, err, want)
	}
}

// appended is a packet that an Append function makes.
type appended struct {
	name, shows string
	v           uint8
	fn          func(version uint8) ([]byte, error)
	want        string // for packets
}

func (x appended) title() string     { return x.name }
func (x appended) shown() string     { return x.shows }
func (x appended) versions() []uint8 { return row{v: x.v}.versions() }

func (x appended) run(t *testing.T, version uint8) {
	got, err := x.fn(version)
	if want := packets(x.want, version); err != nil || string(got) != string(want) {
		t.Errorf("appended %.100x, error %v, want %.100x", got, err, want)
	}
}
