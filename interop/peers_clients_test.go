package interop

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	paho5 "github.com/eclipse/paho.golang/paho"
	paho3 "github.com/eclipse/paho.mqtt.golang"
	"github.com/gorilla/websocket"
)

// peer is a client of another project that keeps its session and connects again by itself. It
// subscribes to name/in/#, and again if its session is lost. Its transcript has the lines
//
//	name: up                        it is connected
//	name: subscribed                the first subscription is answered
//	name: down                      its connection has ended
//	name: got q1 topic=data
//	name: acked data                the server has acknowledged a message of QoS 1 or 2
type peer struct {
	*transcript
	name    string
	publish func(topic, data string, qos byte) // also without a connection
	acks    bool                               // its transcript has acknowledgements
}

// saw waits until the client has written n lines that match.
func (p *peer) saw(n int, format string, args ...any) {
	p.t.Helper()
	expr := "^" + regexp.QuoteMeta(p.name) + ": " + fmt.Sprintf(format, args...) + "$"
	for at := 0; n > 0; n-- {
		var m []string
		if m, at = p.find(at, expr); m == nil {
			p.t.Fatalf("no more lines %q", expr)
		}
	}
}

// got waits for messages, and wants each of them once.
func (p *peer) got(messages ...string) {
	p.t.Helper()
	for _, m := range messages {
		p.saw(1, "got %s", regexp.QuoteMeta(m))
		if n := p.count("^" + regexp.QuoteMeta(p.name+": got "+m) + "$"); n != 1 {
			p.t.Errorf("%s got %s %d times", p.name, m, n)
		}
	}
}

// say returns a function that adds a line of a client.
func (l *transcript) say(name string) func(format string, args ...any) {
	return func(format string, args ...any) { l.add(name + ": " + fmt.Sprintf(format, args...)) }
}

// peerKinds start the clients. again says that the server loses the session: some libraries
// leave it to the program to subscribe again.
var peerKinds = []struct {
	name  string
	start func(x *peerSet, name, url string, again bool) *peer
}{
	{"paho.mqtt.golang 3.1.1", (*peerSet).paho3},
	{"paho.golang 5", (*peerSet).paho5},
	{"MQTT.js 3.1.1", func(x *peerSet, name, url string, _ bool) *peer { return x.mqttjs(name, url, 4) }},
	{"MQTT.js 5", func(x *peerSet, name, url string, _ bool) *peer { return x.mqttjs(name, url, 5) }},
}

// peerSet has the clients of a test.
type peerSet struct {
	t    *testing.T
	log  transcript // of the clients in this process
	node *process   // of those of MQTT.js
}

func newPeerSet(t *testing.T) *peerSet {
	x := &peerSet{t: t, log: newTranscript(t, "paho")}
	x.node = launch(t, node(t), "node/client.mjs")
	t.Cleanup(func() {
		x.node.stdin.Close()
		if err := x.node.wait(); err != nil {
			t.Errorf("MQTT.js: %v", err)
		}
		x.log.mu.Lock()
		defer x.log.mu.Unlock()
		for i, line := range x.log.lines {
			if t.Failed() && i >= len(x.log.lines)-100 {
				t.Log(line)
			}
		}
	})
	return x
}

// mqttjs starts a client of MQTT.js.
func (x *peerSet) mqttjs(name, url string, version int) *peer {
	command := func(values map[string]any) {
		values["client"] = name
		line, err := json.Marshal(values)
		if err == nil {
			_, err = fmt.Fprintf(x.node.stdin, "%s\n", line)
		}
		if err != nil {
			x.t.Error(err)
		}
	}
	connect := map[string]any{"do": "connect", "url": url, "version": version}
	if secure(url) {
		connect["ca"] = identities().ca
	}
	command(connect)
	return &peer{transcript: &x.node.transcript, name: name, acks: true, publish: func(topic, data string, qos byte) {
		command(map[string]any{"do": "publish", "topic": topic, "data": data, "qos": qos})
	}}
}

