package mqtt

import "fmt"

// ReasonCode is the result that an acknowledgement, DISCONNECT or AUTH carries,
// as received. Below 0x80 is success in 5.0. In 3.1.1 only CONNACK (0 to 5) and
// SUBACK (0 to 2, 0x80) have one, and CONNACK's mean other things than in 5.0.
type ReasonCode uint8

// The reason codes of 5.0, section 2.4. 0x00 is also called normal disconnection
// (DISCONNECT) and granted QoS 0 (SUBACK).
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

// The return codes of a 3.1.1 CONNACK, section 3.2.2.3. 0 is ReasonSuccess.
const (
	ConnackBadProtocolVersion    ReasonCode = 1
	ConnackIdentifierRejected    ReasonCode = 2
	ConnackServerUnavailable     ReasonCode = 3
	ConnackBadUserNameOrPassword ReasonCode = 4
	ConnackNotAuthorized         ReasonCode = 5
)

var connackNames = [6]string{
	"connection accepted",
	"unacceptable protocol version",
	"identifier rejected",
	"server unavailable",
	"bad user name or password",
	"not authorized",
}

// Bits of the packets that may carry a code.
const (
	inConnack    = 1 << CmdConnack
	inPuback     = 1<<CmdPuback | 1<<CmdPubrec
	inPubrel     = 1<<CmdPubrel | 1<<CmdPubcomp
	inSuback     = 1 << CmdSuback
	inUnsuback   = 1 << CmdUnsuback
	inDisconnect = 1 << CmdDisconnect
	inAuth       = 1 << CmdAuth
)

// reasons is table 2-6 of 5.0: each code's name and the packets that use it.
var reasons = [...]struct {
	name string
	in   uint16
}{
	ReasonSuccess:                 {"success", inConnack | inPuback | inPubrel | inSuback | inUnsuback | inDisconnect | inAuth},
	ReasonGrantedQoS1:             {"granted QoS 1", inSuback},
	ReasonGrantedQoS2:             {"granted QoS 2", inSuback},
	ReasonDisconnectWithWill:      {"disconnect with will message", inDisconnect},
	ReasonNoMatchingSubscribers:   {"no matching subscribers", inPuback},
	ReasonNoSubscriptionExisted:   {"no subscription existed", inUnsuback},
	ReasonContinueAuthentication:  {"continue authentication", inAuth},
	ReasonReauthenticate:          {"re-authenticate", inAuth},
	ReasonUnspecified:             {"unspecified error", inConnack | inPuback | inSuback | inUnsuback | inDisconnect},
	ReasonMalformedPacket:         {"malformed packet", inConnack | inDisconnect},
	ReasonProtocolError:           {"protocol error", inConnack | inDisconnect},
	ReasonImplementationSpecific:  {"implementation specific error", inConnack | inPuback | inSuback | inUnsuback | inDisconnect},
	ReasonUnsupportedVersion:      {"unsupported protocol version", inConnack},
	ReasonClientIDNotValid:        {"client identifier not valid", inConnack},
	ReasonBadUserNameOrPassword:   {"bad user name or password", inConnack},
	ReasonNotAuthorized:           {"not authorized", inConnack | inPuback | inSuback | inUnsuback | inDisconnect},
	ReasonServerUnavailable:       {"server unavailable", inConnack},
	ReasonServerBusy:              {"server busy", inConnack | inDisconnect},
	ReasonBanned:                  {"banned", inConnack},
	ReasonServerShuttingDown:      {"server shutting down", inDisconnect},
	ReasonBadAuthMethod:           {"bad authentication method", inConnack | inDisconnect},
	ReasonKeepAliveTimeout:        {"keep alive timeout", inDisconnect},
	ReasonSessionTakenOver:        {"session taken over", inDisconnect},
	ReasonTopicFilterInvalid:      {"topic filter invalid", inSuback | inUnsuback | inDisconnect},
	ReasonTopicNameInvalid:        {"topic name invalid", inConnack | inPuback | inDisconnect},
	ReasonPacketIDInUse:           {"packet identifier in use", inPuback | inSuback | inUnsuback},
	ReasonPacketIDNotFound:        {"packet identifier not found", inPubrel},
	ReasonReceiveMaximumExceeded:  {"receive maximum exceeded", inDisconnect},
	ReasonTopicAliasInvalid:       {"topic alias invalid", inDisconnect},
	ReasonPacketTooLarge:          {"packet too large", inConnack | inDisconnect},
	ReasonMessageRateTooHigh:      {"message rate too high", inDisconnect},
	ReasonQuotaExceeded:           {"quota exceeded", inConnack | inPuback | inSuback | inDisconnect},
	ReasonAdministrativeAction:    {"administrative action", inDisconnect},
	ReasonPayloadFormatInvalid:    {"payload format invalid", inConnack | inPuback | inDisconnect},
	ReasonRetainNotSupported:      {"retain not supported", inConnack | inDisconnect},
	ReasonQoSNotSupported:         {"QoS not supported", inConnack | inDisconnect},
	ReasonUseAnotherServer:        {"use another server", inConnack | inDisconnect},
	ReasonServerMoved:             {"server moved", inConnack | inDisconnect},
	ReasonSharedSubsNotSupported:  {"shared subscriptions not supported", inSuback | inDisconnect},
	ReasonConnectionRateExceeded:  {"connection rate exceeded", inConnack | inDisconnect},
	ReasonMaximumConnectTime:      {"maximum connect time", inDisconnect},
	ReasonSubIDsNotSupported:      {"subscription identifiers not supported", inSuback | inDisconnect},
	ReasonWildcardSubNotSupported: {"wildcard subscriptions not supported", inSuback | inDisconnect},
}

// Name says in words what the code means in a packet of that version: for 5 the
// 5.0 name, otherwise the 3.1.1 CONNACK return code, or "failure" for SUBACK's
// 0x80. A code that is not in use there gives "reason code 0x42".
func (r ReasonCode) Name(version uint8) string {
	switch {
	case version == 5 && int(r) < len(reasons) && reasons[r].name != "":
		return reasons[r].name
	case version != 5 && int(r) < len(connackNames):
		return connackNames[r]
	case version != 5 && r == ReasonUnspecified:
		return "failure"
	}
	return "reason code " + r.hex()
}

func (r ReasonCode) hex() string { return fmt.Sprintf("0x%02X", uint8(r)) }

// legalIn reports whether a packet of that type and version, one that has a code
// there, may carry this one.
func (r ReasonCode) legalIn(cmd Cmd, version uint8) bool {
	if version == 5 {
		return int(r) < len(reasons) && reasons[r].in&(1<<cmd) != 0
	}
	if cmd == CmdConnack {
		return int(r) < len(connackNames)
	}
	return r <= ReasonGrantedQoS2 || r == ReasonUnspecified
}
