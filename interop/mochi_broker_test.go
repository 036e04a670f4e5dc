package interop

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
)

// user and password are those of the only user that the brokers know. They also accept clients
// without a user name.
const user, password = "alice", "wonderland"

// secret is a topic that the brokers do not allow.
const secret = "secret/topic"

// startMochi starts mochi-mqtt in this process.
func startMochi(t *testing.T) *broker {
	t.Helper()
	limits := mochi.NewDefaultServerCapabilities()
	limits.MaximumMessageExpiryInterval = 0                  // otherwise acknowledgements get an expiry
	limits.Compatibilities.NoInheritedPropertiesOnAck = true // otherwise they get the properties of the PUBLISH
	s := mochi.New(&mochi.Options{Capabilities: limits, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err := s.AddHook(&accessHook{}, nil); err != nil {
		t.Fatal(err)
	}
	tcp := listeners.NewTCP(listeners.Config{ID: "tcp", Address: "127.0.0.1:0"})
	if err := s.AddListener(tcp); err != nil {
		t.Fatal(err)
	}
	tcps := listeners.NewTCP(listeners.Config{ID: "tcps", Address: "127.0.0.1:0", TLSConfig: identities().server()})
	if err := s.AddListener(tcps); err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(); err != nil {
		t.Fatal(err)
	}
	web, webs, stopWS := startMochiWS(s)
	stop := sync.OnceFunc(func() {
		stopWS()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	b := &broker{name: "mochi", stop: stop, shuffles: true, tellsLoser: true, deniesFilter: true, losesCut: true, noAliases: true, routes: []route{
		{"mqtt", "mqtt://" + tcp.Address(), false},
		{"ws", web + "/whole", false},
		{"ws split", web + "/split", false},
		{"ws fragments", web + "/fragments", false},
		{"ws by hand", web + "/whole", true},
		{"ws split by hand", web + "/split", true},
		{"mqtts", "mqtts://" + tcps.Address(), false},
		{"wss", webs + "/whole", false},
		{"wss split by hand", webs + "/split", true},
	}}
	b.refusals = []refusal{{user, "wrong", map[uint8]string{4: "Not authorized", 5: "Bad user name or password"}}}
	for _, r := range mochiRefusals {
		b.refusals = append(b.refusals, refusal{r.user, "", map[uint8]string{4: r.name4, 5: r.name5}})
	}
	return b
}

// mochiRefusals are the users that the hook refuses, with the codes and their names.
var mochiRefusals = []struct {
	user         string
	code4, code5 packets.Code
	name4, name5 string
}{
	{"outdated", packets.Err3UnsupportedProtocolVersion, packets.ErrUnsupportedProtocolVersion, "Unacceptable protocol version", "Unsupported protocol version"},
	{"nameless", packets.Err3ClientIdentifierNotValid, packets.ErrClientIdentifierNotValid, "Identifier rejected", "Client identifier not valid"},
	{"early", packets.Err3ServerUnavailable, packets.ErrServerUnavailable, "Server unavailable", "Server unavailable"},
	{"misspelt", packets.ErrMalformedUsernameOrPassword, packets.ErrBadUsernameOrPassword, "Bad user name or password", "Bad user name or password"},
	{"stranger", packets.Err3NotAuthorized, packets.ErrNotAuthorized, "Not authorized", "Not authorized"},
	{"late", packets.Err3ServerUnavailable, packets.ErrServerBusy, "Server unavailable", "Server busy"},
	{"outlaw", packets.Err3NotAuthorized, packets.ErrBanned, "Not authorized", "Banned"},
}

// accessHook is mochi's hook that accepts and refuses clients.
type accessHook struct{ mochi.HookBase }

func (*accessHook) ID() string { return "access" }

func (*accessHook) Provides(what byte) bool {
	return bytes.IndexByte([]byte{mochi.OnConnect, mochi.OnConnectAuthenticate, mochi.OnACLCheck}, what) >= 0
}

// OnConnect answers the users of mochiRefusals. mochi then closes the connection. OnConnect
// does not call SendConnack, which lacks some codes of 3.1.1.
func (*accessHook) OnConnect(cl *mochi.Client, pk packets.Packet) error {
	for _, r := range mochiRefusals {
		if r.user != string(pk.Connect.Username) {
			continue
		}
		code := r.code5
		if cl.Properties.ProtocolVersion < 5 {
			code = r.code4
		}
		connack := packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Connack}, ReasonCode: code.Code}
		return errors.Join(code, cl.WritePacket(connack))
	}
	return nil
}

func (*accessHook) OnConnectAuthenticate(_ *mochi.Client, pk packets.Packet) bool {
	return !pk.Connect.UsernameFlag || string(pk.Connect.Username) == user && string(pk.Connect.Password) == password
}

func (*accessHook) OnACLCheck(_ *mochi.Client, topic string, _ bool) bool {
	return !strings.HasPrefix(topic, "secret/")
}
