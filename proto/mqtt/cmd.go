package mqtt

import "strconv"

// Cmd is the type of a control packet: the upper four bits of the first byte.
type Cmd uint8

// The control packet types. 3.1.1 section 2.2.1, 5.0 section 2.1.2.
const (
	CmdConnect     Cmd = 1 + iota // client to server: opens the session
	CmdConnack                    // server to client: accepts or refuses the session
	CmdPublish                    // both ways: an application message
	CmdPuback                     // answers PUBLISH at QoS 1
	CmdPubrec                     // answers PUBLISH at QoS 2
	CmdPubrel                     // answers PUBREC
	CmdPubcomp                    // answers PUBREL
	CmdSubscribe                  // client to server
	CmdSuback                     // answers SUBSCRIBE
	CmdUnsubscribe                // client to server
	CmdUnsuback                   // answers UNSUBSCRIBE
	CmdPingreq                    // client to server
	CmdPingresp                   // answers PINGREQ
	CmdDisconnect                 // 3.1.1: client to server; 5.0: both ways
	CmdAuth                       // 5.0 only, both ways
)

var cmdNames = [16]string{
	CmdConnect: "CONNECT", CmdConnack: "CONNACK", CmdPublish: "PUBLISH",
	CmdPuback: "PUBACK", CmdPubrec: "PUBREC", CmdPubrel: "PUBREL", CmdPubcomp: "PUBCOMP",
	CmdSubscribe: "SUBSCRIBE", CmdSuback: "SUBACK",
	CmdUnsubscribe: "UNSUBSCRIBE", CmdUnsuback: "UNSUBACK",
	CmdPingreq: "PINGREQ", CmdPingresp: "PINGRESP",
	CmdDisconnect: "DISCONNECT", CmdAuth: "AUTH",
}

// String returns the name of the packet type in the standard, such as "CONNECT". For a
// reserved type it is "packet type 0".
func (c Cmd) String() string {
	if int(c) < len(cmdNames) && cmdNames[c] != "" {
		return cmdNames[c]
	}
	return "packet type " + strconv.Itoa(int(c))
}
