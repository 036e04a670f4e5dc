package interop

import (
	"crypto/tls"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang"
)

// pahoClient is the client of Eclipse Paho, which speaks MQTT 3.1.1.
type pahoClient struct {
	mqtt.Client
	t    *testing.T
	conn net.Conn
	got  chan publication
	lost chan error
}

// paho connects a client to one of the server's URLs.
func paho(t *testing.T, rawURL string, change ...func(*mqtt.ClientOptions)) *pahoClient {
	t.Helper()
	c := &pahoClient{t: t, got: make(chan publication, 1000), lost: make(chan error, 1)}
	o := mqtt.NewClientOptions().
		AddBroker(strings.Replace(rawURL, "mqtt://", "tcp://", 1)).
		SetAutoReconnect(false).
		SetConnectTimeout(timeout).
		SetWriteTimeout(timeout).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) { c.lost <- err }).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
			c.got <- publication{topic: m.Topic(), data: string(m.Payload()), qos: m.Qos(), retain: m.Retained(), dup: m.Duplicate()}
		}).
		SetCustomOpenConnectionFn(func(u *url.URL, o mqtt.ClientOptions) (conn net.Conn, err error) {
			switch u.Scheme {
			case "ws", "wss":
				conn, err = mqtt.NewWebsocket(u.String(), identities().client(), o.ConnectTimeout, nil, nil)
			case "mqtts":
				conn, err = tls.DialWithDialer(&net.Dialer{Timeout: o.ConnectTimeout}, "tcp", u.Host, identities().client())
			default:
				conn, err = net.DialTimeout("tcp", u.Host, o.ConnectTimeout)
			}
			c.conn = conn
			return conn, err
		})
	for _, f := range change {
		f(o)
	}
	c.Client = mqtt.NewClient(o)
	c.do("connect", c.Connect())
	t.Cleanup(func() { c.Disconnect(0) })
	return c
}

// do waits until an operation of paho has ended.
func (c *pahoClient) do(what string, token mqtt.Token) {
	c.t.Helper()
	if !token.WaitTimeout(timeout) {
		c.t.Fatalf("timeout: paho does not %s", what)
	}
	if err := token.Error(); err != nil {
		c.t.Fatalf("paho: %s: %v", what, err)
	}
}

func (c *pahoClient) sub(filter string, qos byte) {
	c.t.Helper()
	token := c.Subscribe(filter, qos, nil)
	c.do("subscribe", token)
	if granted := token.(*mqtt.SubscribeToken).Result()[filter]; granted != qos {
		c.t.Errorf("%s: granted %d, want %d", filter, granted, qos)
	}
}

func (c *pahoClient) pub(topic string, qos byte, retain bool, data string) {
	c.t.Helper()
	c.do("publish", c.Publish(topic, qos, retain, data))
}

// receive waits for n publications.
func (c *pahoClient) receive(n int) (all []publication) {
	c.t.Helper()
	late := time.After(timeout)
	for len(all) < n {
		select {
		case p := <-c.got:
			all = append(all, p)
		case err := <-c.lost:
			c.t.Fatalf("paho lost its connection: %v", err)
		case <-late:
			c.t.Fatalf("timeout: paho has received %s, want %d publications", showAll(all), n)
		}
	}
	return all
}

// expect receives as many publications as are in want and compares them.
func (c *pahoClient) expect(want string) {
	c.t.Helper()
	if got := showAll(c.receive(strings.Count(want, "; ") + 1)); got != want {
		c.t.Errorf("paho received %s\nwant %s", got, want)
	}
}

// vanish closes the connection without a DISCONNECT.
func (c *pahoClient) vanish() { c.conn.Close() }
