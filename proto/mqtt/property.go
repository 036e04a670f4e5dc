package mqtt

import "fmt"

// PropID identifies a property of MQTT 5.0, section 2.2.2.2.
type PropID uint8

// The properties, each with the type of its value and the packets that may have it. The
// type says which field of Property contains the value:
//
//	Byte, Two Byte, Four Byte, Variable Byte (integers)   Int
//	UTF-8 String, Binary Data                             Value
//	UTF-8 String Pair                                     Key and Value
//
// A packet may have User Property several times. A PUBLISH may have Subscription Identifier
// several times. All other properties may occur once.
const (
	PropPayloadFormatIndicator    PropID = 0x01 // Byte, 0 or 1: PUBLISH, will
	PropMessageExpiryInterval     PropID = 0x02 // Four Byte, seconds: PUBLISH, will
	PropContentType               PropID = 0x03 // UTF-8 String: PUBLISH, will
	PropResponseTopic             PropID = 0x08 // UTF-8 String, a topic name: PUBLISH, will
	PropCorrelationData           PropID = 0x09 // Binary Data: PUBLISH, will
	PropSubscriptionIdentifier    PropID = 0x0B // Variable Byte, not 0: PUBLISH, SUBSCRIBE
	PropSessionExpiryInterval     PropID = 0x11 // Four Byte, seconds: CONNECT, CONNACK, DISCONNECT
	PropAssignedClientIdentifier  PropID = 0x12 // UTF-8 String: CONNACK
	PropServerKeepAlive           PropID = 0x13 // Two Byte, seconds: CONNACK
	PropAuthenticationMethod      PropID = 0x15 // UTF-8 String: CONNECT, CONNACK, AUTH
	PropAuthenticationData        PropID = 0x16 // Binary Data: CONNECT, CONNACK, AUTH
	PropRequestProblemInformation PropID = 0x17 // Byte, 0 or 1: CONNECT
	PropWillDelayInterval         PropID = 0x18 // Four Byte, seconds: will
	PropRequestResponseInfo       PropID = 0x19 // Byte, 0 or 1: CONNECT
	PropResponseInformation       PropID = 0x1A // UTF-8 String: CONNACK
	PropServerReference           PropID = 0x1C // UTF-8 String: CONNACK, DISCONNECT
	PropReasonString              PropID = 0x1F // UTF-8 String: all packets with a reason code
	PropReceiveMaximum            PropID = 0x21 // Two Byte, not 0: CONNECT, CONNACK
	PropTopicAliasMaximum         PropID = 0x22 // Two Byte: CONNECT, CONNACK
	PropTopicAlias                PropID = 0x23 // Two Byte, not 0: PUBLISH
	PropMaximumQoS                PropID = 0x24 // Byte, 0 or 1: CONNACK
	PropRetainAvailable           PropID = 0x25 // Byte, 0 or 1: CONNACK
	PropUserProperty              PropID = 0x26 // UTF-8 String Pair: everywhere
	PropMaximumPacketSize         PropID = 0x27 // Four Byte, not 0: CONNECT, CONNACK
	PropWildcardSubAvailable      PropID = 0x28 // Byte, 0 or 1: CONNACK
	PropSubIDsAvailable           PropID = 0x29 // Byte, 0 or 1: CONNACK
	PropSharedSubAvailable        PropID = 0x2A // Byte, 0 or 1: CONNACK
)

// Property is one property of a 5.0 packet. The type of the property says which of Int, Key
// and Value are used; the others are ignored. NextProp stores slices that point into the
// packet.
type Property struct {
	ID         PropID
	Int        uint32
	Key, Value []byte
}

// propType is the encoding of the value of a property.
type propType uint8

const (
	propNone   propType = iota // not a property
	propByte                   // one byte, always 0 or 1
	propTwo                    // Two Byte Integer
	propFour                   // Four Byte Integer
	propVarint                 // Variable Byte Integer
	propText                   // UTF-8 String
	propBinary                 // Binary Data
	propPair                   // UTF-8 String Pair
)

// packetSet is a set of the packets in which a property may occur. Bit n is the packet type
// Cmd(n). Bit 0 is the will in CONNECT.
type packetSet uint16

const (
	ofWill       packetSet = 1
	ofConnect    packetSet = 1 << CmdConnect
	ofConnack    packetSet = 1 << CmdConnack
	ofPublish    packetSet = 1 << CmdPublish
	ofAck        packetSet = 1<<CmdPuback | 1<<CmdPubrec | 1<<CmdPubrel | 1<<CmdPubcomp
	ofSubscribe  packetSet = 1 << CmdSubscribe
	ofSuback     packetSet = 1<<CmdSuback | 1<<CmdUnsuback
	ofDisconnect packetSet = 1 << CmdDisconnect
	ofAuth       packetSet = 1 << CmdAuth
	everywhere   packetSet = 1<<16 - 1&^(1<<CmdPingreq|1<<CmdPingresp)
)

