package interop

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// peerSchemes are the transports of the clients of other projects.
var peerSchemes = []string{"mqtt", "ws", "mqtts", "wss"}

// start starts all kinds of clients over all transports. They are connected and have subscribed.
func (x *peerSet) start(again bool, url func(scheme, name string) string) (all []*peer) {
	for _, kind := range peerKinds {
		for _, scheme := range peerSchemes {
			name := kind.name + " " + scheme
			p := kind.start(x, name, url(scheme, name), again)
			p.saw(1, "up")
			p.saw(1, "subscribed")
			all = append(all, p)
		}
	}
	return all
}

// exchange publishes to the client itself at each QoS.
func (p *peer) exchange(data string) {
	p.t.Helper()
	for qos := range byte(3) {
		p.publish(p.name+"/in", fmt.Sprint(data, qos), qos)
	}
	for qos := range byte(3) {
		p.got(fmt.Sprintf("q%d %s/in=%s%d", qos, p.name, data, qos))
		if p.acks {
			p.saw(1, "acked %s%d", data, qos)
		}
	}
}

// logged waits for a line in the log of our server about a client.
func (s *exampleServer) logged(t *testing.T, what, client, more string) {
	t.Helper()
	if s.match(` `+what+` .*client="?`+regexp.QuoteMeta(client)+`"? .*`+more) == nil {
		t.Fatalf("the server does not log %s of %s, %s", what, client, more)
	}
}

// TestPeersRestart restarts our server. It keeps sessions in memory only, so the clients of other
// projects must connect again, subscribe again, and send what they have been given meanwhile.
func TestPeersRestart(t *testing.T) {
	t.Parallel()
	x := newPeerSet(t)
	ports := freePorts(t, 4)
	server := startExampleServer(t, ports...)
	all := x.start(true, func(scheme, _ string) string { return server.urls[scheme] })
	for _, p := range all {
		p.exchange("before ")
	}
	server.stop()
	for _, p := range all {
		p.saw(1, "down")
		p.publish("out/"+p.name, "during 1", 1)
		p.publish("out/"+p.name, "during 2", 2)
	}
	server = startExampleServer(t, ports...)
	for _, p := range all {
		p.saw(2, "up")
		server.logged(t, "connected", p.name, "present=false")
		server.logged(t, "subscribe", p.name, "")
		for qos := 1; qos < 3; qos++ {
			server.logged(t, "publish", p.name, fmt.Sprintf(`topic="?out/%s"? .*qos=%d`, regexp.QuoteMeta(p.name), qos))
			if p.acks {
				p.saw(1, "acked during %d", qos)
			}
		}
		p.exchange("after ")
		t.Logf("%s: ok", p.name)
	}
}

// TestPeersCut cuts the clients' connections. Our server keeps the sessions, and the messages that
// come meanwhile.
func TestPeersCut(t *testing.T) {
	t.Parallel()
	x, l := newPeerSet(t), newLoop(t)
	server := startExampleServer(t)
	relays := map[string]*relay{}
	all := x.start(false, func(scheme, name string) string {
		relays[name] = newRelay(t, server.urls[scheme])
		return relays[name].url(server.urls[scheme])
	})
	witness := l.session("witness", server.urls["mqtt"], 5)
	witness.on("out/#", 2)
	for _, p := range all {
		p.exchange("before ")
		relays[p.name].cut()
		p.saw(1, "down")
		for qos := uint8(1); qos < 3; qos++ {
			witness.publish(p.name+"/in", fmt.Sprint("missed ", qos), qos)
			p.publish("out/"+p.name, fmt.Sprint("during ", qos), qos)
		}
		witness.settled()
		scheme := p.name[strings.LastIndex(p.name, " ")+1:]
		relays[p.name].restore(server.urls[scheme])
		p.saw(2, "up")
		server.logged(t, "connected", p.name, "present=true")
		p.got("q1 "+p.name+"/in=missed 1", "q2 "+p.name+"/in=missed 2")
		witness.has("out/"+p.name+"=during 1", "out/"+p.name+"=during 2")
		p.exchange("after ")
		if n := server.count(` subscribe .*client="?` + regexp.QuoteMeta(p.name) + `"? `); n != 1 {
			t.Errorf("%s has subscribed %d times", p.name, n)
		}
		t.Logf("%s: ok", p.name)
	}
	witness.once()
	witness.end()
}
