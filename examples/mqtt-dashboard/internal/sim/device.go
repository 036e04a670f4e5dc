// Package sim is a simulated device for the MQTT dashboard: a LED that can be switched, firmware
// that can be replaced, and two measured values. It is a package so that the dashboard's program
// can have devices too.
//
//	topic             messages
//	ROOT/ID/status    status.notify: online, LED, firmware version; retained. The will: offline
//	ROOT/ID/values    values.notify: what the device measures; not in the C program
//	ROOT/ID/rx        requests to the device
//	ROOT/ID/tx        its responses
//
// All messages are JSON-RPC.
package sim

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/rikki-go/rikki/proto/jsonrpc"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/reactor"
)

// qos is that of all messages except the values.
const qos = 1

// Options say what a device is called and where it is.
type Options struct {
	ID    string
	Root  string          // the topic's beginning
	Every time.Duration   // between two values
	Login session.Options // URLs, TLS and so on. New sets the client identifier and the will
	Log   *slog.Logger
	Ended func(error) // the session has ended
}

// Check returns an error if a text cannot be a level of a topic. Shared topics need more than one.
func Check(level string) error {
	switch {
	case level == "" || strings.Contains(level, "/") || !mqtt.ValidTopic(level):
		return fmt.Errorf("%q cannot be a level of a topic", level)
	case level[0] == '$':
		return fmt.Errorf("%q: topics that begin with $ belong to the broker", level)
	case len(level) > 100:
		return fmt.Errorf("the text has %d bytes, more than 100", len(level))
	}
	return nil
}

// Device is a device.
type Device struct {
	opts    Options
	session *session.Session
	methods jsonrpc.Methods
	state   state
	sensors sensors
	image   upload
	timer   *reactor.Timer
}

// state is what the status says.
type state struct {
	Status   string `json:"status"`
	LED      bool   `json:"led_status"`
	Firmware string `json:"firmware_version"`
}

// New makes a device. It connects in the next Poll.
func New(m *reactor.Manager, o Options) (*Device, error) {
	d := &Device{opts: o, state: state{Status: "online", Firmware: "1.0.0"}, sensors: newSensors(o.ID)}
	d.methods.Lenient = true // as in Mongoose, "jsonrpc" may be missing
	d.methods.Add("state.set", d.set)
	d.methods.Add("ota.upload", d.upload)
	d.methods.Add("rpc.list", d.methods.List)
	login := &d.opts.Login.Login
	// A second connection of the same device ends the first one, so the will of the first one is
	// published before the status of the second one. The C program has random identifiers.
	login.ClientID = "dashboard-" + o.ID
	login.Clean = true
	login.Topic, login.QoS, login.Retain = d.topic("status"), qos, true
	login.Message = notification("status.notify", map[string]string{"status": "offline"})
	var err error
	if d.session, err = session.New(m, &d.opts.Login, handle, d); err != nil {
		return nil, err
	}
	if err := d.session.Subscribe(session.Subscription{Filter: d.topic("rx"), QoS: qos, Fn: request}); err != nil {
		d.session.Close()
		return nil, err
	}
	d.timer = m.AddTimer(o.Every, reactor.TimerRepeat, d.measure)
	return d, nil
}

// topic returns one of the device's topics.
func (d *Device) topic(name string) string { return d.opts.Root + "/" + d.opts.ID + "/" + name }

// handle is the handler of the session.
func handle(c *reactor.Conn, ev reactor.Event, data any) {
	d := c.FnData.(*Device)
	log := d.opts.Log
	switch ev {
	case reactor.EvSessionUp:
		log.Info("CONNECTED to "+data.(*session.Up).URL, "device", d.opts.ID)
		d.publishStatus()
	case reactor.EvSessionDown:
		if down := data.(*session.Down); down.Final {
			d.timer.Stop()
			d.opts.Ended(down.Err)
		} else {
			log.Warn("DISCONNECTED", "device", d.opts.ID, "error", down.Err, "retry in", down.Next.Round(time.Millisecond))
		}
	case reactor.EvSessionRetry:
		retry := data.(*session.Retry)
		log.Warn("NOT CONNECTED to "+retry.URL, "device", d.opts.ID, "error", retry.Err)
		if retry.Final {
			d.timer.Stop()
			d.opts.Ended(retry.Err)
		}
	case reactor.EvSessionSub:
		if r := data.(*session.SubResult); r.Err != nil {
			log.Warn("NOT SUBSCRIBED to "+r.Filter, "error", r.Err)
		} else {
			log.Info("SUBSCRIBED to " + r.Filter)
		}
	case reactor.EvSessionPub:
		if o := data.(*session.Outcome); o.Err != nil {
			log.Debug("LOST", "device", d.opts.ID, "error", o.Err)
		}
	}
}

// request is the handler of ROOT/ID/rx.
func request(c *reactor.Conn, _ reactor.Event, data any) {
	d, m := c.FnData.(*Device), data.(*mqtt.Message)
	d.opts.Log.Debug(fmt.Sprintf("RECEIVED %s <- %s", m.Data, m.Topic))
	before := d.state
	reply := d.methods.Append(nil, m.Data, nil)
	if len(reply) > 0 {
		d.publish(&session.Message{Topic: d.topic("tx"), Data: reply, QoS: qos})
	}
	if d.state != before { // by a notification too, where the C program says nothing
		d.publishStatus()
	}
}

// publish publishes a message. Without a connection it is of no use to anybody later.
func (d *Device) publish(m *session.Message) {
	if !d.session.Connected() {
		return
	}
	if _, err := d.session.Publish(m); err != nil {
		d.opts.Log.Warn("not published", "device", d.opts.ID, "topic", m.Topic, "error", err)
	}
}

func (d *Device) publishStatus() {
	d.publish(&session.Message{Topic: d.topic("status"), Data: notification("status.notify", d.state), QoS: qos, Retain: true})
}

// measure is the function of the timer.
func (d *Device) measure() {
	values := d.sensors.next(d.state.LED)
	d.publish(&session.Message{Topic: d.topic("values"), Data: notification("values.notify", values)})
}

// Stop says that the device is offline, because the broker does not publish the will after
// DISCONNECT, and ends the session. It waits for the broker's answer, but not for a connection.
func (d *Device) Stop() {
	if !d.session.Connected() {
		d.session.Close()
		return
	}
	d.state.Status = "offline"
	d.publishStatus()
	d.session.Drain()
}

// Close ends the session without a wait.
func (d *Device) Close() { d.session.Close() }

// notification returns a notification as JSON. params are of this package, so there is no error.
func notification(method string, params any) []byte {
	p, err := jsonrpc.AppendNotification(nil, method, params)
	if err != nil {
		panic(err)
	}
	return p
}
