package session

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// parrot is an Authenticator that notes its calls and answers with what it got.
type parrot struct {
	method string
	calls  []string
	start  []byte
	fail   string // the call that fails
}

func (p *parrot) note(call string, data []byte) error {
	p.calls = append(p.calls, call+" "+string(data))
	if call == p.fail {
		return errors.New("wrong password")
	}
	return nil
}

func (p *parrot) Method() string { return p.method }

func (p *parrot) Start(again bool) ([]byte, error) {
	return p.start, p.note(fmt.Sprint("start ", again), nil)
}

func (p *parrot) Next(data []byte) ([]byte, error) {
	return []byte("re:" + string(data)), p.note("next", data)
}

func (p *parrot) Finish(data []byte) error { return p.note("finish", data) }

// authPacket returns the CONNACK or AUTH of a server. An empty method is left out.
func authPacket(t *testing.T, cmd mqtt.Cmd, code mqtt.ReasonCode, method, data string) *mqtt.Message {
	t.Helper()
	var props []mqtt.Property
	if method != "" {
		props = append(props, mqtt.Property{ID: mqtt.PropAuthenticationMethod, Value: []byte(method)})
	}
	if data != "" {
		props = append(props, mqtt.Property{ID: mqtt.PropAuthenticationData, Value: []byte(data)})
	}
	var raw []byte
	var err error
	if cmd == mqtt.CmdConnack {
		raw, err = mqtt.AppendConnack(nil, 5, false, code, props)
	} else {
		raw, err = mqtt.AppendAuth(nil, 5, code, props)
	}
	m := new(mqtt.Message)
	if err == nil {
		_, err = mqtt.Parse(raw, 5, m)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// describe returns the values of properties as text.
func describe(props []mqtt.Property) string {
	out := ""
	for _, p := range props {
		out += string(p.Value) + " "
	}
	return out
}

func TestAuthentication(t *testing.T) {
	p := &parrot{method: "SCRAM", start: []byte("hello")}
	a := &authentication{by: p}
	props, err := a.connect()
	if err != nil || len(props) != 2 || string(props[0].Value) != "SCRAM" || string(props[1].Value) != "hello" {
		t.Fatalf("CONNECT gets %v, error %v", props, err)
	}
	var out []string
	next := func(code mqtt.ReasonCode, challenge string) {
		t.Helper()
		props, err := a.received(authPacket(t, mqtt.CmdAuth, code, "SCRAM", challenge))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, describe(props))
	}
	for _, challenge := range []string{"one", "two"} {
		next(mqtt.ReasonContinueAuthentication, challenge)
	}
	if err := a.accepted(authPacket(t, mqtt.CmdConnack, 0, "SCRAM", "signature")); err != nil {
		t.Fatal(err)
	}
	p.start = nil
	if props, err = a.reauthenticate(); err != nil || describe(props) != "SCRAM " {
		t.Fatal(props, err)
	}
	if _, err := a.reauthenticate(); err != errAuthRunning {
		t.Errorf("a second exchange at the same time: %v", err)
	}
	next(mqtt.ReasonContinueAuthentication, "three")
	next(mqtt.ReasonSuccess, "")
	if got, want := strings.Join(out, ","), "SCRAM re:one ,SCRAM re:two ,SCRAM re:three ,"; got != want {
		t.Errorf("answers %s\nwant    %s", got, want)
	}
	calls := "start false ,next one,next two,finish signature,start true ,next three,finish "
	if got := strings.Join(p.calls, ","); got != calls {
		t.Errorf("calls %s\nwant  %s", got, calls)
	}
}

func TestAuthenticationFails(t *testing.T) {
	next := func(method string) func(t *testing.T, a *authentication) error {
		return func(t *testing.T, a *authentication) error {
			a.connect()
			_, err := a.received(authPacket(t, mqtt.CmdAuth, mqtt.ReasonContinueAuthentication, method, "x"))
			return err
		}
	}
	connack := func(method string) func(t *testing.T, a *authentication) error {
		return func(t *testing.T, a *authentication) error {
			a.connect()
			return a.accepted(authPacket(t, mqtt.CmdConnack, 0, method, "x"))
		}
	}
	tests := []struct {
		name, failing string
		run           func(t *testing.T, a *authentication) error
		code          mqtt.ReasonCode
		words         string
	}{
		{"no method in CONNACK", "", connack(""), 0x82, "CONNACK has no Authentication Method, want \"SCRAM\""},
		{"another method in CONNACK", "", connack("PLAIN"), 0x82, "Method \"PLAIN\", want \"SCRAM\""},
		{"another method in AUTH", "", next("scram"), 0x82, "AUTH has the Authentication Method \"scram\""},
		{"Start fails", "start false", func(_ *testing.T, a *authentication) error { _, err := a.connect(); return err }, 0x80, "wrong password"},
		{"Next fails", "next", next("SCRAM"), 0x80, "wrong password"},
		{"Finish fails", "finish", connack("SCRAM"), 0x80, "wrong password"},
		{"success before CONNACK", "", func(t *testing.T, a *authentication) error {
			a.connect()
			_, err := a.received(authPacket(t, mqtt.CmdAuth, 0, "SCRAM", ""))
			return err
		}, 0x82, "reason 0x00"},
		{"AUTH without an exchange", "", func(t *testing.T, a *authentication) error {
			a.connect()
			a.accepted(authPacket(t, mqtt.CmdConnack, 0, "SCRAM", ""))
			_, err := a.received(authPacket(t, mqtt.CmdAuth, mqtt.ReasonContinueAuthentication, "SCRAM", ""))
			return err
		}, 0x82, "no authentication is running"},
		{"re-authentication by the server", "", func(t *testing.T, a *authentication) error {
			a.connect()
			_, err := a.received(authPacket(t, mqtt.CmdAuth, mqtt.ReasonReauthenticate, "SCRAM", ""))
			return err
		}, 0x82, "reason 0x19"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := &authentication{by: &parrot{method: "SCRAM", fail: test.failing}}
			err := test.run(t, a)
			var failure *authError
			if !errors.As(err, &failure) || failure.code != test.code || !strings.Contains(err.Error(), test.words) {
				t.Errorf("error %v, want code 0x%02X and %q", err, uint8(test.code), test.words)
			}
			if a.state != authIdle {
				t.Error("the exchange goes on")
			}
		})
	}
}

// A later exchange must have the same method [MQTT-4.12.1-1].
func TestReauthenticateMethod(t *testing.T) {
	p := &parrot{method: "A"}
	a := &authentication{by: p}
	a.connect()
	a.accepted(authPacket(t, mqtt.CmdConnack, 0, "A", ""))
	p.method = "B"
	if props, err := a.reauthenticate(); err == nil || props != nil {
		t.Errorf("another method: %v, error %v", props, err)
	}
	p.method = "A"
	if _, err := a.reauthenticate(); err != nil {
		t.Errorf("the same method afterwards: %v", err)
	}
}
