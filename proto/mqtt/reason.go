package mqtt

import (
	"fmt"
	"strings"
)

// ReasonCode is the code in an acknowledgement, a DISCONNECT or an AUTH. In 5.0 the codes
// below 0x80 mean success. In 3.1.1 only CONNACK (0 to 5) and SUBACK (0 to 2, 0x80) have a
// code. The codes of CONNACK have other meanings in 3.1.1 than in 5.0.
type ReasonCode uint8

// The reason codes of 5.0, section 2.4. The standard also calls 0x00 "Normal disconnection"
// in DISCONNECT and "Granted QoS 0" in SUBACK.
const (
	ReasonSuccess                 ReasonCode = 0x00
	ReasonGrantedQoS1             ReasonCode = 0x01
	ReasonGrantedQoS2             ReasonCode = 0x02
	ReasonDisconnectWithWill      ReasonCode = 0x04
	ReasonNoMatchingSubscribers   ReasonCode = 0x10
	ReasonNoSubscriptionExisted   ReasonCode = 0x11
	ReasonContinueAuthentication  ReasonCode = 0x18
	ReasonReauthenticate          ReasonCode = 0x19
	ReasonUnspecified             ReasonCode = 0x80
	ReasonMalformedPacket         ReasonCode = 0x81
	ReasonProtocolError           ReasonCode = 0x82
	ReasonImplementationSpecific  ReasonCode = 0x83
	ReasonUnsupportedVersion      ReasonCode = 0x84
	ReasonClientIDNotValid        ReasonCode = 0x85
	ReasonBadUserNameOrPassword   ReasonCode = 0x86
	ReasonNotAuthorized           ReasonCode = 0x87
	ReasonServerUnavailable       ReasonCode = 0x88
	ReasonServerBusy              ReasonCode = 0x89
	ReasonBanned                  ReasonCode = 0x8A
	ReasonServerShuttingDown      ReasonCode = 0x8B
	ReasonBadAuthMethod           ReasonCode = 0x8C
	ReasonKeepAliveTimeout        ReasonCode = 0x8D
	ReasonSessionTakenOver        ReasonCode = 0x8E
	ReasonTopicFilterInvalid      ReasonCode = 0x8F
	ReasonTopicNameInvalid        ReasonCode = 0x90
	ReasonPacketIDInUse           ReasonCode = 0x91
	ReasonPacketIDNotFound        ReasonCode = 0x92
	ReasonReceiveMaximumExceeded  ReasonCode = 0x93
	ReasonTopicAliasInvalid       ReasonCode = 0x94
	ReasonPacketTooLarge          ReasonCode = 0x95
	ReasonMessageRateTooHigh      ReasonCode = 0x96
	ReasonQuotaExceeded           ReasonCode = 0x97
	ReasonAdministrativeAction    ReasonCode = 0x98
	ReasonPayloadFormatInvalid    ReasonCode = 0x99
	ReasonRetainNotSupported      ReasonCode = 0x9A
	ReasonQoSNotSupported         ReasonCode = 0x9B
	ReasonUseAnotherServer        ReasonCode = 0x9C
	ReasonServerMoved             ReasonCode = 0x9D
	ReasonSharedSubsNotSupported  ReasonCode = 0x9E
	ReasonConnectionRateExceeded  ReasonCode = 0x9F
	ReasonMaximumConnectTime      ReasonCode = 0xA0
	ReasonSubIDsNotSupported      ReasonCode = 0xA1
	ReasonWildcardSubNotSupported ReasonCode = 0xA2
)

// The return codes of CONNACK in 3.1.1, section 3.2.2.3. Code 0, accepted, is ReasonSuccess.
const (
	ConnackBadProtocolVersion    ReasonCode = 1
	ConnackIdentifierRejected    ReasonCode = 2
	ConnackServerUnavailable     ReasonCode = 3
	ConnackBadUserNameOrPassword ReasonCode = 4
	ConnackNotAuthorized         ReasonCode = 5
)

// connackNames are the names of the return codes of CONNACK in 3.1.1.
var connackNames = [6]string{
	"Connection accepted",
	"Unacceptable protocol version",
	"Identifier rejected",
	"Server unavailable",
	"Bad user name or password",
	"Not authorized",
}

// The packets that have a reason code: bit n is the packet type Cmd(n).
const (
	inConnack    = 1 << CmdConnack
	inPuback     = 1<<CmdPuback | 1<<CmdPubrec
	inPubrel     = 1<<CmdPubrel | 1<<CmdPubcomp
	inSuback     = 1 << CmdSuback
	inUnsuback   = 1 << CmdUnsuback
	inDisconnect = 1 << CmdDisconnect
	inAuth       = 1 << CmdAuth
)

