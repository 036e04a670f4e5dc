package session

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/packetid"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// subBench drives subscriptions with short commands and writes down what they do.
type subBench struct {
	t       *testing.T
	s       *subscriptions
	ids     packetid.Pool
	server  mqtt.Capabilities
	waiting []mqtt.Message // sent, and not answered
	log     []string
}

func newSubBench(t *testing.T, version uint8) *subBench {
	b := &subBench{t: t, server: mqtt.NewCapabilities(version)}
	b.s = newSubscriptions(version, &b.ids)
	return b
}

func (b *subBench) say(format string, args ...any) {
	b.log = append(b.log, fmt.Sprintf(format, args...))
}

// do runs commands, which are separated by spaces:
//
//	sub:a,b:1    Subscribe to a and b with QoS 1, without an Fn
//	fn:a,b       the same with QoS 0 and an Fn
//	unsub:a,b    Unsubscribe
//	up, lost     a connection begins, with or without the session
//	down         it ends
//	send         what may be sent
//	ack:0,80     the server answers its first packet with these codes
//	close        the session ends
//
// Each command writes down the results that it causes.
func (b *subBench) do(commands string) string {
	b.t.Helper()
	for command := range strings.FieldsSeq(commands) {
		name, rest, _ := strings.Cut(command, ":")
		var err error
		switch name {
		case "sub", "fn":
			names, qos, _ := strings.Cut(rest, ":")
			var list []Subscription
			for _, filter := range strings.Split(names, ",") {
				sub := Subscription{Filter: filter, QoS: uint8(parseNumber(b.t, qos, 10))}
				if name == "fn" {
					sub.Fn = func(*reactor.Conn, reactor.Event, any) {}
				}
				list = append(list, sub)
			}
			err = b.s.subscribe(list)
		case "unsub":
			err = b.s.unsubscribe(strings.Split(rest, ","))
		case "up", "lost":
			b.s.up(name == "up", &b.server)
		case "down":
			b.s.down()
			b.waiting = nil
		case "send":
			b.send()
		case "ack":
			err = b.answer(rest)
		case "close":
			b.s.close(errors.New("closed"))
		default:
			b.t.Fatalf("command %q", command)
		}
		if err != nil {
			b.say("%v", err)
		}
		b.results()
	}
	return strings.Join(b.log, " ")
}

func (b *subBench) send() {
	for _, m := range parsePackets(b.t, b.s.version, b.s.append(nil)) {
		text := "SUB"
		if m.Cmd == mqtt.CmdUnsubscribe {
			text = "UNSUB"
		}
		var p mqtt.Property
		for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
			text += fmt.Sprintf("<%d%s>", p.Int, p.Key)
		}
		var f mqtt.Filter
		for ofs := m.NextFilter(&f, 0); ofs > 0; ofs = m.NextFilter(&f, ofs) {
			text += fmt.Sprintf("[%s:%d]", f.Topic, f.QoS)
		}
		b.say("%s", text)
		b.waiting = append(b.waiting, m)
	}
}

// answer answers the first packet.
func (b *subBench) answer(codes string) error {
	var list []mqtt.ReasonCode
	for _, code := range strings.Split(codes, ",") {
		list = append(list, mqtt.ReasonCode(parseNumber(b.t, code, 16)))
	}
	m := b.waiting[0]
	b.waiting = b.waiting[1:]
	return b.s.receive(subAnswer(b.t, &m, list))
}

