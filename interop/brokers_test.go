package interop

import (
	"fmt"
	"strings"
	"testing"
)

// broker is a running broker of another project.
type broker struct {
	name     string
	routes   []route
	refusals []refusal
	process  *process // nil if the broker runs in the test's process
	stop     func()   // ends the broker, as the end of the test does

	// Differences between the brokers.
	slowWS       bool // sends 40 KB/s over WebSocket when more than 4 KB wait
	shuffles     bool // sends the messages that a session has missed in any order
	willProps    bool // forwards all properties of a will, not only User Property
	tellsLoser   bool // sends the reason when another connection takes an identifier over
	deniesFilter bool // refuses a subscription to a topic that is not allowed
	only311      bool // does not speak 5.0
	noAliases    bool // does not tell its Topic Alias Maximum
	losesCut     bool // loses messages whose acknowledgement it cannot send
}

// route is a way to a broker.
type route struct {
	name   string
	url    string
	byHand bool // with ws.Connect as in the tutorial, not with mqtt.Connect
}

// refusal is a login that the broker refuses.
type refusal struct {
	user, password string
	names          map[uint8]string // names of the CONNACK's code, by version
}

// target is a broker, a route to it and a version of MQTT.
type target struct {
	*broker
	route
	version uint8
}

func (tg target) String() string {
	return fmt.Sprintf("%s/%s/%s", tg.broker.name, tg.route.name, versionNames[tg.version])
}

var versionNames = map[uint8]string{4: "3.1.1", 5: "5"}

// brokers are the brokers and the functions that start them for a test.
var brokers = []struct {
	name  string
	start func(t *testing.T) *broker
}{
	{"mochi", startMochi},
	{"mosquitto", startMosquitto},
}

// eachBroker runs a test against every broker.
func eachBroker(t *testing.T, test func(t *testing.T, b *broker)) {
	t.Parallel() // each test has its own broker
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

// eachRoute runs a test against every broker, over every route, in one version each: in the
// other version against the other broker. It is for tests in which routes and versions do not
// depend on each other.
func eachRoute(t *testing.T, test func(t *testing.T, tg target)) {
	eachBroker(t, func(t *testing.T, b *broker) {
		for i, r := range b.routes {
			version := uint8(4)
			if (i%2 == 0) == (b.name == brokers[0].name) {
				version = 5
			}
			t.Run(r.name+"/"+versionNames[version], func(t *testing.T) { test(t, target{b, r, version}) })
		}
	})
}

func (b *broker) targets() (all []target) {
	for _, r := range b.routes {
		for _, version := range []uint8{4, 5} {
			if b.only311 && version != 4 {
				continue
			}
			all = append(all, target{b, r, version})
		}
	}
	return all
}

// plain returns the target's broker over TCP, for the other client of a test.
func (tg target) plain() target {
	return target{tg.broker, tg.routes[0], tg.version}
}

// id returns a client identifier that no other target has.
func (tg target) id(name string) string {
	return name + " " + tg.route.name + " " + versionNames[tg.version]
}

// overWS reports whether the target is reached over WebSocket.
func (tg target) overWS() bool { return strings.HasPrefix(tg.url, "ws") }
