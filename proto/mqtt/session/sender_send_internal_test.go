package session

import (
	"testing"
	"time"
)

// What is sent, and in which order: the window, messages that are sent again, limits of the server.
func TestSenderSends(t *testing.T) { runSenderFlows(t, senderSends) }

var senderSends = []senderFlow{
	{name: "QoS 0 goes out at once and is told when the socket has taken it", script: `
		up
		pub a=x
		pub a=y
		> a=x q0 | a=y q0
		= -
		written
		= 1 Sent | 2 Sent`},
	{name: "messages wait for the first connection, in their order over all QoS", script: `
		pub a=1
		pub a=2 q1
		pub a=3 q2 retain
		pub a=4
		up
		> a=1 q0 | 1 a=2 q1 | 2 a=3 q2 retain | a=4 q0`},
	{name: "the window of the options", window: 2, script: `
		up
		pub a=1 q1
		pub a=2 q2
		pub a=3 q1
		pub a=4
		> 1 a=1 q1 | 2 a=2 q2
		< PUBREC 2
		> PUBREL 2
		< PUBACK 1
		> 3 a=3 q1 | a=4 q0
		pub a=5 q1
		> -
		< PUBCOMP 2
		> 4 a=5 q1`},
	{name: "what was not acknowledged is sent again in its order, before new messages", script: `
		up
		pub a=1 q1
		pub a=2 q2
		pub a=3 q2
		pub a=4 q1
		> 1 a=1 q1 | 2 a=2 q2 | 3 a=3 q2 | 4 a=4 q1
		< PUBREC 2
		> PUBREL 2
		< PUBACK 4
		down
		pub a=5 q1
		> -
		up
		> PUBREL 2 | 1 a=1 q1 dup | 3 a=3 q2 dup | 5 a=5 q1
		down
		up
		> PUBREL 2 | 1 a=1 q1 dup | 3 a=3 q2 dup | 5 a=5 q1 dup`},
	{name: "PUBRELs are repeated in the order of the PUBRECs", script: `
		up
		pub a=1 q2
		pub a=2 q2
		pub a=3 q2
		> 1 a=1 q2 | 2 a=2 q2 | 3 a=3 q2
		< PUBREC 3
		< PUBREC 1
		> PUBREL 3 | PUBREL 1
		< PUBREC 2
		> PUBREL 2
		down
		up
		> PUBREL 3 | PUBREL 1 | PUBREL 2`},
	{name: "the server has lost the session: QoS 1 is new, QoS 2 that was sent is dropped", script: `
		up
		pub a=1 q1
		pub a=2 q2
		pub a=3 q2
		pub a=4 q1
		> 1 a=1 q1 | 2 a=2 q2 | 3 a=3 q2 | 4 a=4 q1
		< PUBREC 2
		> PUBREL 2
		pub a=5 q2
		down
		up lost
		= 2 Dropped | 3 Dropped
		> 1 a=1 q1 | 4 a=4 q1 | 5 a=5 q2
		down
		up
		> 1 a=1 q1 dup | 4 a=4 q1 dup | 5 a=5 q2 dup`},
	{name: "the first connections fail before a packet", window: 1, script: `
		pub a=1 q2
		pub a=2
		up lost
		down
		up lost
		down
		up lost
		> 1 a=1 q2 | a=2 q0
		= -`},
	{name: "a smaller Receive Maximum after a reconnect", only: 5, script: `
		up
		pub a=1 q1
		pub a=2 q1
		pub a=3 q2
		> 1 a=1 q1 | 2 a=2 q1 | 3 a=3 q2
		down
		pub a=4 q1
		up rm=1
		> 1 a=1 q1 dup
		> -
		< PUBACK 1
		> 2 a=2 q1 dup
		< PUBACK 2
		> 3 a=3 q2 dup
		< PUBREC 3
		> PUBREL 3
		> -
		< PUBCOMP 3
		> 4 a=4 q1`},
	{name: "released messages count for Receive Maximum after a reconnect, and PUBREL does not wait", only: 5, script: `
		up
		pub a=1 q2
		pub a=2 q2
		> 1 a=1 q2 | 2 a=2 q2
		< PUBREC 1
		< PUBREC 2
		> PUBREL 1 | PUBREL 2
		down
		pub a=3 q1
		up rm=1
		> PUBREL 1 | PUBREL 2
		< PUBCOMP 1 0x92
		> -
		< PUBCOMP 2
		> 3 a=3 q1
		= 1 Acknowledged 0x92 | 2 Acknowledged`},
	{name: "limits of the last server", only: 5, script: `
		pub a=1 q2 retain
		up lost qos=1 noretain size=20
		= -
		> -
		= 1 Rejected 0x9B
		pub! a=2 q2 : Maximum QoS is 1, the packet needs 2
		pub! a=2 retain : Retain Available is 0
		pub! a=0123456789ABCDEF : Maximum Packet Size is 20, the packet needs 22
		down
		pub! a=2 q2 : Maximum QoS
		up
		pub a=2 q2
		> 1 a=2 q2`},
	{name: "limits that shrink: waiting messages", only: 5, script: `
		pub a=1 retain
		pub a=2 q1 retain
		pub a=0123456789ABCDEF q1
		pub a=4 q1
		up lost noretain size=20
		> 1 a=4 q1
		= 1 Rejected 0x9A | 2 Rejected 0x9A | 3 Rejected 0x95`},
	{name: "limits that shrink: messages in flight, whose identifiers are not used again", only: 5, script: `
		up
		pub a=1 q2
		pub a=2 q1 retain
		pub a=3 q2
		pub a=4 q1
		> 1 a=1 q2 | 2 a=2 q1 retain | 3 a=3 q2 | 4 a=4 q1
		< PUBREC 3
		down
		up qos=1 noretain
		> PUBREL 3 | 4 a=4 q1 dup
		= 1 Rejected 0x9B | 2 Rejected 0x9A
		< PUBREC 1
		> PUBREL 1 0x92`},
	{name: "room bounds what append gives out", script: `
		pub a=1 q1
		pub a=2
		pub a=3 q1
		up
		>0 -
		>1 1 a=1 q1
		>8 a=2 q0 | 2 a=3 q1
		down
		up
		>0 -
		pub a=4
		>1 1 a=1 q1 dup
		>1 2 a=3 q1 dup
		>1 a=4 q0`},
	{name: "QoS 0 that the socket has not taken is lost with the connection", script: `
		up
		pub a=1
		> a=1 q0
		written
		pub a=2
		> a=2 q0
		pub a=3
		down
		= 1 Sent | 2 Dropped
		up
		> a=3 q0`},
	{name: "expiry while the window is closed", window: 1, script: `
		up
		pub a=1 q1 exp=1s
		pub a=2 q1 exp=1s
		> 1 a=1 q1 EXP
		after 1s
		= 2 Expired
		< PUBACK 1
		= 1 Acknowledged`},
}

// A message of QoS 0 is Sent only if the socket has taken all of the packets that were given out
// with it.
func TestSenderWritten(t *testing.T) {
	b := newSenderBench(t, 4, Queue{}, 0, nil)
	b.run("up\npub a=1\npub a=2")
	b.s.append(b.now, nil, 1)
	b.s.written(1 << 40)
	b.run("= -") // its place in the output is not known
	b.s.appended(6)
	b.s.written(5)
	b.run("= -")
	b.s.append(b.now, nil, 1)
	b.s.written(6)
	b.run("= 1 Sent")
	b.s.appended(12)
	b.s.written(11)
	b.run("= -")
	b.s.written(12)
	b.run("= 2 Sent")
}

// append gives out no message whose time is over, even if tick was not called.
func TestSenderAppendsNothingExpired(t *testing.T) {
	b := newSenderBench(t, 5, Queue{}, 0, nil)
	b.run("pub a=1 exp=1s\npub a=2 exp=2s\nup")
	b.now = b.now.Add(time.Second)
	b.run("> a=2 q0 exp=1\n= 1 Expired")
}