// subAnswer returns the SUBACK or UNSUBACK for a packet.
func subAnswer(t *testing.T, m *mqtt.Message, codes []mqtt.ReasonCode) *mqtt.Message {
	t.Helper()
	encode := mqtt.AppendSuback
	if m.Cmd == mqtt.CmdUnsubscribe {
		encode = mqtt.AppendUnsuback
		if m.Version != 5 {
			codes = nil
		}
	}
	packet, err := encode(nil, m.Version, m.ID, codes, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &parsePackets(t, m.Version, packet)[0]
}

func (b *subBench) results() {
	for r, done := b.s.result(); r != nil; r, done = b.s.result() {
		text := fmt.Sprintf("%s=%x", r.Filter, uint8(r.Code))
		if r.Unsubscribed {
			text = "-" + text
		}
		if r.Resumed {
			text += "!"
		}
		var refused *mqtt.RefusedError
		var limit *mqtt.PeerLimitError
		switch {
		case errors.As(r.Err, &refused):
			text += "(refused)"
		case errors.As(r.Err, &limit):
			text += "(" + strings.ReplaceAll(limit.Limit, " ", "-") + ")"
		case errors.Is(r.Err, ErrReplaced):
			text += "(replaced)"
		case r.Err != nil:
			text += "(" + errors.Unwrap(r.Err).Error() + ")"
		}
		if done != nil {
			done(r)
		}
		b.say("%s", text)
	}
}

func TestSubscriptions(t *testing.T) {
	for _, tc := range []struct {
		name     string
		commands string
		want     string
		want5    string // if it differs in 5.0
	}{
		{"one", "up sub:a:1 send ack:1", "SUB[a:1] a=1", ""},
		{"before the connection", "sub:a send up send ack:0", "SUB[a:0] a=0", ""},
		{"a lower QoS is granted", "up sub:a:2 send ack:1", "SUB[a:2] a=1", ""},
		{"several", "up sub:a,b:1 send ack:1,0", "SUB[a:1][b:1] a=1 b=0", ""},
		{"several calls share a packet", "up sub:a sub:b:1 send ack:0,1", "SUB[a:0][b:1] a=0 b=1", ""},
		{"refused", "up sub:a,b send ack:80,0", "SUB[a:0][b:0] a=80(refused) b=0", ""},
		{"refused ones are forgotten", "up sub:a,b send ack:80,0 down lost send", "SUB[a:0][b:0] a=80(refused) b=0 SUB[b:0]", ""},
		{"unsubscribed", "up sub:a send ack:0 unsub:a send ack:0 down lost send", "SUB[a:0] a=0 UNSUB[a:0] -a=0", ""},
		{"unsubscribed, of an earlier process", "up unsub:a,b send ack:11,0", "UNSUB[a:0][b:0] -a=0 -b=0", "UNSUB[a:0][b:0] -a=11 -b=0"},
		{"the session is present", "up sub:a send ack:0 down up send", "SUB[a:0] a=0", ""},
		{"the session is lost", "up sub:a:1 sub:b send ack:1,0 down lost send ack:1,0", "SUB[a:1][b:0] a=1 b=0 SUB[a:1][b:0] a=1! b=0!", ""},
		{"lost, then refused", "up sub:a send ack:0 down lost send ack:80 down lost send", "SUB[a:0] a=0 SUB[a:0] a=80!(refused)", ""},
		{"lost twice", "up sub:a send ack:0 down lost send down lost send ack:0", "SUB[a:0] a=0 SUB[a:0] SUB[a:0] a=0!", ""},
		{"lost, and then present without an answer", "up sub:a send ack:0 down lost send down up send ack:0 down up send",
			"SUB[a:0] a=0 SUB[a:0] SUB[a:0] a=0!", ""},
		{"cut, and the session is present", "up sub:a send down up send ack:0 down up send", "SUB[a:0] SUB[a:0] a=0", ""},
		{"cut, and only a part had its answer", "up sub:a send sub:b send ack:0 down up send ack:0", "SUB[a:0] SUB[b:0] a=0 SUB[b:0] b=0", ""},
		{"changed in flight", "up sub:a:0 send sub:a:1 send ack:0 send ack:1", "SUB[a:0] a=0 SUB[a:1] a=1", ""},
		{"changed twice in flight", "up sub:a:0 send sub:a:1 sub:a:2 send ack:0 send ack:2",
			"SUB[a:0] a=80(replaced) a=0 SUB[a:2] a=2", ""},
		{"changed before it was sent", "sub:a:0 sub:a:1 up send ack:1", "a=80(replaced) SUB[a:1] a=1", ""},
		{"unsubscribed in flight", "up sub:a send unsub:a send ack:0 send ack:0 down lost send", "SUB[a:0] a=0 UNSUB[a:0] -a=0", ""},
		{"unsubscribed in flight, and refused", "up sub:a send unsub:a send ack:80 send ack:0", "SUB[a:0] a=80(refused) UNSUB[a:0] -a=0", ""},
		{"unsubscribed in flight, and cut", "up sub:a send unsub:a down up send ack:0", "SUB[a:0] a=80(replaced) UNSUB[a:0] -a=0", ""},
		{"subscribed while its end is in flight", "up sub:a send ack:0 unsub:a send sub:a:1 send ack:0 send ack:1 down lost send",
			"SUB[a:0] a=0 UNSUB[a:0] -a=0 SUB[a:1] a=1 SUB[a:1]", ""},
		{"there and back in flight", "up sub:a send unsub:a sub:a:1 send ack:0 send ack:1", "SUB[a:0] -a=80(replaced) a=0 SUB[a:1] a=1", ""},
		{"a repetition that the program replaces", "up sub:a send ack:0 down lost sub:a:1 send ack:1", "SUB[a:0] a=0 SUB[a:1] a=1", ""},
		{"a repetition in flight that the program ends", "up sub:a send ack:0 down lost send unsub:a down up send ack:0",
			"SUB[a:0] a=0 SUB[a:0] UNSUB[a:0] -a=0", ""},
		{"subscribe and unsubscribe do not share a packet", "up sub:a unsub:b sub:c send", "SUB[a:0] UNSUB[b:0] SUB[c:0]", ""},
		{"identifiers", "up fn:a send ack:0 fn:b send ack:0 fn:a send ack:0", "SUB[a:0] a=0 SUB[b:0] b=0 SUB[a:0] a=0",
			"SUB<1>[a:0] a=0 SUB<2>[b:0] b=0 SUB<3>[a:0] a=0"},
		{"only filters with an Fn have an identifier", "up fn:a sub:b fn:c send", "SUB[a:0][b:0][c:0]", "SUB<1>[a:0] SUB[b:0] SUB<2>[c:0]"},
		{"one identifier for filters that do not overlap", "up fn:a/+,b/# send", "SUB[a/+:0][b/#:0]", "SUB<1>[a/+:0][b/#:0]"},
		{"two identifiers for filters that overlap", "up fn:a/+,+/b send", "SUB[a/+:0][+/b:0]", "SUB<1>[a/+:0] SUB<2>[+/b:0]"},
		{"without an Fn they may overlap", "up sub:a/+,+/b send", "SUB[a/+:0][+/b:0]", ""},
		{"eight in a packet", "up sub:1,2,3,4,5,6,7,8,9 send", "SUB[1:0][2:0][3:0][4:0][5:0][6:0][7:0][8:0] SUB[9:0]", ""},
		{"the session ends", "up sub:a send ack:0 sub:b send sub:c unsub:a close", "SUB[a:0] a=0 SUB[b:0] b=80(closed) c=80(closed) -a=80(closed)", ""},
		{"the session ends with a repetition", "up sub:a send ack:0 down lost send close", "SUB[a:0] a=0 SUB[a:0]", ""},
	} {
		for _, version := range []uint8{4, 5} {
			want := tc.want
			if version == 5 && tc.want5 != "" {
				want = tc.want5
			}
			b := newSubBench(t, version)
			if got := b.do(tc.commands); got != want {
				t.Errorf("%s, version %d: %s\n got %s\nwant %s", tc.name, version, tc.commands, got, want)
			}
			if got, want := b.ids.Len(), len(b.waiting); got != want && !strings.Contains(tc.commands, "close") {
				t.Errorf("%s: %d packet identifiers are in use, %d packets wait", tc.name, got, want)
			}
		}
	}
}

// An error names the filter, and nothing of the call is accepted.
func TestSubscribeErrors(t *testing.T) {
	user := []mqtt.Property{{ID: mqtt.PropUserProperty, Key: []byte("k"), Value: []byte("v")}}
	id := []mqtt.Property{{ID: mqtt.PropSubscriptionIdentifier, Int: 7}}
	long := strings.Repeat("x", 65536)
	for _, tc := range []struct {
		sub         Subscription
		want, want5 string // parts of the error, "" for none
	}{
		{Subscription{Filter: "a/#"}, "", ""},
		{Subscription{Filter: ""}, "MQTT-4.7.3-1", "MQTT-4.7.3-1"},
		{Subscription{Filter: "a#"}, `"a#"`, `"a#"`},
		{Subscription{Filter: "a/#/b"}, "MQTT-4.7.1-2", "MQTT-4.7.1-1"},
		{Subscription{Filter: "a+/b"}, "MQTT-4.7.1-3", "MQTT-4.7.1-2"},
		{Subscription{Filter: "a\x00"}, `"a\x00"`, `"a\x00"`},
		{Subscription{Filter: "a\xff"}, `"a\xff"`, `"a\xff"`},
		{Subscription{Filter: long}, "(65536 bytes)", "(65536 bytes)"},
		{Subscription{Filter: long[1:]}, "", ""},
		{Subscription{Filter: "a", QoS: 3}, "MQTT-3-8.3-4", "section 3.8.3.1"},
		{Subscription{Filter: "a", NoLocal: true}, "MQTT-3-8.3-4", ""},
		{Subscription{Filter: "a", RetainAsPublished: true}, "MQTT-3-8.3-4", ""},
		{Subscription{Filter: "a", RetainHandling: 2}, "MQTT-3-8.3-4", ""},
		{Subscription{Filter: "a", RetainHandling: 3}, "MQTT-3-8.3-4", "section 3.8.3.1"},
		{Subscription{Filter: "$share/g/a"}, "", ""},
		{Subscription{Filter: "$share/g/"}, "", "MQTT-4.8.2-2"},
		{Subscription{Filter: "$share//a"}, "", "MQTT-4.8.2-1"},
		{Subscription{Filter: "$share/g/a", NoLocal: true}, "MQTT-3-8.3-4", "MQTT-3.8.3-4"},
		{Subscription{Filter: "a", Props: user}, "no properties", ""},
		{Subscription{Filter: "a", Props: id}, "Subscription Identifier", "Subscription Identifier"},
		{Subscription{Filter: "good"}, "twice", "twice"},
	} {
		for _, version := range []uint8{4, 5} {
			want := tc.want
			if version == 5 {
				want = tc.want5
			}
			b := newSubBench(t, version)
			err := b.s.subscribe([]Subscription{{Filter: "good"}, tc.sub})
			switch {
			case err == nil != (want == "") || err != nil && !strings.Contains(err.Error(), want):
				t.Errorf("version %d, %.60q: %v, want %q", version, tc.sub.Filter, err, want)
			case err != nil && len(b.s.filters) != 0:
				t.Errorf("version %d, %.60q: the other filter was accepted", version, tc.sub.Filter)
			case err != nil && want != "twice" && !errors.Is(err, mqtt.ErrMalformed) && len(tc.sub.Props) == 0 && version == 5:
				t.Errorf("version %d, %.60q: %v does not say which rule", version, tc.sub.Filter, err)
			}
		}
	}
}

func TestUnsubscribeErrors(t *testing.T) {
	for names, want := range map[string]string{"": "", "a": "", "a b": "", "a b#": `"b#"`, "a a": `"a" is twice`} {
		for _, version := range []uint8{4, 5} {
			b := newSubBench(t, version)
			err := b.s.unsubscribe(strings.Fields(names))
			if names == "" {
				want = "without a topic filter"
			}
			if err == nil != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || len(b.s.filters) > 0) {
				t.Errorf("%q: %v", names, err)
			}
		}
	}
	if err := newSubscriptions(5, &packetid.Pool{}).subscribe(nil); err == nil {
		t.Error("Subscribe without filters: no error")
	}
}

