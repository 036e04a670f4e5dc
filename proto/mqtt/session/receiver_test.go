package session

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// receiverBench drives a receiver with short commands and writes down what it does.
type receiverBench struct {
	t          *testing.T
	r          *receiver
	store      *receiverStore
	server     mqtt.Capabilities
	deliveries map[string]Delivery // by payload
	log        []string
}

func newReceiverBench(t *testing.T, version uint8, max uint16, manual bool) *receiverBench {
	store := newReceiverStore()
	b := &receiverBench{t: t, store: store, server: mqtt.NewCapabilities(version), deliveries: map[string]Delivery{}}
	b.r = newReceiver(version, &journal{store: store}, max, manual)
	b.r.up(true, &b.server)
	return b
}

func (b *receiverBench) say(format string, args ...any) {
	b.log = append(b.log, fmt.Sprintf(format, args...))
}

// do runs commands, which are separated by spaces:
//
//	pub2:7=x     PUBLISH of QoS 2 with identifier 7 and payload x
//	rel:7        PUBREL
//	ack:x        the program acknowledges the message with payload x; ack:x:97 with code 0x97
//	send         what the receiver gives out
//	cut          the connection ends, and a new one begins; lost: without the session
//	restart      a new process with the same store, after a commit
func (b *receiverBench) do(commands string) {
	b.t.Helper()
	for command := range strings.FieldsSeq(commands) {
		name, rest, _ := strings.Cut(command, ":")
		switch name {
		case "pub0", "pub1", "pub2":
			b.publish(name[3]-'0', rest)
		case "rel":
			b.r.receive(&mqtt.Message{Cmd: mqtt.CmdPubrel, Version: b.r.version, ID: parseNumber(b.t, rest, 10)})
		case "ack":
			payload, code, _ := strings.Cut(rest, ":")
			if err := b.r.ack(b.deliveries[payload], mqtt.ReasonCode(parseNumber(b.t, code, 16)), nil); err != nil {
				b.say("%v", err)
			}
		case "send":
			b.send()
		case "cut", "lost":
			b.r.down()
			b.r.up(name == "cut", &b.server)
		case "restart":
			b.restart()
		default:
			b.t.Fatalf("command %q", command)
		}
	}
}

