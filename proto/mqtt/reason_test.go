package mqtt_test

import (
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

func TestReasonCodeName(t *testing.T) {
	for _, tc := range []struct{ got, want string }{
		{mqtt.ReasonCode(0).Name(4), "Connection accepted"},
		{mqtt.ReasonCode(1).Name(4), "Unacceptable protocol version"},
		{mqtt.ReasonCode(2).Name(4), "Identifier rejected"},
		{mqtt.ReasonCode(3).Name(4), "Server unavailable"},
		{mqtt.ReasonCode(4).Name(0), "Bad user name or password"},
		{mqtt.ReasonCode(5).Name(4), "Not authorized"},
		{mqtt.ReasonCode(6).Name(4), "reason code 0x06"},
		{mqtt.ReasonCode(0x80).Name(4), "Failure"},
		{mqtt.ReasonCode(0x87).Name(4), "reason code 0x87"},
		{mqtt.ReasonCode(1).Name(5), "Granted QoS 1"},
		{mqtt.ReasonCode(5).Name(5), "reason code 0x05"},
		{mqtt.ReasonCode(0x87).Name(5), "Not authorized"},
		{mqtt.ReasonCode(0xa2).Name(5), "Wildcard subscriptions not supported"},
		{mqtt.ReasonCode(0xa3).Name(5), "reason code 0xA3"},
		{mqtt.ReasonCode(0xff).Name(5), "reason code 0xFF"},
	} {
		if tc.got != tc.want {
			t.Errorf("got %q, want %q", tc.got, tc.want)
		}
	}
}

// Each packet of 5.0 may have the reason codes of table 2-6 and no others.
func TestReasonCodesOfPackets(t *testing.T) {
	codes := map[mqtt.Cmd]string{
		mqtt.CmdConnack:    "00 80 81 82 83 84 85 86 87 88 89 8a 8c 90 95 97 99 9a 9b 9c 9d 9f",
		mqtt.CmdPuback:     "00 10 80 83 87 90 91 97 99",
		mqtt.CmdPubrec:     "00 10 80 83 87 90 91 97 99",
		mqtt.CmdPubrel:     "00 92",
		mqtt.CmdPubcomp:    "00 92",
		mqtt.CmdSuback:     "00 01 02 80 83 87 8f 91 97 9e a1 a2",
		mqtt.CmdUnsuback:   "00 11 80 83 87 8f 91",
		mqtt.CmdDisconnect: "00 04 80 81 82 83 87 89 8b 8c 8d 8e 8f 90 93 94 95 96 97 98 99 9a 9b 9c 9d 9e 9f a0 a1 a2",
		mqtt.CmdAuth:       "00 18 19",
	}
	method := []mqtt.Property{{ID: mqtt.PropAuthenticationMethod, Value: []byte("m")}}
	for cmd, list := range codes {
		var legal [256]bool
		for _, c := range pack(list) {
			legal[c] = true
		}
		for c := range legal {
			m := mqtt.Message{Cmd: cmd, Version: 5, ID: 1, Ack: mqtt.ReasonCode(c), Data: []byte{byte(c)}}
			_, err := reappend(nil, &m)
			if cmd == mqtt.CmdAuth {
				_, err = mqtt.AppendAuth(nil, 5, mqtt.ReasonCode(c), method)
			}
			if (err == nil) != legal[c] {
				t.Errorf("%v with code 0x%02X: error %v, allowed: %v", cmd, c, err, legal[c])
			}
		}
	}
}
