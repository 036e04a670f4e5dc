package interop

import (
	"fmt"
	"net/url"
	"testing"
)

// through returns the same programs with a relay to the server in between.
func (x *tools) through(r *relay) *tools {
	x.t.Helper()
	u, err := url.Parse(r.url(x.url))
	if err != nil {
		x.t.Fatal(err)
	}
	y := *x
	y.host, y.port = u.Hostname(), u.Port()
	return &y
}

// eachQoS publishes a message of QoS 1 and one of QoS 2.
func (x *tools) eachQoS(topic, data string) {
	x.t.Helper()
	for qos := 1; qos < 3; qos++ {
		x.publish("-t", topic, "-q", fmt.Sprint(qos), "-m", fmt.Sprint(data, " ", qos))
	}
}

// TestMosquittoToolsKept ends mosquitto_sub -c, once in order and once by force. Its session gets
// the messages that are published meanwhile.
func TestMosquittoToolsKept(t *testing.T) {
	eachTool(t, func(t *testing.T, x *tools) {
		id := "kept" + x.mqttFlags[1]
		topic := id + "/x"
		resume := func(n int, data ...string) *process {
			p := x.launch(id, n, "-c", "-t", topic)
			x.server.next(` connected .*client=` + id + ` .*present=true`)
			return p
		}
		line := func(qos int, data string) string { return fmt.Sprintf("q%d r0 %s=%s %d", qos, topic, data, qos) }

		p := x.launch(id, 2, "-c", "-t", topic)
		x.server.logged(t, "subscribe", id, "")
		x.eachQoS(topic, "first")
		x.expect(p, line(1, "first"), line(2, "first"))
		x.eachQoS(topic, "missed")
		p = resume(4)
		x.eachQoS(topic, "again")
		x.expect(p, line(1, "missed"), line(2, "missed"), line(1, "again"), line(2, "again"))

		p = resume(99)
		x.publish("-t", topic, "-q", "1", "-m", "seen")
		if p.match("=seen$") == nil {
			t.Fatalf("mosquitto_sub has got nothing: %q", p.output())
		}
		p.cmd.Process.Kill()
		p.wait()
		x.eachQoS(topic, "late")
		x.expect(resume(2), line(1, "late"), line(2, "late"))
	})
}

// TestMosquittoToolsCut cuts the connections of mosquitto_sub -c and mosquitto_pub -c -l, which
// connect again by themselves.
func TestMosquittoToolsCut(t *testing.T) {
	eachTool(t, func(t *testing.T, x *tools) {
		to, from := newRelay(t, x.url), newRelay(t, x.url)
		sub, pub := "sub"+x.mqttFlags[1], "pub"+x.mqttFlags[1]
		topic := sub + "/x"
		line := func(data string) string { return "q2 r0 " + topic + "=" + data }
		p := x.through(to).launch(sub, 5, "-c", "-t", topic)
		x.server.logged(t, "subscribe", sub, "")
		y := x.through(from)
		q := launch(t, x.pub, y.args("-i", pub, "-c", "-l", "-q", "2", "-t", topic)...)
		fmt.Fprintln(q.stdin, "one")
		fmt.Fprintln(q.stdin, "two")
		if p.match("two$") == nil {
			t.Fatalf("mosquitto_sub has not got all: %q", p.output())
		}
		to.cut()
		x.publish("-t", topic, "-q", "2", "-m", "missed")
		from.cut()
		fmt.Fprintln(q.stdin, "three")
		to.restore(x.url)
		from.restore(x.url)
		x.server.logged(t, "connected", sub, "present=true")
		x.server.logged(t, "connected", pub, "present=true")
		if p.match("three$") == nil { // mosquitto_pub may send four first, if it has both
			t.Fatalf("mosquitto_sub has not got all: %q", p.output())
		}
		fmt.Fprintln(q.stdin, "four")
		q.stdin.Close()
		if err := q.wait(); err != nil {
			t.Errorf("mosquitto_pub: %v: %q", err, q.output())
		}
		x.expect(p, line("one"), line("two"), line("missed"), line("three"), line("four"))
	})
}
