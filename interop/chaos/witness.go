package main

import (
	"encoding/binary"
	"fmt"
	"sync"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// witness notes what the broker gets from the publisher. So a run can tell what the broker loses,
// repeats or reorders from what a session does. With mochi it is a hook, with mosquitto a
// subscriber whose connection is never harmed.
//
//	mosquitto 2.0.11   sends a message of QoS 2 again after PUBREC, if the connection is cut
//	                   before it has repeated PUBREL
//	mochi 2.7.9        acknowledges a message that it has not passed on, if it could not write
//	                   the first acknowledgement; loses what is published while a connection
//	                   takes over a session; sends the messages of one second in any order
type witness struct {
	mu         sync.Mutex
	got        map[int]int // how often each number came, without repetitions
	disordered int         // messages that came out of order in their topic
	latest     latest
}

func newWitness() *witness { return &witness{got: make(map[int]int)} }

// see notes a message.
func (w *witness) see(payload []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := numberOf(payload)
	if w.got[n]++; w.got[n] == 1 && !w.latest.inOrder(n) {
		w.disordered++
	}
}

// count returns how many messages came.
func (w *witness) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.got)
}

// hook is the witness in mochi.
type hook struct {
	mochi.HookBase
	w *witness
}

// ID implements mochi.Hook.
func (h *hook) ID() string { return "witness" }

// Provides implements mochi.Hook.
func (h *hook) Provides(b byte) bool { return b == mochi.OnPublish }

// OnPublish implements mochi.Hook.
func (h *hook) OnPublish(_ *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	h.w.see(pk.Payload)
	return pk, nil
}

// watch subscribes the witness with a connection of its own.
func (w *witness) watch(m *reactor.Manager, addr string, failed func(error)) error {
	_, err := mqtt.Connect(m, "mqtt://"+addr, nil, func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvMQTTOpen:
			if _, err := mqtt.Sub(c, &mqtt.Options{Topic: "chaos/#", QoS: 1}); err != nil {
				failed(err)
			}
		case reactor.EvMQTTMsg:
			w.see(data.(*mqtt.Message).Data)
		case reactor.EvError:
			failed(fmt.Errorf("the witness: %w", data.(error)))
		}
	}, nil)
	return err
}

// latest has, for each topic, the number after that of the last message.
type latest [topics]int

// inOrder notes a message. It reports whether its number is larger than those before it.
func (l *latest) inOrder(n int) bool {
	if n < l[n%topics] {
		return false
	}
	l[n%topics] = n + 1
	return true
}

// payloadSize is the size of a payload in bytes.
const payloadSize = 16

// numberOf returns the number in a payload, or -1.
func numberOf(payload []byte) int {
	if len(payload) != payloadSize {
		return -1
	}
	return int(binary.BigEndian.Uint64(payload))
}
