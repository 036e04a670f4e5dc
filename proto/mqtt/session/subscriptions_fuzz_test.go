package session

import (
	"testing"

	"github.com/rikki-go/rikki/internal/packetid"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// A server may answer anything, at any time. Each change of the program has one result, and packet
// identifiers are in use exactly while a packet waits.
func FuzzSubscriptions(f *testing.F) {
	f.Add([]byte{0, 0, 1, 8, 0, 0, 3, 0, 16, 4, 0, 0, 5, 0, 0}, uint8(5))
	f.Add([]byte{4, 1, 0, 0, 1, 5, 8, 0, 0, 1, 1, 0, 3, 0, 135, 8, 0, 0}, uint8(4))
	f.Fuzz(func(t *testing.T, steps []byte, version uint8) {
		if version = 5 - version&1; len(steps) > 2000 {
			return
		}
		var ids packetid.Pool
		s := newSubscriptions(version, &ids)
		server := mqtt.NewCapabilities(version)
		changes, results := 0, 0
		names := []string{"a", "b", "+", "a/#", "$share/g/a", "c", "d", "e", "f/g", "h", "i"}
		for ; len(steps) >= 3; steps = steps[3:] {
			name := names[int(steps[1])%len(names)]
			switch steps[0] % 9 {
			case 0:
				sub := Subscription{Filter: name, QoS: steps[2] % 3}
				if steps[2] > 100 {
					sub.Fn = func(*reactor.Conn, reactor.Event, any) {}
				}
				if s.subscribe([]Subscription{sub}) == nil {
					changes++
				}
			case 1:
				if s.unsubscribe([]string{name}) == nil {
					changes++
				}
			case 2, 3: // an answer to a packet, with codes that may be wrong
				m := mqtt.Message{Cmd: mqtt.CmdSuback, ID: uint16(steps[1]), Version: version, Data: make([]byte, steps[2]%4)}
				if i := int(steps[1]); i < len(s.flight) {
					m.ID, m.Cmd = s.flight[i].id, s.flight[i].kind+1
					if steps[0]%9 == 3 {
						m.Data = make([]byte, len(s.flight[i].filters))
					}
				}
				for i := range m.Data {
					m.Data[i] = steps[2]
				}
				s.receive(&m)
			case 4:
				s.down()
			case 5, 6:
				server.WildcardAvailable, server.SubIDsAvailable = steps[2]&1 == 0, steps[2]&2 == 0
				s.down()
				s.up(steps[0]%9 == 5, &server)
			case 7:
				m := mqtt.Message{Cmd: mqtt.CmdPublish, Version: version, Topic: []byte("a"), Props: []byte{0x0b, steps[1] & 127}}
				s.route(&m, func(fn reactor.Handler) { fn(nil, 0, nil) })
			default:
				for _, m := range parsePackets(t, version, s.append(nil)) {
					if m.Cmd != mqtt.CmdSubscribe && m.Cmd != mqtt.CmdUnsubscribe {
						t.Fatal(m.Cmd)
					}
				}
			}
			for r, _ := s.result(); r != nil; r, _ = s.result() {
				if !r.Resumed {
					results++
				}
			}
			checkSubscriptions(t, s)
		}
		s.close(ErrReplaced)
		for r, _ := s.result(); r != nil; r, _ = s.result() {
			results++
		}
		if changes != results || ids.Len() != 0 || s.count+s.unidentified+s.tree.Len() != 0 {
			t.Errorf("%d changes have %d results; %d packet identifiers, %d filters are left", changes, results, ids.Len(), s.count)
		}
	})
}

func checkSubscriptions(t *testing.T, s *subscriptions) {
	t.Helper()
	sent, count, unidentified := 0, 0, 0
	for _, f := range s.filters {
		if f.sent.kind != 0 {
			sent++
		}
		if f.routed {
			count++
		}
		if f.routed && f.subID == 0 {
			unidentified++
		}
		if waits := f.next.kind != 0 && f.sent.kind == 0 && s.connected; waits != f.queued {
			t.Fatalf("%s: waits %v, queued %v", f.Filter, waits, f.queued)
		}
	}
	for _, p := range s.flight {
		sent -= len(p.filters)
	}
	if sent != 0 || count != s.count || unidentified != s.unidentified || s.ids.Len() != len(s.flight) {
		t.Fatalf("%d filters are in flight without a packet; %d routed, counted %d; %d without identifier, counted %d",
			sent, count, s.count, unidentified, s.unidentified)
	}
}