// reasons is table 2-6 of 5.0: the name of each code and the packets that may have it.
var reasons = [...]struct {
	name string
	in   uint16
}{
	ReasonSuccess:                 {"Success", inConnack | inPuback | inPubrel | inSuback | inUnsuback | inDisconnect | inAuth},
	ReasonGrantedQoS1:             {"Granted QoS 1", inSuback},
	ReasonGrantedQoS2:             {"Granted QoS 2", inSuback},
	ReasonDisconnectWithWill:      {"Disconnect with will message", inDisconnect},
	ReasonNoMatchingSubscribers:   {"No matching subscribers", inPuback},
	ReasonNoSubscriptionExisted:   {"No subscription existed", inUnsuback},
	ReasonContinueAuthentication:  {"Continue authentication", inAuth},
	ReasonReauthenticate:          {"Re-authenticate", inAuth},
	ReasonUnspecified:             {"Unspecified error", inConnack | inPuback | inSuback | inUnsuback | inDisconnect},
	ReasonMalformedPacket:         {"Malformed packet", inConnack | inDisconnect},
	ReasonProtocolError:           {"Protocol error", inConnack | inDisconnect},
	ReasonImplementationSpecific:  {"Implementation specific error", inConnack | inPuback | inSuback | inUnsuback | inDisconnect},
	ReasonUnsupportedVersion:      {"Unsupported protocol version", inConnack},
	ReasonClientIDNotValid:        {"Client identifier not valid", inConnack},
	ReasonBadUserNameOrPassword:   {"Bad user name or password", inConnack},
	ReasonNotAuthorized:           {"Not authorized", inConnack | inPuback | inSuback | inUnsuback | inDisconnect},
	ReasonServerUnavailable:       {"Server unavailable", inConnack},
	ReasonServerBusy:              {"Server busy", inConnack | inDisconnect},
	ReasonBanned:                  {"Banned", inConnack},
	ReasonServerShuttingDown:      {"Server shutting down", inDisconnect},
	ReasonBadAuthMethod:           {"Bad authentication method", inConnack | inDisconnect},
	ReasonKeepAliveTimeout:        {"Keep alive timeout", inDisconnect},
	ReasonSessionTakenOver:        {"Session taken over", inDisconnect},
	ReasonTopicFilterInvalid:      {"Topic filter invalid", inSuback | inUnsuback | inDisconnect},
	ReasonTopicNameInvalid:        {"Topic name invalid", inConnack | inPuback | inDisconnect},
	ReasonPacketIDInUse:           {"Packet identifier in use", inPuback | inSuback | inUnsuback},
	ReasonPacketIDNotFound:        {"Packet identifier not found", inPubrel},
	ReasonReceiveMaximumExceeded:  {"Receive maximum exceeded", inDisconnect},
	ReasonTopicAliasInvalid:       {"Topic alias invalid", inDisconnect},
	ReasonPacketTooLarge:          {"Packet too large", inConnack | inDisconnect},
	ReasonMessageRateTooHigh:      {"Message rate too high", inDisconnect},
	ReasonQuotaExceeded:           {"Quota exceeded", inConnack | inPuback | inSuback | inDisconnect},
	ReasonAdministrativeAction:    {"Administrative action", inDisconnect},
	ReasonPayloadFormatInvalid:    {"Payload format invalid", inConnack | inPuback | inDisconnect},
	ReasonRetainNotSupported:      {"Retain not supported", inConnack | inDisconnect},
	ReasonQoSNotSupported:         {"QoS not supported", inConnack | inDisconnect},
	ReasonUseAnotherServer:        {"Use another server", inConnack | inDisconnect},
	ReasonServerMoved:             {"Server moved", inConnack | inDisconnect},
	ReasonSharedSubsNotSupported:  {"Shared subscriptions not supported", inSuback | inDisconnect},
	ReasonConnectionRateExceeded:  {"Connection rate exceeded", inConnack | inDisconnect},
	ReasonMaximumConnectTime:      {"Maximum connect time", inDisconnect},
	ReasonSubIDsNotSupported:      {"Subscription identifiers not supported", inSuback | inDisconnect},
	ReasonWildcardSubNotSupported: {"Wildcard subscriptions not supported", inSuback | inDisconnect},
}

// Name returns the name of the code in a protocol version, as the standard writes it, such
// as "Not authorized". For version 5 it is the name in 5.0. For other versions it is the
// name of the CONNACK return code in 3.1.1, or "Failure" for code 0x80 of SUBACK. For a code
// that the version does not define it is "reason code 0x42".
func (r ReasonCode) Name(version uint8) string {
	switch {
	case version == 5 && int(r) < len(reasons) && reasons[r].name != "":
		return reasons[r].name
	case version != 5 && int(r) < len(connackNames):
		return connackNames[r]
	case version != 5 && r == ReasonUnspecified:
		return "Failure"
	}
	return "reason code " + r.hex()
}

func (r ReasonCode) hex() string { return fmt.Sprintf("0x%02X", uint8(r)) }

// text returns the code and its name for error messages: "0x87 Not authorized".
func (r ReasonCode) text(version uint8) string {
	name := r.Name(version)
	if strings.HasPrefix(name, "reason code ") {
		return r.hex() + " (unknown code)"
	}
	return r.hex() + " " + name
}

// textIn is like text, for a code in a packet of the type cmd. In 3.1.1 the same code has
// different names in CONNACK and SUBACK.
func (r ReasonCode) textIn(cmd Cmd, version uint8) string {
	if version != 5 && cmd != CmdConnack && r != ReasonUnspecified {
		return r.hex() + " (unknown code)"
	}
	return r.text(version)
}

// legalIn reports whether a packet of the given type and version may have this code. The
// type must be one that has a code in that version.
func (r ReasonCode) legalIn(cmd Cmd, version uint8) bool {
	if version == 5 {
		return int(r) < len(reasons) && reasons[r].in&(1<<cmd) != 0
	}
	if cmd == CmdConnack {
		return int(r) < len(connackNames)
	}
	return r <= ReasonGrantedQoS2 || r == ReasonUnspecified
}