// A limit of the server is an error at once, or a result if it was not known. Then the filter is
// forgotten.
func TestSubscribeServerLimits(t *testing.T) {
	for _, tc := range []struct {
		change func(*mqtt.Capabilities)
		filter string
		limit  string
	}{
		{func(c *mqtt.Capabilities) { c.WildcardAvailable = false }, "a/+", "Wildcard-Subscription-Available"},
		{func(c *mqtt.Capabilities) { c.WildcardAvailable = false }, "$share/g/#", "Wildcard-Subscription-Available"},
		{func(c *mqtt.Capabilities) { c.WildcardAvailable = false }, "a/b", ""},
		{func(c *mqtt.Capabilities) { c.SharedAvailable = false }, "$share/g/a", "Shared-Subscription-Available"},
		{func(c *mqtt.Capabilities) { c.SharedAvailable = false }, "+/b", ""},
		{func(c *mqtt.Capabilities) { c.MaximumPacketSize = 14 }, "abcdefg", "Maximum-Packet-Size"},
		{func(c *mqtt.Capabilities) { c.MaximumPacketSize = 14 }, "abcdef", ""},
	} {
		b := newSubBench(t, 5)
		tc.change(&b.server)
		want := fmt.Sprintf("SUB[%s:0]", tc.filter)
		if tc.limit != "" {
			want = fmt.Sprintf("%s=80(%s)", tc.filter, tc.limit)
		}
		if got := b.do("sub:" + tc.filter + " up send down lost send"); tc.limit != "" && got != want || !strings.HasPrefix(got, want) {
			t.Errorf("%s, learned later: %s, want %s", tc.filter, got, want)
		}
		err := b.s.subscribe([]Subscription{{Filter: tc.filter}})
		var limit *mqtt.PeerLimitError
		if wantErr := tc.limit != "" && tc.limit != "Maximum-Packet-Size"; errors.As(err, &limit) != wantErr ||
			wantErr && strings.ReplaceAll(limit.Limit, " ", "-") != tc.limit {
			t.Errorf("%s, known before: %v", tc.filter, err)
		}
	}
	b := newSubBench(t, 4)
	if got := b.do("up sub:$share/g/a/+ send"); got != "SUB[$share/g/a/+:0]" {
		t.Errorf("3.1.1 servers announce no limits: %s", got)
	}
	b = newSubBench(t, 5)
	b.server.SubIDsAvailable = false
	if got := b.do("up fn:a send"); got != "SUB[a:0]" {
		t.Errorf("without subscription identifiers: %s", got)
	}
}

