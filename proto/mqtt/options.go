package mqtt

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Options are the arguments of Connect, Login, Pub, Sub, Unsub and Disconnect, like
// mg_mqtt_opts. Each call uses only some of the fields. The comments below name the calls;
// Connect uses the same fields as Login. No call keeps the Options or their slices after it
// has returned.
type Options struct {
	User     string // Login
	Password string // Login
	// ClientID names the session [MQTT-3.1.3-3]. If it is empty, Login makes a random
	// identifier and requests a clean session, even if Clean is false. The reason: without
	// ClientID no client could resume the session later. So Login returns an error if Props
	// has a Session Expiry Interval above 0 and ClientID is empty.
	ClientID string
	Version  uint8 // Login: 4 is MQTT 3.1.1, 5 is MQTT 5.0; 0 means 4
	// KeepAlive is a time.Duration: write 60*time.Second, not 60. Zero turns keep-alive
	// off. Other values are from 1 s to 65,535 s and are rounded up to whole seconds. The
	// program sends the PINGREQ packets itself, see Ping.
	KeepAlive time.Duration
	// Clean makes Login start without the state of an earlier session. If it is false, the
	// server keeps the session of ClientID.
	Clean bool

	// Topic is the will topic for Login (empty: no will), the topic for Pub, and the topic
	// filter for Sub and Unsub.
	Topic   string
	Message []byte // the payload: of the will for Login, of the message for Pub
	QoS     uint8  // Login: of the will; Pub: of the message; Sub: the highest QoS wanted
	Retain  bool   // Login: of the will; Pub: of the message

	// RetransmitID makes Pub send a PUBLISH again. It is the packet identifier of the
	// first transmission. Pub sets the DUP flag [MQTT-3.3.1-1]. Zero means a new message.
	RetransmitID uint16

	Props     []Property // 5.0 properties of the packet itself
	WillProps []Property // 5.0, Login: properties of the will
}

func (o *Options) version() uint8 {
	if o.Version == 0 {
		return 4
	}
	return o.Version
}

// connect returns the content of CONNECT.
func (o *Options) connect() (*ConnectPacket, error) {
	if k := o.KeepAlive; k != 0 && k < time.Second || k > 65535*time.Second {
		return nil, fmt.Errorf("mqtt: Options.KeepAlive is %v: want a time.Duration from 1s to 65535s, or 0", k)
	}
	seconds := (o.KeepAlive + time.Second - 1) / time.Second
	p := &ConnectPacket{
		ClientID:    o.ClientID,
		CleanStart:  o.Clean,
		KeepAlive:   uint16(seconds),
		User:        o.User,
		Password:    []byte(o.Password),
		HasPassword: o.Password != "",
		Props:       o.Props,
	}
	if p.ClientID == "" {
		outlives := func(p Property) bool { return p.ID == PropSessionExpiryInterval && p.Int > 0 }
		if slices.ContainsFunc(o.Props, outlives) {
			return nil, errors.New("mqtt: Session Expiry Interval without ClientID: " +
				"no client could resume the session; set Options.ClientID")
		}
		p.CleanStart = true
		p.ClientID = "rikki-" + rand.Text()[:16] // servers accept 23 characters [MQTT-3.1.3-5]
	}
	if o.Topic != "" {
		p.Will = &Will{Topic: o.Topic, Data: o.Message, QoS: o.QoS, Retain: o.Retain, Props: o.WillProps}
	}
	return p, nil
}
