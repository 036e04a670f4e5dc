//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/eclipse/paho.golang/paho"
	"github.com/gorilla/websocket"
)

// runPaho5 runs paho.golang with MQTT 5. Its Publish waits for the acknowledgement, so a goroutine
// for each message in flight calls it. If the client waits for its own copies it does not need to
// wait for acknowledgements too, and one goroutine publishes.
func runPaho5(addr string, l mqttLoad, ready func()) (r mqttResult, err error) {
	p := newGoroutineClient(l)
	conn, err := dialPaho5(addr, l)
	if err != nil {
		return r, err
	}
	c := paho.NewClient(paho.ClientConfig{
		ClientID: "paho5", Conn: conn, OnClientError: p.fail,
		OnServerDisconnect: func(d *paho.Disconnect) { p.fail(fmt.Errorf("DISCONNECT %#x", d.ReasonCode)) },
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(m paho.PublishReceived) (bool, error) {
			p.received(m.Packet.Payload)
			return true, nil
		}},
	})
	ctx, cancel := context.WithTimeout(context.Background(), l.warm+l.duration+timeout)
	defer cancel()
	if _, err := c.Connect(ctx, &paho.Connect{ClientID: "paho5", CleanStart: true, KeepAlive: 60}); err != nil {
		return r, err
	}
	if topic, qos := l.filter(); topic != "" {
		s := &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: topic, QoS: qos}}}
		if _, err := c.Subscribe(ctx, s); err != nil {
			return r, err
		}
	}
	p.send = func(topic string, qos uint8, payload []byte) error {
		_, err := c.PublishWithOptions(ctx, &paho.Publish{Topic: topic, QoS: qos, Payload: payload},
			paho.PublishOptions{Method: paho.PublishMethod_AsyncSend})
		return err
	}
	p.acknowledged = func() error {
		var g sync.WaitGroup
		errs := make([]error, l.window)
		for i := range l.window {
			g.Go(func() {
				own := newPayloads(1)
				for {
					n, ok := p.batch(1)
					if !ok {
						return
					}
					m := &paho.Publish{Topic: mqttTopic, QoS: l.qos, Payload: own.payload(n)}
					if _, errs[i] = c.Publish(ctx, m); errs[i] != nil {
						p.fail(errs[i])
						return
					}
					p.completed(1)
				}
			})
		}
		g.Wait()
		return errors.Join(errs...)
	}
	return p.run(ready)
}

// dialPaho5 connects like autopaho.
func dialPaho5(addr string, l mqttLoad) (net.Conn, error) {
	if l.scheme == "tcp" {
		return net.DialTimeout("tcp", addr, timeout)
	}
	d := websocket.Dialer{Subprotocols: []string{"mqtt"}, HandshakeTimeout: timeout}
	c, _, err := d.Dial("ws://"+addr+"/", nil)
	if err != nil {
		return nil, err
	}
	return &wsConn{Conn: c}, nil
}

// wsConn is a net.Conn over a WebSocket. It does what the type websocketConnector of autopaho does,
// which is not exported.
type wsConn struct {
	*websocket.Conn
	sync.Mutex // held while a packet is written
	in         io.Reader
}

func (c *wsConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *wsConn) Write(p []byte) (int, error) {
	if err := c.WriteMessage(websocket.BinaryMessage, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (c *wsConn) Read(p []byte) (int, error) {
	for {
		if c.in == nil {
			var err error
			if _, c.in, err = c.NextReader(); err != nil {
				return 0, err
			}
		}
		n, err := c.in.Read(p)
		if err == io.EOF {
			c.in = nil
			if n == 0 {
				continue
			}
			err = nil
		}
		return n, err
	}
}