// An answer that does not fit breaks the protocol.
func TestSubackViolations(t *testing.T) {
	for _, tc := range []struct{ commands, want string }{
		{"up sub:a,b send ack:0", "MQTT-3.8.4-5"},
		{"up sub:a send ack:0,0", "MQTT-3.8.4-5"},
		{"up unsub:a send ack:0,0", "MQTT-3.11.3-1"},
	} {
		for _, version := range []uint8{4, 5} {
			want := tc.want
			if version == 4 && strings.Contains(tc.commands, "unsub") {
				continue // it has no codes
			} else if version == 5 && want == "MQTT-3.8.4-5" {
				want = "MQTT-3.8.4-6"
			}
			if got := newSubBench(t, version).do(tc.commands); !strings.Contains(got, want) || strings.Contains(got, "=") {
				t.Errorf("version %d, %s: %s, want %s", version, tc.commands, got, want)
			}
		}
	}
	for _, version := range []uint8{4, 5} {
		b := newSubBench(t, version)
		b.do("up sub:a send")
		want := map[uint8]string{4: "MQTT-2.3.1-7", 5: "MQTT-2.2.1-6"}[version]
		for _, m := range []mqtt.Message{
			{Cmd: mqtt.CmdSuback, ID: b.waiting[0].ID + 1, Data: []byte{0}}, {Cmd: mqtt.CmdUnsuback, ID: b.waiting[0].ID, Data: []byte{0}},
		} {
			var parseErr *mqtt.ParseError
			if err := b.s.receive(&m); !errors.As(err, &parseErr) || parseErr.Rule != want || parseErr.Cmd != m.Cmd {
				t.Errorf("version %d, %v %d: %v", version, m.Cmd, m.ID, err)
			}
		}
	}
}

