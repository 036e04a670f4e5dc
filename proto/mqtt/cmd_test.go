package mqtt_test

import (
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

func TestCmdString(t *testing.T) {
	for cmd, want := range map[mqtt.Cmd]string{
		mqtt.CmdConnect:  "CONNECT",
		mqtt.CmdUnsuback: "UNSUBACK",
		mqtt.CmdAuth:     "AUTH",
		0:                "packet type 0",
		16:               "packet type 16",
	} {
		if got := cmd.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
