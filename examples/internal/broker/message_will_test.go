package broker

import (
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// The User Properties of a will keep their order [MQTT-3.1.3-10].
func TestWillKeepsUserProperties(t *testing.T) {
	user := func(key string) mqtt.Property {
		return mqtt.Property{ID: mqtt.PropUserProperty, Key: []byte(key), Value: []byte("v")}
	}
	keys := ""
	for _, p := range newWill(&mqtt.Will{Topic: "w", Props: []mqtt.Property{user("b"), user("a"), user("b"), user("c")}}).published(noon).appendProps(nil, noon) {
		keys += string(p.Key)
	}
	if keys != "babc" {
		t.Errorf("the keys are %q, want babc", keys)
	}
}
