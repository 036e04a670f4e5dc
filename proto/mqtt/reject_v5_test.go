package mqtt_test

import (
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// badPackets5 is badPackets for 5.0.
var badPackets5 = []struct {
	rule  string
	code  mqtt.ReasonCode
	bytes string
	why   string
}{
	{"MQTT-1.5.4-1", malformed, "30 05 0002 c328 00", "ill-formed"},
	{"MQTT-1.5.4-1", malformed, "30 06 0003 edbfbf 00", "surrogate U+DFFF"},
	{"MQTT-1.5.4-2", malformed, "30 04 0001 00 00", "U+0000"},
	{"MQTT-1.5.5-1", malformed, "30 8400 0001 't' 00", "remaining length"},
	{"MQTT-1.5.5-1", malformed, "10 8d00 0004 'MQTT' 05 00 003c 00 0000", "remaining length of CONNECT"},
	{"MQTT-1.5.5-1", malformed, "30 05 0001 't' 8000", "property length"},
	{"MQTT-1.5.5-1", malformed, "30 07 0001 't' 03 0b8100", "subscription identifier"},
	{"section 1.5.5", malformed, "30 ffffffff01", "five bytes of remaining length"},
	{"section 1.5.5", malformed, "30 08 0001 't' ffffffff01", "five bytes of property length"},
	{"MQTT-1.5.4-1", malformed, "30 0a 0001 't' 06 26 0001 ff 0000", "1.5.7-1: key of a pair"},
	{"MQTT-1.5.4-2", malformed, "30 0a 0001 't' 06 26 0000 0001 00", "1.5.7-1: value of a pair"},
	{"MQTT-2.1.3-1", malformed, "41 02 0001", "PUBACK flags"},
	{"section 2.1.2", malformed, "00 00", "type 0"},
	{"MQTT-2.2.1-3", protocol, "32 06 0001 't' 0000 00", "PUBLISH identifier 0"},
	{"MQTT-2.2.1-3", protocol, "82 07 0000 00 0001 'a' 00", "SUBSCRIBE identifier 0"},
	{"MQTT-2.2.1-3", protocol, "a2 06 0000 00 0001 'a'", "UNSUBSCRIBE identifier 0"},
	{"MQTT-2.2.1-5", protocol, "70 02 0000", "PUBCOMP identifier 0"},
	{"MQTT-2.2.1-6", protocol, "90 04 0000 00 00", "SUBACK identifier 0"},
	{"MQTT-2.2.1-6", protocol, "b0 04 0000 00 00", "UNSUBACK identifier 0"},
	{"MQTT-2.2.2-1", malformed, "30 03 0001 't'", "no property length"},
	{"MQTT-2.2.2-1", malformed, "30 04 0001 't' 80", "cut property length"},
	{"section 2.2.2.1", malformed, "30 05 0001 't' 02 01", "property length too large"},
	{"section 2.2.2.2", malformed, "30 05 0001 't' 01 01", "cut property"},
	{"section 2.2.2.2", malformed, "30 08 0001 't' 04 03 0002 'x'", "cut string property"},
	{"section 2.2.2.2", malformed, "30 08 0001 't' 04 26 0000 00", "cut pair"},
	{"section 2.2.2.2", malformed, "30 0a 0001 't' 06 0bffffffff01", "long subscription identifier"},
	{"section 2.2.2.2", malformed, "30 06 0001 't' 02 0400", "property 4"},
	{"section 2.2.2.2", malformed, "30 06 0001 't' 02 ff00", "property 255"},
	{"section 2.2.2.2", malformed, "30 07 0001 't' 03 21 0001", "Receive Maximum in PUBLISH"},
	{"section 2.2.2.2", malformed, "62 06 0001 00 02 0101", "Payload Format Indicator in PUBREL"},
	{"section 2.2.2.2", malformed, "10 12 0004 'MQTT' 05 00 0000 05 1800000000 0000", "Will Delay Interval outside the will"},
	{"section 2.2.2.2", malformed, "10 17 0004 'MQTT' 05 04 0000 00 0000 05 1100000000 0001 't' 0000", "Session Expiry Interval in the will"},
	{"section 2.2.2.2", malformed, "82 09 0001 02 0101 0001 'a' 00", "Payload Format Indicator in SUBSCRIBE"},
	{"section 2.2.2.2", malformed, "a2 08 0001 02 0b01 0001 'a'", "Subscription Identifier in UNSUBSCRIBE"},
	// CONNECT
	{"MQTT-3.1.2-1", malformed, "10 0d 0004 'mqtt' 05 00 0000 00 0000", "protocol name"},
	{"MQTT-3.1.2-3", malformed, "10 0d 0004 'MQTT' 05 01 0000 00 0000", "reserved flag"},
	{"MQTT-3.1.2-9", malformed, "10 0e 0004 'MQTT' 05 04 0000 00 0000 00", "no will topic"},
	{"MQTT-3.1.2-11", malformed, "10 0d 0004 'MQTT' 05 10 0000 00 0000", "will QoS without will"},
	{"MQTT-3.1.2-12", malformed, "10 12 0004 'MQTT' 05 1c 0000 00 0000 00 0001't' 0000", "will QoS 3"},
	{"MQTT-3.1.2-13", malformed, "10 0d 0004 'MQTT' 05 20 0000 00 0000", "will retain without will"},
	{"MQTT-3.1.2-17", malformed, "10 0d 0004 'MQTT' 05 80 0000 00 0000", "no user name"},
	{"MQTT-3.1.2-19", malformed, "10 0d 0004 'MQTT' 05 40 0000 00 0000", "no password"},
	{"MQTT-4.13.1-1", malformed, "10 0e 0004 'MQTT' 05 00 0000 00 0000 00", "3.1.2-16, -18: bytes left over"},
	{"MQTT-1.5.4-1", malformed, "10 0e 0004 'MQTT' 05 00 0000 00 0001 ff", "3.1.3-4: client identifier"},
	{"MQTT-4.7.0-1", malformed, "10 12 0004 'MQTT' 05 04 0000 00 0000 00 0001'+' 0000", "will topic wildcard"},
	{"section 3.1.2.11.2", protocol, "10 17 0004 'MQTT' 05 00 0000 0a 1100000001 1100000001 0000", "Session Expiry Interval twice"},
	{"section 3.1.2.11.3", protocol, "10 10 0004 'MQTT' 05 00 0000 03 210000 0000", "Receive Maximum 0"},
	{"section 3.1.2.11.4", protocol, "10 12 0004 'MQTT' 05 00 0000 05 2700000000 0000", "Maximum Packet Size 0"},
	{"section 3.1.2.11.6", protocol, "10 0f 0004 'MQTT' 05 00 0000 02 1902 0000", "Request Response Information 2"},
	{"section 3.1.2.11.7", protocol, "10 0f 0004 'MQTT' 05 00 0000 02 1702 0000", "Request Problem Information 2"},
	{"section 3.1.2.11.10", protocol, "10 11 0004 'MQTT' 05 00 0000 04 16 0001 00 0000", "Authentication Data without method"},
	// CONNACK
	{"MQTT-3.1.2-2", mqtt.ReasonUnsupportedVersion, "20 02 00 01", "3.1.1 server refuses 5.0"},
	{"MQTT-2.2.2-1", malformed, "20 02 00 00", "no property length"},
	{"MQTT-3.2.2-1", malformed, "20 03 80 00 00", "reserved flags"},
	{"MQTT-3.2.2-6", protocol, "20 03 01 87 00", "session present in a refusal"},
	{"MQTT-3.2.2-8", protocol, "20 03 00 05 00", "code of 3.1.1"},
	{"section 3.2.2.3.4", protocol, "20 05 00 00 02 2402", "Maximum QoS 2"},
	// PUBLISH
	{"MQTT-3.3.1-2", malformed, "38 04 0001 't' 00", "DUP at QoS 0"},
	{"MQTT-3.3.1-4", malformed, "36 06 0001 't' 0001 00", "QoS 3"},
	{"MQTT-3.3.2-2", malformed, "30 04 0001 '#' 00", "wildcard"},
	{"MQTT-3.3.2-8", mqtt.ReasonTopicAliasInvalid, "30 06 0000 03 230000", "Topic Alias 0"},
	{"MQTT-3.3.2-14", protocol, "30 08 0001 't' 04 08 0001 '+'", "Response Topic wildcard"},
	{"MQTT-4.7.3-1", protocol, "30 07 0001 't' 03 08 0000", "Response Topic empty"},
	{"MQTT-1.5.4-1", malformed, "30 08 0001 't' 04 03 0001 ff", "3.3.2-19: Content Type"},
	{"section 3.3.2.1", protocol, "30 03 0000 00", "neither topic nor alias"},
	{"section 3.3.2.3.2", protocol, "30 06 0001 't' 02 0102", "Payload Format Indicator 2"},
	{"section 3.3.2.3.4", protocol, "30 0a 0001 't' 06 230001 230001", "Topic Alias twice"},
	{"section 3.8.2.1.2", protocol, "30 06 0001 't' 02 0b00", "Subscription Identifier 0"},
	// acknowledgements
	{"MQTT-3.4.2-1", protocol, "40 03 0001 92", "PUBACK code"},
	{"MQTT-3.5.2-1", protocol, "50 03 0001 01", "PUBREC code"},
	{"MQTT-3.6.1-1", malformed, "63 02 0001", "PUBREL flags"},
	{"MQTT-3.6.2-1", protocol, "62 03 0001 10", "PUBREL code"},
	{"MQTT-3.7.2-1", protocol, "70 03 0001 80", "PUBCOMP code"},
	{"MQTT-4.13.1-1", malformed, "40 05 0001 00 00 00", "bytes left over"},
	{"section 3.2.2.3.9", protocol, "40 0a 0001 00 06 1f0000 1f0000", "Reason String twice"},
	// SUBSCRIBE and the like
	{"MQTT-3.8.1-1", malformed, "83 07 0001 00 0001 'a' 00", "SUBSCRIBE flags"},
	{"MQTT-3.8.3-2", protocol, "82 03 0001 00", "no filter"},
	{"MQTT-3.8.3-4", protocol, "82 10 0001 00 000a '$share/g/a' 04", "No Local on a shared subscription"},
	{"MQTT-3.8.3-5", malformed, "82 07 0001 00 0001 'a' 40", "reserved bits"},
	{"section 3.8.3.1", protocol, "82 07 0001 00 0001 'a' 03", "QoS 3"},
	{"section 3.8.3.1", protocol, "82 07 0001 00 0001 'a' 30", "Retain Handling 3"},
	{"section 3.8.3.1", malformed, "82 06 0001 00 0001 'a'", "no options"},
	{"section 3.8.2.1.2", protocol, "82 0b 0001 04 0b01 0b02 0001 'a' 00", "Subscription Identifier twice"},
	{"MQTT-4.7.1-1", malformed, "82 09 0001 00 0003 'a#/' 00", "# within a level"},
	{"MQTT-4.7.1-2", malformed, "82 08 0001 00 0002 '+a' 00", "+ within a level"},
	{"MQTT-4.8.2-2", malformed, "82 0e 0001 00 0008 '$share/g' 00", "no filter behind the share name"},
	{"MQTT-4.8.2-1", malformed, "82 0f 0001 00 0009 '$share//a' 00", "empty share name"},
	{"MQTT-4.8.2-2", malformed, "82 10 0001 00 000a '$share/+/a' 00", "wildcard in the share name"},
	{"MQTT-3.8.4-6", protocol, "90 03 0001 00", "SUBACK without codes"},
	{"MQTT-3.9.3-2", protocol, "90 05 0001 00 00 03", "SUBACK code 3"},
	{"MQTT-3.10.1-1", malformed, "a3 06 0001 00 0001 'a'", "UNSUBSCRIBE flags"},
	{"MQTT-3.10.3-2", protocol, "a2 03 0001 00", "no filter"},
	{"MQTT-3.11.3-1", protocol, "b0 03 0001 00", "UNSUBACK without codes"},
	{"MQTT-3.11.3-2", protocol, "b0 04 0001 00 01", "UNSUBACK code 1"},
	// the rest
	{"MQTT-4.13.1-1", malformed, "d0 01 00", "PINGRESP with a payload"},
	{"MQTT-3.14.1-1", malformed, "e2 00", "DISCONNECT flags"},
	{"MQTT-3.14.2-1", protocol, "e0 01 01", "DISCONNECT code"},
	{"MQTT-4.13.1-1", malformed, "e0 03 00 00 00", "bytes left over"},
	{"MQTT-3.15.1-1", malformed, "f1 00", "AUTH flags"},
	{"MQTT-3.15.2-1", protocol, "f0 02 80 00", "AUTH code"},
	{"MQTT-2.2.2-1", malformed, "f0 01 18", "AUTH without property length"},
	{"section 3.15.2.2.2", protocol, "f0 02 18 00", "AUTH without method"},
}

func TestRejectV5(t *testing.T) {
	for _, tc := range badPackets5 {
		t.Run(tc.rule+" "+tc.why, func(t *testing.T) { reject(t, 5, tc.rule, tc.code, pack(tc.bytes)) })
	}
}