// propSpec is a row of table 2-4 of 5.0.
type propSpec struct {
	name       string
	typ        propType
	in         packetSet // packets that may have the property
	repeatable packetSet // packets that may have it more than once
	notZero    bool      // zero is not allowed
	rule       string    // section that forbids repetition and invalid values
}

var propSpecs = [...]propSpec{
	PropPayloadFormatIndicator:    {"Payload Format Indicator", propByte, ofPublish | ofWill, 0, false, "section 3.3.2.3.2"},
	PropMessageExpiryInterval:     {"Message Expiry Interval", propFour, ofPublish | ofWill, 0, false, "section 3.3.2.3.3"},
	PropContentType:               {"Content Type", propText, ofPublish | ofWill, 0, false, "section 3.3.2.3.9"},
	PropResponseTopic:             {"Response Topic", propText, ofPublish | ofWill, 0, false, "section 3.3.2.3.5"},
	PropCorrelationData:           {"Correlation Data", propBinary, ofPublish | ofWill, 0, false, "section 3.3.2.3.6"},
	PropSubscriptionIdentifier:    {"Subscription Identifier", propVarint, ofPublish | ofSubscribe, ofPublish, true, "section 3.8.2.1.2"},
	PropSessionExpiryInterval:     {"Session Expiry Interval", propFour, ofConnect | ofConnack | ofDisconnect, 0, false, "section 3.1.2.11.2"},
	PropAssignedClientIdentifier:  {"Assigned Client Identifier", propText, ofConnack, 0, false, "section 3.2.2.3.7"},
	PropServerKeepAlive:           {"Server Keep Alive", propTwo, ofConnack, 0, false, "section 3.2.2.3.14"},
	PropAuthenticationMethod:      {"Authentication Method", propText, ofConnect | ofConnack | ofAuth, 0, false, "section 3.1.2.11.9"},
	PropAuthenticationData:        {"Authentication Data", propBinary, ofConnect | ofConnack | ofAuth, 0, false, "section 3.1.2.11.10"},
	PropRequestProblemInformation: {"Request Problem Information", propByte, ofConnect, 0, false, "section 3.1.2.11.7"},
	PropWillDelayInterval:         {"Will Delay Interval", propFour, ofWill, 0, false, "section 3.1.3.2.2"},
	PropRequestResponseInfo:       {"Request Response Information", propByte, ofConnect, 0, false, "section 3.1.2.11.6"},
	PropResponseInformation:       {"Response Information", propText, ofConnack, 0, false, "section 3.2.2.3.15"},
	PropServerReference:           {"Server Reference", propText, ofConnack | ofDisconnect, 0, false, "section 3.2.2.3.16"},
	PropReasonString:              {"Reason String", propText, ofConnack | ofAck | ofSuback | ofDisconnect | ofAuth, 0, false, "section 3.2.2.3.9"},
	PropReceiveMaximum:            {"Receive Maximum", propTwo, ofConnect | ofConnack, 0, true, "section 3.1.2.11.3"},
	PropTopicAliasMaximum:         {"Topic Alias Maximum", propTwo, ofConnect | ofConnack, 0, false, "section 3.1.2.11.5"},
	PropTopicAlias:                {"Topic Alias", propTwo, ofPublish, 0, true, "section 3.3.2.3.4"},
	PropMaximumQoS:                {"Maximum QoS", propByte, ofConnack, 0, false, "section 3.2.2.3.4"},
	PropRetainAvailable:           {"Retain Available", propByte, ofConnack, 0, false, "section 3.2.2.3.5"},
	PropUserProperty:              {"User Property", propPair, everywhere, everywhere, false, "section 3.1.2.11.8"},
	PropMaximumPacketSize:         {"Maximum Packet Size", propFour, ofConnect | ofConnack, 0, true, "section 3.1.2.11.4"},
	PropWildcardSubAvailable:      {"Wildcard Subscription Available", propByte, ofConnack, 0, false, "section 3.2.2.3.11"},
	PropSubIDsAvailable:           {"Subscription Identifiers Available", propByte, ofConnack, 0, false, "section 3.2.2.3.12"},
	PropSharedSubAvailable:        {"Shared Subscription Available", propByte, ofConnack, 0, false, "section 3.2.2.3.13"},
}

// spec returns the row of the property in propSpecs. For an unknown property the row is zero.
func (id PropID) spec() *propSpec {
	if int(id) < len(propSpecs) {
		return &propSpecs[id]
	}
	return &propSpecs[0]
}

// String returns the name of the property in the standard, such as "Topic Alias". For an
// unknown property it is "property 0x04".
func (id PropID) String() string {
	if name := id.spec().name; name != "" {
		return name
	}
	return fmt.Sprintf("property 0x%02X", uint8(id))
}