// paho3 starts a client of paho.mqtt.golang.
func (x *peerSet) paho3(name, rawURL string, again bool) *peer {
	say := x.log.say(name)
	subscribed := false
	o := paho3.NewClientOptions().
		AddBroker(strings.Replace(rawURL, "mqtt", "tcp", 1)).
		SetClientID(name).
		SetCleanSession(false).
		SetTLSConfig(identities().client()).
		SetConnectTimeout(timeout).
		SetMaxReconnectInterval(20 * time.Millisecond).
		SetConnectionLostHandler(func(paho3.Client, error) { say("down") }).
		SetDefaultPublishHandler(func(_ paho3.Client, m paho3.Message) {
			say("got q%d %s=%s", m.Qos(), m.Topic(), m.Payload())
		}).
		SetOnConnectHandler(func(c paho3.Client) {
			say("up")
			if subscribed && !again {
				return
			}
			subscribed = true
			token := c.Subscribe(name+"/in/#", 2, nil)
			go func() {
				if token.Wait(); token.Error() == nil {
					say("subscribed")
				}
			}()
		})
	c := paho3.NewClient(o)
	if token := c.Connect(); !token.WaitTimeout(timeout) || token.Error() != nil {
		x.t.Fatalf("%s does not connect: %v", name, token.Error())
	}
	x.t.Cleanup(func() { c.Disconnect(0) })
	return &peer{transcript: &x.log, name: name, acks: true, publish: func(topic, data string, qos byte) {
		token := c.Publish(topic, qos, false, data)
		go func() {
			if token.Wait(); token.Error() == nil {
				say("acked %s", data)
			}
		}()
	}}
}

// paho5 starts a client of paho.golang with autopaho.
func (x *peerSet) paho5(name, rawURL string, _ bool) *peer {
	say := x.log.say(name)
	u, err := url.Parse(rawURL)
	if err != nil {
		x.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	config := autopaho.ClientConfig{
		ServerUrls:            []*url.URL{u},
		TlsCfg:                identities().client(),
		KeepAlive:             60,
		SessionExpiryInterval: 600,
		ReconnectBackoff:      func(n int) time.Duration { return time.Duration(min(n, 20)) * time.Millisecond },
		ConnectTimeout:        timeout,
		OnConnectionUp: func(c *autopaho.ConnectionManager, ack *paho5.Connack) {
			say("up")
			if ack.SessionPresent {
				return
			}
			go func() {
				_, err := c.Subscribe(ctx, &paho5.Subscribe{Subscriptions: []paho5.SubscribeOptions{{Topic: name + "/in/#", QoS: 2}}})
				if err == nil {
					say("subscribed")
				}
			}()
		},
		OnConnectionDown: func() bool {
			say("down")
			return true
		},
		ClientConfig: paho5.ClientConfig{
			ClientID: name,
			OnPublishReceived: []func(paho5.PublishReceived) (bool, error){func(r paho5.PublishReceived) (bool, error) {
				say("got q%d %s=%s", r.Packet.QoS, r.Packet.Topic, r.Packet.Payload)
				return true, nil
			}},
		},
	}
	if u.Scheme == "wss" { // otherwise it offers no subprotocol
		config.WebSocketCfg = &autopaho.WebSocketConfig{Dialer: func(_ *url.URL, c *tls.Config) *websocket.Dialer {
			return &websocket.Dialer{TLSClientConfig: c, Subprotocols: []string{"mqtt"}, NetDial: net.Dial}
		}}
	}
	c, err := autopaho.NewConnection(ctx, config)
	if err != nil {
		x.t.Fatal(err)
	}
	x.t.Cleanup(func() {
		c.Disconnect(ctx)
		cancel()
		<-c.Done()
	})
	return &peer{transcript: &x.log, name: name, publish: func(topic, data string, qos byte) {
		err := c.PublishViaQueue(ctx, &autopaho.QueuePublish{Publish: &paho5.Publish{Topic: topic, Payload: []byte(data), QoS: qos}})
		if err != nil {
			x.t.Errorf("%s: %v", name, err)
		}
	}}
}
