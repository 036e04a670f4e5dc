package interop

import (
	"fmt"
	"strings"
	"testing"
)

// broker is a running broker that is not ours.
type broker struct {
	name     string
	routes   []route
	refusals []refusal

	// What one does and the other does not.
	slowWS       bool // sends 40 KB/s over WebSocket once more than 4 KB wait
	shuffles     bool // sends in no particular order what a session has missed
	willProps    bool // passes all properties of a will on, not User Property alone
	tellsLoser   bool // says why it disconnects whose identifier is taken over
	deniesFilter bool // refuses a subscription to what it never sends
}

// route is a way to a broker.
type route struct {
	name   string
	url    string
	byHand bool // over ws.Connect, as the tutorial does, not mqtt.Connect
}

// refusal is a login that the broker refuses.
type refusal struct {
	user, password string
	names          map[uint8]string // of the CONNACK's code, by version
}

// target is a broker, a way to it and a version: what each test runs against.
type target struct {
	*broker
	route
	version uint8
}

func (tg target) String() string {
	return fmt.Sprintf("%s/%s/%s", tg.broker.name, tg.route.name, versionNames[tg.version])
}

var versionNames = map[uint8]string{4: "3.1.1", 5: "5"}

// brokers starts them; they end with the test.
var brokers = []struct {
	name  string
	start func(t *testing.T) *broker
}{
	{"mochi", startMochi},
	{"mosquitto", startMosquitto},
}

// eachBroker runs a test against every broker.
func eachBroker(t *testing.T, test func(t *testing.T, b *broker)) {
	t.Parallel() // each has its own broker, and mosquitto waits a lot
	for _, b := range brokers {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			test(t, b.start(t))
		})
	}
}

// eachTarget runs a test against every broker, over every route, in both versions.
func eachTarget(t *testing.T, test func(t *testing.T, tg target)) {
	eachBroker(t, func(t *testing.T, b *broker) {
		for _, tg := range b.targets() {
			t.Run(tg.route.name+"/"+versionNames[tg.version], func(t *testing.T) { test(t, tg) })
		}
	})
}

func (b *broker) targets() (all []target) {
	for _, r := range b.routes {
		for _, version := range []uint8{4, 5} {
			all = append(all, target{b, r, version})
		}
	}
	return all
}

// plain is the target's broker over tcp, for the other client of a test.
func (tg target) plain() target {
	return target{tg.broker, tg.routes[0], tg.version}
}

// id is a client identifier that no other target has.
func (tg target) id(name string) string {
	return name + " " + tg.route.name + " " + versionNames[tg.version]
}

// overWS reports whether the target is reached over WebSocket.
func (tg target) overWS() bool { return strings.HasPrefix(tg.url, "ws") }