// The result has the code, the filter's name in the error, and a copy of the properties.
func TestSubResult(t *testing.T) {
	b := newSubBench(t, 5)
	var got []SubResult
	done := func(r *SubResult) { got = append(got, *r) }
	b.s.subscribe([]Subscription{{Filter: "a/b", Done: done}, {Filter: "c", QoS: 2, Done: done}})
	b.do("up send")
	packet, _ := mqtt.AppendSuback(nil, 5, b.waiting[0].ID, []mqtt.ReasonCode{0x87, 1}, reasonString("no"))
	b.s.receive(&parsePackets(t, 5, packet)[0])
	clear(packet)
	b.results()
	var refused *mqtt.RefusedError
	if len(got) != 2 || !errors.As(got[0].Err, &refused) || refused.Code != mqtt.ReasonNotAuthorized ||
		refused.Cmd != mqtt.CmdSuback || refused.Reason != "no" || !strings.Contains(got[0].Err.Error(), `"a/b"`) || got[1].Err != nil || got[1].Code != 1 {
		t.Errorf("%+v", got)
	}
	if !slices.Equal(got[0].Props, []byte("\x1f\x00\x02no")) {
		t.Errorf("% x", got[0].Props)
	}
	b.do("down lost send ack:1")
	if len(got) != 3 || !got[2].Resumed {
		t.Errorf("Done does not get the result of the repetition: %+v", got)
	}
}
