package mqtt_test

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// Connect returns an error for invalid options.
func TestConnectRefusesInvalidOptions(t *testing.T) {
	for _, row := range []struct {
		name string
		opts mqtt.Options
		word string
	}{
		{"version 3", mqtt.Options{Version: 3}, "version"},
		{"version 6", mqtt.Options{Version: 6}, "version"},
		{"KeepAlive beyond 65535 s", mqtt.Options{KeepAlive: 65535*time.Second + 1}, "KeepAlive is 18h12m15.000000001s: want a time.Duration"},
		{"largest KeepAlive", mqtt.Options{KeepAlive: 1<<63 - 1}, "KeepAlive is 2562047h47m16.854775807s: want a time.Duration"},
		{"KeepAlive in seconds", mqtt.Options{KeepAlive: 60}, "KeepAlive is 60ns: want a time.Duration"},
		{"KeepAlive 1 ns", mqtt.Options{KeepAlive: 1}, "KeepAlive is 1ns: want a time.Duration"},
		{"KeepAlive 1 s less 1 ns", mqtt.Options{KeepAlive: time.Second - 1}, "KeepAlive is 999.999999ms: want a time.Duration"},
		{"KeepAlive -1 ns", mqtt.Options{KeepAlive: -1}, "KeepAlive is -1ns: want a time.Duration"},
		{"KeepAlive -1 s", mqtt.Options{KeepAlive: -time.Second}, "KeepAlive is -1s: want a time.Duration"},
		{"KeepAlive -2 s", mqtt.Options{KeepAlive: -2 * time.Second}, "KeepAlive is -2s: want a time.Duration"},
		{"PingTimeout in seconds", mqtt.Options{PingTimeout: 10}, "PingTimeout is 10ns: want a time.Duration"},
		{"Session Expiry Interval without client identifier", mqtt.Options{Version: 5, Props: []mqtt.Property{{ID: mqtt.PropSessionExpiryInterval, Int: 1}}}, "without ClientID"},
		{"AssignID in 3.1.1", mqtt.Options{AssignID: true}, "AssignID needs Version 5"},
		{"AssignID with ClientID", mqtt.Options{AssignID: true, Version: 5, ClientID: "c"}, "AssignID needs Version 5 and no ClientID"},
		{"properties of no will", mqtt.Options{Version: 5, WillProps: []mqtt.Property{{ID: mqtt.PropWillDelayInterval, Int: 1}}}, "WillProps without Topic"},
		{"MQTT-3.1.2-14 will QoS 3", mqtt.Options{Topic: "t", QoS: 3}, "QoS"},
		{"MQTT-3.1.2-22 password without user", mqtt.Options{Password: "p"}, "password"},
		{"MQTT-4.7.1-1 wildcard in will topic", mqtt.Options{Topic: "a/#"}, "MQTT-"},
		{"MQTT-1.5.3-2 NUL in client identifier", mqtt.Options{ClientID: "a\x00"}, "client identifier"},
		{"MQTT-1.5.3-1 user not UTF-8", mqtt.Options{User: "\xff"}, "user name"},
		{"password too long", mqtt.Options{User: "u", Password: tooLong}, "password"},
		{"will too long", mqtt.Options{Topic: "t", Message: []byte(tooLong)}, "will"},
		{"properties in 3.1.1", mqtt.Options{Props: []mqtt.Property{{ID: mqtt.PropReceiveMaximum, Int: 5}}}, "propert"},
		{"property of another packet", mqtt.Options{Version: 5, Props: []mqtt.Property{{ID: mqtt.PropTopicAlias, Int: 5}}}, "Topic Alias"},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := looptest.NewManager(t)
			for _, scheme := range transports {
				_, err := mqtt.Connect(m, scheme+"://127.0.0.1:9", &row.opts, noHandler(t), nil)
				if err == nil {
					t.Errorf("%s: Connect returned no error", scheme)
				} else {
					looptest.WantErr(t, err, nil, row.word)
				}
			}
			wantNoConns(t, m)
		})
	}
}

// Without a client identifier CONNECT has a random one. Every server accepts 1 to 23 letters and
// digits [MQTT-3.1.3-5].
func TestRandomClientID(t *testing.T) {
	for _, opts := range []*mqtt.Options{nil, {Clean: true}, {Version: 5}, {}} {
		seen := map[string]bool{}
		for range 3 {
			x := startClient(t, "mqtt", opts, nil)
			var msg mqtt.Message
			looptest.Await(t, x.m, "CONNECT", func() bool { x.p.readAll(); n, _ := mqtt.Parse(x.p.got, 4, &msg); return n > 0 })
			conn := msg.Connect()
			if n := len(conn.ClientID); n < 12 || n > 23 || seen[conn.ClientID] {
				t.Errorf("client identifier %q, want 12 to 23 characters, each time others", conn.ClientID)
			}
			seen[conn.ClientID] = true
			if !conn.CleanStart { // no client could resume the session
				t.Errorf("%+v: the session is not clean", opts)
			}
			if opts == nil && (!conn.CleanStart || msg.Version != 4) {
				t.Errorf("nil options: %+v, version %d", conn, msg.Version)
			}
		}
	}
}

// Options that only name a user leave no session behind: the connection is clean, and in 5.0 its
// session ends with it.
func TestUserAloneLeavesNoSession(t *testing.T) {
	for _, version := range []uint8{4, 5} {
		x := startClient(t, "mqtt", &mqtt.Options{User: "u", Version: version}, nil)
		var msg mqtt.Message
		looptest.Await(t, x.m, "CONNECT", func() bool { x.p.readAll(); n, _ := mqtt.Parse(x.p.got, version, &msg); return n > 0 })
		conn := msg.Connect()
		if !conn.CleanStart || conn.User != "u" || conn.ClientID == "" || len(conn.Props) > 0 {
			t.Errorf("version %d: CONNECT %+v, want a clean one of user u without properties", version, conn)
		}
	}
}
