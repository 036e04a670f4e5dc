package session

import "testing"

// What the answers of the server do, also late, duplicate, unknown and wrong ones.
func TestSenderReceives(t *testing.T) { runSenderFlows(t, senderReceives) }

var senderReceives = []senderFlow{
	{name: "QoS 1", script: `
		up
		pub a=x q1
		> 1 a=x q1
		> -
		= -
		< PUBACK 1
		= 1 Acknowledged
		< PUBACK 1
		= -`},
	{name: "QoS 2", script: `
		up
		pub a=x q2
		> 1 a=x q2
		< PUBREC 1
		= -
		> PUBREL 1
		> -
		< PUBCOMP 1
		= 1 Acknowledged
		< PUBCOMP 1
		= -`},
	{name: "Receive Maximum counts PUBLISH until PUBACK, PUBCOMP or a refusing PUBREC", only: 5, window: 9, script: `
		up rm=2
		pub a=1 q1
		pub a=2 q2
		pub a=3 q2
		> 1 a=1 q1 | 2 a=2 q2
		< PUBREC 2
		> PUBREL 2
		< PUBCOMP 2
		> 3 a=3 q2
		pub a=4 q2
		> -
		< PUBREC 3 0x97
		> 4 a=4 q2
		= 2 Acknowledged | 3 Rejected 0x97`},
	{name: "unknown identifiers", only: 5, script: `
		up
		< PUBACK 7
		< PUBCOMP 7
		< PUBREC 7
		< PUBREC 8 0x87
		> PUBREL 7 0x92
		= -`},
	{name: "unknown identifiers", only: 4, script: `
		up
		< PUBACK 7
		< PUBCOMP 7
		< PUBREC 7
		> PUBREL 7
		= -`},
	{name: "a duplicate PUBREC gets PUBREL again", script: `
		up
		pub a=1 q2
		> 1 a=1 q2
		< PUBREC 1
		< PUBREC 1
		> PUBREL 1
		< PUBREC 1
		> PUBREL 1
		< PUBCOMP 1
		< PUBREC 1
		= 1 Acknowledged`},
	{name: "PUBREL to an unknown identifier is not sent on the next connection", script: `
		up
		< PUBREC 7
		down
		up
		> -`},
	{name: "PUBCOMP before PUBREL was sent", script: `
		up
		pub a=1 q2
		pub a=2 q2
		> 1 a=1 q2 | 2 a=2 q2
		< PUBREC 1
		< PUBREC 2
		< PUBCOMP 1
		= 1 Acknowledged
		> PUBREL 2`},
	{name: "PUBCOMP before PUBREC is ignored", script: `
		up
		pub a=1 q2
		> 1 a=1 q2
		< PUBCOMP 1
		= -
		< PUBREC 1
		> PUBREL 1
		< PUBCOMP 1
		= 1 Acknowledged`},
	{name: "a refusing PUBREC after PUBREL is ignored", only: 5, script: `
		up
		pub a=1 q2
		> 1 a=1 q2
		< PUBREC 1
		< PUBREC 1 0x83
		> PUBREL 1
		< PUBCOMP 1
		= 1 Acknowledged`},
	{name: "answers of the wrong kind", script: `
		up
		pub a=1 q1
		pub a=2 q2
		pub a=3 q2
		> 1 a=1 q1 | 2 a=2 q2 | 3 a=3 q2
		< PUBREC 3
		<! PUBREC 1
		<! PUBCOMP 1
		<! PUBACK 2
		<! PUBACK 3
		= -`},
	{name: "an answer before the message was sent does not concern it", script: `
		up
		pub a=1 q1
		< PUBACK 1
		= -
		> 1 a=1 q1
		down
		< PUBACK 1
		up lost
		< PUBACK 1
		= -
		> 1 a=1 q1
		< PUBACK 1
		= 1 Acknowledged`},
	{name: "a late answer before the message is sent again counts", script: `
		up
		pub a=1 q1
		pub a=2 q2
		pub a=3 q2
		> 1 a=1 q1 | 2 a=2 q2 | 3 a=3 q2
		down
		up
		< PUBREC 3
		< PUBACK 1
		= 1 Acknowledged
		> PUBREL 3 | 2 a=2 q2 dup`},
	{name: "codes of the server", only: 5, script: `
		up
		pub a=1 q1
		pub a=2 q1
		pub a=3 q2
		> 1 a=1 q1 | 2 a=2 q1 | 3 a=3 q2
		< PUBACK 1 0x10
		< PUBACK 2 0x87
		< PUBREC 3 0x10
		> PUBREL 3
		< PUBCOMP 3
		= 1 Acknowledged 0x10 | 2 Rejected 0x87 | 3 Acknowledged`},
}