func parseNumber(t *testing.T, s string, base int) (n uint16) {
	t.Helper()
	if s == "" {
		return 0
	}
	form := map[int]string{10: "%d", 16: "%x"}[base]
	if _, err := fmt.Sscanf(s, form, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func (b *receiverBench) publish(qos uint8, rest string) {
	id, payload, _ := strings.Cut(rest, "=")
	d, deliver, err := b.r.publish(&mqtt.Message{Cmd: mqtt.CmdPublish, Version: b.r.version, QoS: qos, ID: parseNumber(b.t, id, 10)})
	var parseErr *mqtt.ParseError
	switch {
	case errors.As(err, &parseErr):
		b.say("%v[%s]", parseErr.Code.Name(5), parseErr.Rule)
	case err != nil:
		b.t.Fatal(err)
	case deliver:
		b.say("%s", payload)
		b.deliveries[payload] = d
		b.r.handled(d)
	}
}

func (b *receiverBench) send() {
	if err := b.r.journal.commit(); err != nil {
		b.t.Fatal(err)
	}
	for _, p := range parsePackets(b.t, b.r.version, b.r.append(nil)) {
		code := ""
		if p.Ack != 0 {
			code = fmt.Sprintf(":%x", uint8(p.Ack))
		}
		if len(p.Props) > 0 {
			code += "+" + hex.EncodeToString(p.Props)
		}
		b.say("%s:%d%s", strings.ToLower(p.Cmd.String()), p.ID, code)
	}
}

func (b *receiverBench) restart() {
	b.r.journal.commit()
	r := newReceiver(b.r.version, b.r.journal, 0, b.r.manual)
	if err := b.store.Load(r.load); err != nil {
		b.t.Fatal(err)
	}
	b.r = r
	b.r.up(true, &b.server)
}

// parsePackets parses all packets of a slice.
func parsePackets(t *testing.T, version uint8, p []byte) (all []mqtt.Message) {
	t.Helper()
	for len(p) > 0 {
		var m mqtt.Message
		n, err := mqtt.Parse(p, version, &m)
		if err != nil {
			t.Fatalf("%v: % x", err, p)
		}
		all, p = append(all, m), p[n:]
	}
	return all
}

func TestReceiver(t *testing.T) {
	for _, tc := range []struct {
		name     string
		commands string
		want     string // of both versions; "-": not with this version
		want4    string // if it differs in 3.1.1
	}{
		{"QoS 0", "pub0:0=x send", "x", ""},
		{"QoS 1", "pub1:7=x send", "x puback:7", ""},
		{"QoS 1 twice", "pub1:7=x send pub1:7=y send", "x puback:7 y puback:7", ""},
		{"QoS 2", "pub2:7=x send rel:7 send", "x pubrec:7 pubcomp:7", ""},
		{"nothing is given out twice", "pub1:7=x pub2:7=y rel:7 send send", "x y pubcomp:7 puback:7", ""},
		{"QoS 2 twice", "pub2:7=x send pub2:7=y send", "x pubrec:7 pubrec:7", ""},
		{"QoS 2 twice before PUBREC", "pub2:7=x pub2:7=y send", "x pubrec:7", ""},
		{"QoS 2 twice on two connections", "pub2:7=x send cut pub2:7=x send rel:7 send", "x pubrec:7 pubrec:7 pubcomp:7", ""},
		{"QoS 2, cut before PUBREC", "pub2:7=x cut send pub2:7=x send", "x pubrec:7", ""},
		{"PUBREL on the next connection", "pub2:7=x send cut rel:7 send", "x pubrec:7 pubcomp:7", ""},
		{"PUBREL again, because PUBCOMP was lost", "pub2:7=x send rel:7 cut send rel:7 send", "x pubrec:7 pubcomp:7:92", "x pubrec:7 pubcomp:7"},
		{"MQTT-4.3.3-12 a released identifier is free", "pub2:7=x send rel:7 send pub2:7=y send", "x pubrec:7 pubcomp:7 y pubrec:7", ""},
		{"section 3.7.2.1 PUBREL for nothing", "rel:9 send", "pubcomp:9:92", "pubcomp:9"},
		{"PUBREL before PUBREC", "pub2:7=x rel:7 pub2:7=y send", "x y pubcomp:7 pubrec:7", ""},
		{"QoS 1 and 2 with one identifier", "pub2:7=x pub1:7=y send rel:7 send", "x y pubrec:7 puback:7 pubcomp:7", ""},
		{"the server has lost the session", "pub2:7=x send lost pub2:7=y rel:8 send", "x pubrec:7 y pubcomp:8:92 pubrec:7", "x pubrec:7 y pubcomp:8 pubrec:7"},
		{"a new process", "pub2:7=x send restart pub2:7=x send rel:7 send", "x pubrec:7 pubrec:7 pubcomp:7", ""},
		{"a new process, then a new message", "pub2:7=x send rel:7 send restart pub2:7=y send", "x pubrec:7 pubcomp:7 y pubrec:7", ""},
		{"a new process without the session", "pub2:7=x send restart lost pub2:7=y send", "x pubrec:7 y pubrec:7", ""},
	} {
		for _, version := range []uint8{4, 5} {
			b := newReceiverBench(t, version, 0, false)
			b.do(tc.commands)
			want := tc.want
			if version == 4 && tc.want4 != "" {
				want = tc.want4
			}
			if got := strings.Join(b.log, " "); got != want {
				t.Errorf("%s, version %d: %s\n got %s\nwant %s", tc.name, version, tc.commands, got, want)
			}
		}
	}
}

// A program that acknowledges itself may do so early, late, twice, and after a reconnect.
func TestReceiverManual(t *testing.T) {
	for _, tc := range []struct{ name, commands, want string }{
		{"nothing without Ack", "pub1:1=x pub2:2=y send", "x y"},
		{"in order", "pub1:1=x pub2:2=y ack:x send ack:y send", "x y puback:1 pubrec:2"},
		{"MQTT-4.6.0-2 early", "pub1:1=x pub1:2=y ack:y send ack:x send", "x y puback:1 puback:2"},
		{"MQTT-4.6.0-3 early", "pub2:1=x pub2:2=y ack:y send ack:x send", "x y pubrec:1 pubrec:2"},
		{"mixed", "pub1:1=x pub2:1=y pub1:2=z ack:z ack:y send ack:x send", "x y z puback:1 pubrec:1 puback:2"},
		{"twice", "pub1:1=x pub2:2=y ack:x ack:x ack:y ack:y send ack:x ack:y send", "x y puback:1 pubrec:2"},
		{"the first code counts", "pub1:1=x ack:x:97 ack:x send", "x puback:1:97"},
		{"QoS 1, of an old connection", "pub1:1=x cut ack:x send pub1:1=y send ack:y send", "x y puback:1"},
		{"QoS 1, an old one with the number of a new one", "pub1:1=x send cut pub1:1=y pub1:2=z ack:x send", "x y z"},
		{"QoS 2, acknowledged between", "pub2:1=x cut ack:x send pub2:1=x send", "x pubrec:1"},
		{"QoS 2, acknowledged later", "pub2:1=x cut pub2:1=x send ack:x send", "x pubrec:1"},
		{"QoS 2, in the order of the new connection", "pub2:1=x pub2:2=y ack:y cut pub2:2=y pub2:1=x send ack:x send", "x y pubrec:2 pubrec:1"},
		{"QoS 2, of a released message", "pub2:1=x ack:x send rel:1 send pub2:1=y ack:x send", "x pubrec:1 pubcomp:1 y"},
		{"QoS 2, the session is lost", "pub2:1=x lost pub2:1=y ack:x send", "x y"},
		{"QoS 2, not acknowledged before the process ends", "pub2:1=x send restart pub2:1=x send ack:x send", "x x pubrec:1"},
		{"QoS 2, acknowledged before the process ends", "pub2:1=x ack:x restart pub2:1=x send", "x pubrec:1"},
		{"QoS 2, acknowledged early before the process ends", "pub1:1=w pub2:1=x ack:x restart pub2:1=x send", "w x pubrec:1"},
		{"PUBCOMP does not wait", "pub2:1=x ack:x send pub1:1=y rel:1 send", "x pubrec:1 y pubcomp:1"},
		{"a duplicate on the same connection", "pub2:1=x pub2:1=x pub2:1=x ack:x send", "x pubrec:1"},
		{"PUBREL without PUBREC", "pub2:1=x rel:1 ack:x send pub2:1=y send ack:y send", "x pubcomp:1 y pubrec:1"},
		{"MQTT-4.3.3-9 refused: the identifier is free", "pub2:1=x ack:x:97 send pub2:1=y ack:y send", "x pubrec:1:97 y pubrec:1"},
		{"refused, PUBREL is for nothing", "pub2:1=x ack:x:87 send rel:1 send", "x pubrec:1:87 pubcomp:1:92"},
		{"refused, cut before PUBREC", "pub2:1=x ack:x:80 cut pub2:1=x send pub2:1=y", "x pubrec:1:80 y"},
		{"refused messages are not stored", "pub2:1=x ack:x:80 send restart pub2:1=y", "x pubrec:1:80 y"},
		{"a code below 0x80", "pub2:1=x ack:x:10 send cut pub2:1=x send rel:1 send", "x pubrec:1:10 pubrec:1:10 pubcomp:1"},
		{"a code that PUBACK does not have", "pub1:1=x ack:x:92 send ack:x send",
			"x session: acknowledgement: mqtt: PUBACK: 0x82 Protocol error: the reason code 0x92 Packet identifier not found is not allowed in PUBACK [MQTT-3.4.2-1] puback:1"},
	} {
		b := newReceiverBench(t, 5, 0, true)
		b.do(tc.commands)
		if got := strings.Join(b.log, " "); got != tc.want {
			t.Errorf("%s: %s\n got %s\nwant %s", tc.name, tc.commands, got, tc.want)
		}
	}
}

// A 3.1.1 acknowledgement has neither codes nor properties.
func TestReceiverAckOf311(t *testing.T) {
	b := newReceiverBench(t, 4, 0, true)
	b.do("pub1:1=x")
	if err := b.r.ack(b.deliveries["x"], 0x97, nil); err == nil || !strings.Contains(err.Error(), "PUBACK") {
		t.Errorf("a code: %v", err)
	}
	if err := b.r.ack(b.deliveries["x"], 0, reasonString("busy")); err == nil {
		t.Error("a property: no error")
	}
	b.do("send ack:x send")
	if got := strings.Join(b.log, " "); got != "x puback:1" {
		t.Error(got)
	}
}

func reasonString(text string) []mqtt.Property {
	return []mqtt.Property{{ID: mqtt.PropReasonString, Value: []byte(text)}}
}

// The properties are left out if the server does not accept so large a packet [MQTT-3.4.2-2].
func TestReceiverAckProperties(t *testing.T) {
	for largest, want := range map[uint32]string{
		14: "puback:1:97+1f000462757379", 13: "puback:1:97+1f000462757379", 12: "puback:1:97",
	} {
		b := newReceiverBench(t, 5, 0, true)
		b.server.MaximumPacketSize = largest
		b.do("cut pub1:1=x pub2:2=y")
		b.r.ack(b.deliveries["x"], 0x97, reasonString("busy"))
		b.do("send")
		if got := b.log[2]; got != want {
			t.Errorf("%d bytes: %s, want %s", largest, got, want)
		}
	}
}

// Without ManualAck a handler may acknowledge its message with a code. Then nothing else is sent.
func TestReceiverAckInHandler(t *testing.T) {
	b := newReceiverBench(t, 5, 0, false)
	d, _, _ := b.r.publish(&mqtt.Message{Cmd: mqtt.CmdPublish, QoS: 2, ID: 3})
	b.r.ack(d, mqtt.ReasonQuotaExceeded, nil)
	b.r.handled(d)
	if b.do("send send"); !slices.Equal(b.log, []string{"pubrec:3:97"}) {
		t.Error(b.log)
	}
}

// Our Receive Maximum counts what was sent on this connection and is not acknowledged: a QoS 1
// message until PUBACK, a QoS 2 message until PUBCOMP or a PUBREC that refuses it (5.0 4.9).
func TestReceiveMaximum(t *testing.T) {
	const full = "Receive maximum exceeded[MQTT-3.3.4-9]"
	for _, tc := range []struct{ name, commands, want string }{
		{"QoS 1", "pub1:1=a pub1:2=b pub1:3=c", "a b " + full},
		{"QoS 0 does not count", "pub1:1=a pub1:2=b pub0:0=c", "a b c"},
		{"acknowledged, but not sent", "pub1:1=a pub1:2=b ack:a pub1:3=c", "a b " + full},
		{"acknowledged early", "pub1:1=a pub1:2=b ack:b send pub1:3=c", "a b " + full},
		{"acknowledged", "pub1:1=a pub1:2=b ack:a send pub1:3=c", "a b puback:1 c"},
		{"QoS 2 until PUBREL", "pub2:1=a pub2:2=b ack:a send pub2:3=c", "a b pubrec:1 " + full},
		{"QoS 2, released", "pub2:1=a pub2:2=b ack:a send rel:1 send pub2:3=c", "a b pubrec:1 pubcomp:1 c"},
		{"QoS 2, refused", "pub2:1=a pub2:2=b ack:a:97 send pub2:3=c", "a b pubrec:1:97 c"},
		{"both", "pub2:1=a pub1:1=b pub1:2=c", "a b " + full},
		{"duplicates count once", "pub2:1=a pub2:1=a pub2:1=a pub2:2=b pub2:3=c", "a b " + full},
		{"another connection counts anew", "pub2:1=a pub2:2=b ack:a ack:b send cut rel:1 pub2:3=c pub2:4=d pub2:5=e",
			"a b pubrec:1 pubrec:2 c d " + full},
		{"what is sent again counts", "pub2:1=a pub2:2=b cut pub2:1=a pub2:2=b pub2:3=c", "a b " + full},
		{"a new message that is held", "pub2:1=a pub2:2=b ack:a ack:b send cut pub2:1=a pub1:1=c pub1:2=d", "a b pubrec:1 pubrec:2 c " + full},
	} {
		b := newReceiverBench(t, 5, 2, true)
		b.do(tc.commands)
		if got := strings.Join(b.log, " "); got != tc.want {
			t.Errorf("%s: %s\n got %s\nwant %s", tc.name, tc.commands, got, tc.want)
		}
	}
	b := newReceiverBench(t, 4, 2, true)
	if b.do("pub1:1=a pub1:2=b pub1:3=c"); !slices.Equal(b.log, []string{"a", "b", "c"}) {
		t.Errorf("a 3.1.1 server does not know our maximum: %q", b.log)
	}
}

// All identifiers may be unacknowledged at once, and no more.
func TestReceiveMaximumDefault(t *testing.T) {
	for version, rule := range map[uint8]string{4: "MQTT-4.8.0-2", 5: "MQTT-3.3.4-9"} {
		b := newReceiverBench(t, version, 0, true)
		for id := 1; id <= 65535; id++ {
			if _, deliver, err := b.r.publish(&mqtt.Message{QoS: 1, ID: uint16(id)}); !deliver || err != nil {
				t.Fatal(id, deliver, err)
			}
		}
		_, _, err := b.r.publish(&mqtt.Message{QoS: 2, ID: 1})
		var parseErr *mqtt.ParseError
		if !errors.As(err, &parseErr) || parseErr.Rule != rule || !errors.Is(err, mqtt.ErrLimit) {
			t.Errorf("version %d: %v", version, err)
		}
	}
}

// The store has the identifier before PUBREC is given out, until PUBREL.
func TestReceiverStore(t *testing.T) {
	b := newReceiverBench(t, 5, 0, true)
	for _, step := range []struct{ commands, want string }{
		{"pub2:258=x pub1:3=y send", ""},
		{"ack:y send", ""},
		{"ack:x", "i\x01\x02"},
		{"send cut", "i\x01\x02"},
		{"pub2:3=z ack:z:87 send", "i\x01\x02"},
		{"rel:258", ""},
		{"pub2:258=x ack:x", "i\x01\x02"},
		{"lost", ""},
	} {
		b.do(step.commands)
		b.r.journal.commit()
		if got := strings.Join(b.store.keys(), " "); got != step.want {
			t.Errorf("after %s the store has %q, want %q", step.commands, got, step.want)
		}
	}
	b.do("pub2:1=x")
	b.store.fail = errors.New("disk full")
	if err := b.r.ack(b.deliveries["x"], 0, nil); !errors.Is(err, b.store.fail) {
		t.Errorf("a store that fails: %v", err)
	}
	if got := b.r.append(nil); len(got) != 0 {
		t.Errorf("PUBREC without an entry in the store: % x", got)
	}
}

func TestReceiverLoad(t *testing.T) {
	r := newReceiver(5, &journal{}, 0, false)
	for key, ok := range map[string]bool{
		"i\x00\x01": true, "i\xff\xff": true, "i\x01\x00": true,
		"i\x00\x00": false, "i\x00": false, "i": false, "": false, "i\x00\x00\x01": false, "o\x00\x01": false,
	} {
		err := r.load([]byte(key), nil)
		if (err == nil) != ok || err != nil && !strings.Contains(err.Error(), hex.EncodeToString([]byte(key))) {
			t.Errorf("%x: %v", key, err)
		}
	}
	if len(r.held) != 3 {
		t.Errorf("%d messages are held", len(r.held))
	}
}

// receiverStore is a store in memory. What is not committed is lost by crash.
type receiverStore struct {
	committed, changed map[string]string
	fail               error // of the next calls
}

func newReceiverStore() *receiverStore {
	return &receiverStore{committed: map[string]string{}, changed: map[string]string{}}
}

func (s *receiverStore) Load(fn func(key, value []byte) error) error {
	for _, key := range s.keys() {
		if err := fn([]byte(key), []byte(s.committed[key])); err != nil {
			return err
		}
	}
	return nil
}

func (s *receiverStore) Put(key, value []byte) error {
	if s.fail == nil {
		s.changed[string(key)] = string(value)
	}
	return s.fail
}

func (s *receiverStore) Delete(key []byte) error {
	if s.fail == nil {
		delete(s.changed, string(key))
	}
	return s.fail
}

func (s *receiverStore) Commit() error {
	if s.fail == nil {
		clear(s.committed)
		for k, v := range s.changed {
			s.committed[k] = v
		}
	}
	return s.fail
}

func (s *receiverStore) Close() error { return nil }

// crash loses what is not committed.
func (s *receiverStore) crash() {
	clear(s.changed)
	for k, v := range s.committed {
		s.changed[k] = v
	}
}

// has reports whether a key is committed.
func (s *receiverStore) has(key []byte) bool {
	_, ok := s.committed[string(key)]
	return ok
}

// keys returns the keys of what is committed, in order.
func (s *receiverStore) keys() (keys []string) {
	for k := range s.committed {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
