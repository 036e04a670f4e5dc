package interop

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

// tools runs the client programs of mosquitto against our server.
type tools struct {
	t         *testing.T
	server    *exampleServer
	pub, sub  string // paths
	url       string
	host      string
	port      string
	mqttFlags []string
}

// eachTool runs a test in both versions, without and with TLS.
func eachTool(t *testing.T, test func(t *testing.T, x *tools)) {
	t.Parallel()
	pub, sub := looptest.Installed(t, "mosquitto_pub"), looptest.Installed(t, "mosquitto_sub")
	for _, scheme := range []string{"mqtt", "mqtts"} {
		s := startExampleServer(t) // its log shows the subscriptions
		u, err := url.Parse(s.urls[scheme])
		if err != nil {
			t.Fatal(err)
		}
		for _, version := range []string{"311", "5"} {
			flags := []string{"-V", version}
			if scheme == "mqtts" {
				flags = append(flags, "--cafile", identities().ca)
			}
			t.Run(scheme+" "+version, func(t *testing.T) {
				test(t, &tools{t, s, pub, sub, u.String(), u.Hostname(), u.Port(), flags})
			})
		}
	}
}

func (x *tools) args(more ...string) []string {
	return append(append([]string{"-h", x.host, "-p", x.port}, x.mqttFlags...), more...)
}

// publish runs mosquitto_pub.
func (x *tools) publish(more ...string) {
	x.t.Helper()
	if stdout, stderr, status := run(x.t, x.pub, x.args(more...)...); status != 0 || stdout+stderr != "" {
		x.t.Fatalf("mosquitto_pub %q: status %d, %s%s", more, status, stdout, stderr)
	}
}

// subscribe starts a mosquitto_sub that ends after n messages. It waits until the server
// has logged the last filter.
func (x *tools) subscribe(id string, n int, filters ...string) *process {
	x.t.Helper()
	var more []string
	for _, f := range filters {
		more = append(more, "-t", f)
	}
	p := x.launch(id, n, more...)
	if x.server.match(fmt.Sprintf(`subscribe client="?%s"? filter="?\Q%s\E"? `, id, filters[len(filters)-1])) == nil {
		x.t.Fatalf("mosquitto_sub does not subscribe: %q", p.output())
	}
	return p
}

// launch starts a mosquitto_sub that ends after n messages. more are further flags.
func (x *tools) launch(id string, n int, more ...string) *process {
	x.t.Helper()
	more = append([]string{"-i", id, "-C", fmt.Sprint(n), "-F", "q%q r%r %t=%p", "-q", "2"}, more...)
	return launch(x.t, x.sub, x.args(more...)...)
}

// expect waits until a mosquitto_sub has ended and compares its output.
func (x *tools) expect(p *process, want ...string) {
	x.t.Helper()
	if err := p.wait(); err != nil {
		x.t.Errorf("mosquitto_sub: %v", err)
	}
	// mosquitto_sub prints a message of QoS 2 at PUBREL. So a later one of QoS 1 may come before.
	byQoS := func(lines []string) []string {
		return slices.SortedStableFunc(slices.Values(lines), func(a, b string) int { return cmp.Compare(a[:min(2, len(a))], b[:min(2, len(b))]) })
	}
	if got := p.output(); !slices.Equal(byQoS(got), byQoS(want)) {
		x.t.Errorf("mosquitto_sub printed %q, want %q", got, want)
	}
}

func TestMosquittoTools(t *testing.T) {
	eachTool(t, func(t *testing.T, x *tools) {
		version := x.mqttFlags[1]
		p := x.subscribe("sub"+version, 5, "a/+/c", "b/#")
		for qos := range 3 {
			x.publish("-t", "a/b/c", "-q", fmt.Sprint(qos), "-m", fmt.Sprint("m", qos))
		}
		x.publish("-t", "c", "-m", "for nobody")
		x.publish("-t", "b", "-q", "1", "-m", "kept", "-r")
		x.publish("-t", "b/c", "-q", "2", "-n")
		x.expect(p, "q0 r0 a/b/c=m0", "q1 r0 a/b/c=m1", "q2 r0 a/b/c=m2", "q1 r0 b=kept", "q2 r0 b/c=")

		p = x.subscribe("again"+version, 1, "b/#")
		x.expect(p, "q1 r1 b=kept")
		x.publish("-t", "b", "-n", "-r", "-q", "1")
		p = x.subscribe("last"+version, 1, "b/#")
		x.publish("-t", "b/end", "-m", "end")
		x.expect(p, "q0 r0 b/end=end")
	})
}

// TestMosquittoToolsWill kills a subscriber. Another one gets its will.
func TestMosquittoToolsWill(t *testing.T) {
	eachTool(t, func(t *testing.T, x *tools) {
		version := x.mqttFlags[1]
		heir := x.subscribe("heir"+version, 1, "will")
		more := []string{"-i", "dying" + version, "-t", "dying" + version, "--will-topic", "will", "--will-payload", "goodbye", "--will-qos", "2"}
		dying := launch(t, x.sub, x.args(more...)...)
		if x.server.match("subscribe client=dying"+version) == nil {
			t.Fatalf("mosquitto_sub does not subscribe: %q", dying.output())
		}
		dying.cmd.Process.Kill()
		dying.wait()
		x.expect(heir, "q2 r0 will=goodbye")
	})
}
