package interop

import (
	"crypto/pbkdf2"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/freeport"
	"github.com/rikki-go/rikki/internal/looptest"
)

// startMosquitto starts a mosquitto.
func startMosquitto(t *testing.T) *broker {
	t.Helper()
	program := looptest.Installed(t, "mosquitto")
	for range 5 { // another process may take a free port before mosquitto does
		ports := freePorts(t, 4)
		tcp, web, tcps, webs := ports[0], ports[1], ports[2], ports[3]
		config := mosquittoConfig(t, tcp, web, tcps, webs)
		p := launch(t, program, "-c", config)
		if p.match("mosquitto version .* running$") == nil || !reachable(tcp) || !reachable(web) || !reachable(tcps) || !reachable(webs) {
			continue
		}
		ws := "ws://" + web + "/mqtt"
		return &broker{name: "mosquitto", process: p, stop: p.stop, slowWS: true, willProps: true,
			routes: []route{
				{"mqtt", "mqtt://" + tcp, false},
				{"ws", ws, false},
				{"ws by hand", ws, true},
				{"mqtts", "mqtts://" + tcps, false},
				{"wss", "wss://" + webs + "/mqtt", false},
				{"wss by hand", "wss://" + webs + "/mqtt", true},
			},
			refusals: []refusal{
				{user, "wrong", map[uint8]string{4: "Not authorized", 5: "Not authorized"}},
				{"stranger", "wrong", map[uint8]string{4: "Not authorized", 5: "Not authorized"}},
			}}
	}
	t.Fatal("mosquitto does not start")
	return nil
}

func mosquittoConfig(t *testing.T, tcp, web, tcps, webs string) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, lines ...string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	listener := func(addr string) string {
		host, port, _ := net.SplitHostPort(addr)
		return "listener " + port + " " + host
	}
	id := identities()
	certificate := "certfile " + id.cert + "\nkeyfile " + id.key
	return write("mosquitto.conf",
		"user root", // as root it would change to a user that cannot read these files
		"log_dest stderr",
		"persistence false",
		"sys_interval 0",
		"max_inflight_messages 1000",
		"allow_anonymous true",
		"password_file "+write("passwords", user+":"+mosquittoHash(t)),
		"acl_file "+write("acl", "topic readwrite #", "topic deny secret/#", "user "+user, "topic readwrite #"),
		listener(tcp),
		listener(web),
		"protocol websockets",
		"socket_domain ipv4", // otherwise it listens on all addresses
		listener(tcps),
		certificate,
		listener(webs),
		"protocol websockets",
		"socket_domain ipv4",
		certificate,
	)
}

// mosquittoHash returns the password as mosquitto_passwd writes it: PBKDF2 with SHA-512.
func mosquittoHash(t *testing.T) string {
	t.Helper()
	const rounds = 101
	salt := []byte("twelve bytes")
	key, err := pbkdf2.Key(sha512.New, password, salt, rounds, sha512.Size)
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("$7$%d$%s$%s", rounds, b64(salt), b64(key))
}

// freePorts returns n different addresses with free ports.
func freePorts(t *testing.T, n int) (addrs []string) {
	t.Helper()
	for range n {
		addr, err := freeport.Addr()
		if err != nil {
			t.Fatal(err)
		}
		addrs = append(addrs, addr)
	}
	return addrs
}

func reachable(addr string) bool {
	c, err := net.DialTimeout("tcp", addr, timeout)
	if err != nil {
		return false
	}
	c.Close()
	return true
}
