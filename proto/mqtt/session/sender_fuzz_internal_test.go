package session

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/packetid"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// FuzzSenderLoad checks that any entry is loaded or refused without a trace, and that a loaded
// message can be sent, acknowledged and stored again. The checksum is made right.
func FuzzSenderLoad(f *testing.F) {
	for _, script := range []string{
		"pub a=1 q1", "pub a=1 q2 exp=5s", "up\npub a=1 q1 retain\n> 1 a=1 q1 retain",
		"up\npub a=1 q2\n> 1 a=1 q2\n< PUBREC 1", "up\npub a=1 q2\n> 1 a=1 q2\ndown\nup qos=1\n> -",
	} {
		b := &senderBench{t: &testing.T{}, version: 5, store: newSenderStore(), now: senderTime}
		b.start()
		b.run(script)
		for key, value := range b.store.pending {
			f.Add([]byte(key), []byte(value[:len(value)-entryTrailer]), true)
			f.Add([]byte(key), []byte(value[:len(value)-entryTrailer]), false)
		}
	}
	f.Fuzz(func(t *testing.T, key, body []byte, five bool) {
		version := map[bool]uint8{true: 5, false: 4}[five]
		store := newSenderStore()
		ids := &packetid.Pool{}
		s := newSender(version, ids, &journal{store: store}, Queue{}, 0)
		if err := s.load(senderTime, key, senderSum(key, body)); err != nil {
			if s.pending() != 0 || ids.Len() != 0 || s.seq != 0 {
				t.Fatalf("load returns %v and keeps something", err)
			}
			return
		}
		senderCheck(t, s)
		before := s.seq
		if h, err := s.newHandle(); err != nil || h <= before {
			t.Fatalf("handle %d after %d", h, s.seq)
		}
		caps := mqtt.NewCapabilities(version)
		s.up(senderTime.Add(time.Second), true, &caps)
		out := s.append(senderTime, nil, 1<<20)
		var m mqtt.Message
		for {
			if len(out) == 0 { // after PUBCOMP an identifier may be cleared
				out = s.append(senderTime, nil, 1<<20)
			}
			if len(out) == 0 {
				break
			}
			n, err := mqtt.Parse(out, version, &m)
			if err != nil {
				t.Fatalf("append gives out %q: %v", out, err)
			}
			out = out[n:]
			answers := map[bool][]mqtt.Cmd{true: {mqtt.CmdPubcomp}, false: {mqtt.CmdPuback}}[m.Cmd == mqtt.CmdPubrel]
			if m.QoS == 2 {
				answers = []mqtt.Cmd{mqtt.CmdPubrec, mqtt.CmdPubcomp}
			}
			for _, cmd := range answers {
				if err := s.receive(senderTime, &mqtt.Message{Cmd: cmd, ID: m.ID, Version: version}); err != nil {
					t.Fatal(err)
				}
			}
		}
		senderCheck(t, s)
		s.j.commit()
		for o, _ := s.outcome(); o != nil; o, _ = s.outcome() {
			if o.Message == nil {
				t.Fatalf("outcome %+v has no message", o)
			}
		}
		if s.pending() != 0 {
			t.Fatalf("%d messages are pending", s.pending())
		}
	})
}

// FuzzSenderReceive lets a server, the socket and the program do anything in any order. Each
// message has one outcome, and the sender stays consistent.
//
// Each byte of the script is a step. Some steps take one or two more bytes.
func FuzzSenderReceive(f *testing.F) {
	f.Add([]byte("\x00\x01\x04\x02\x00\x01\x05\x06\x07\x03"), true)
	f.Add([]byte("\x01\x00\x01\x00\x02\x04\x02\x01\x01\x04\x02\x02\x01"), false)
	f.Add([]byte("\x01\x00\x02\x04\x02\x01\x01\x03\x01\x04\x02\x02\x01\x08"), true)
	f.Fuzz(func(t *testing.T, script []byte, five bool) {
		version := map[bool]uint8{true: 5, false: 4}[five]
		store, now := newSenderStore(), senderTime
		ids := &packetid.Pool{}
		s := newSender(version, ids, &journal{store: store}, Queue{Messages: 9, Full: DropOldest}, 3)
		next := func() (b byte) {
			if len(script) > 0 {
				b, script = script[0], script[1:]
			}
			return b
		}
		accepted, outcomes, total := map[Handle]bool{}, map[Handle]bool{}, uint64(0)
		take := func() {
			for o, _ := s.outcome(); o != nil; o, _ = s.outcome() {
				if !accepted[o.Handle] || outcomes[o.Handle] {
					t.Fatalf("outcome %+v, accepted %v, told before %v", o, accepted[o.Handle], outcomes[o.Handle])
				}
				outcomes[o.Handle] = true
			}
		}
		for len(script) > 0 {
			switch step := next(); step % 9 {
			case 0:
				m := &Message{Topic: "a", QoS: next() % 3, Expiry: time.Duration(step / 9), Retain: step > 200}
				if h, err := s.publish(now, m); err == nil {
					accepted[h] = true
				}
			case 1:
				caps := mqtt.NewCapabilities(version)
				if version == 5 {
					caps.ReceiveMaximum = uint16(1 + step/9%4)
					caps.MaximumQoS = min(2, next())
				}
				total = 0
				s.up(now, step > 64, &caps)
			case 2:
				cmd := []mqtt.Cmd{mqtt.CmdPuback, mqtt.CmdPubrec, mqtt.CmdPubcomp, mqtt.CmdPuback}[next()%4]
				m := &mqtt.Message{Cmd: cmd, ID: uint16(next()%8 + 1), Version: version}
				if version == 5 && step > 128 {
					m.Ack = mqtt.ReasonNotAuthorized
				}
				s.receive(now, m)
			case 3:
				s.down(now)
			case 4:
				out := s.append(now, nil, int(step))
				senderPackets(t, out, version)
				total += uint64(len(out))
				s.appended(total)
			case 5:
				s.written(uint64(next()))
			case 6:
				now = now.Add(time.Duration(next()))
				s.tick(now)
			case 7:
				take()
			case 8:
				if step > 240 {
					s.close(now)
				}
			}
			senderCheck(t, s)
		}
		s.close(now)
		take()
		if len(outcomes) != len(accepted) || s.pending() != 0 {
			t.Fatalf("%d outcomes of %d messages, %d pending", len(outcomes), len(accepted), s.pending())
		}
	})
}
