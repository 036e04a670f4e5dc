package mqtt

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Options are the arguments of Connect, Login, Pub, Sub, Unsub and Disconnect,
// as mg_mqtt_opts; each looks at those that concern it. None of them is kept
// beyond the call.
type Options struct {
	User     string // Login
	Password string // Login
	// ClientID names the session [MQTT-3.1.3-3]. If it is empty, Login makes up one
	// at random, which nobody can come back to. The session is clean then, whatever
	// Clean says, and a Session Expiry Interval among Props is an error: nothing is
	// left behind under a random identifier.
	ClientID string
	Version  uint8 // Login: 4 (3.1.1; 0 means that too) or 5
	// KeepAlive is a time.Duration, so 60*time.Second and not 60. It is 0, which
	// turns it off, or between 1 s and 65,535 s, and rounded up to whole seconds.
	// Sending PINGREQ in time is the program's business, see Ping.
	KeepAlive time.Duration
	// Clean makes Login begin without an earlier session's state. Without it the
	// server keeps the session for ClientID.
	Clean bool

	// Topic is Login's will topic (no will if it is empty), Pub's topic, or the
	// filter of Sub and Unsub.
	Topic   string
	Message []byte // Login: the will's payload; Pub
	QoS     uint8  // Login: the will's; Pub; Sub: the highest that is wanted
	Retain  bool   // Login: the will's; Pub

	// RetransmitID makes Pub send a PUBLISH again, with the identifier that it
	// had and the DUP flag set [MQTT-3.3.1-1].
	RetransmitID uint16

	Props     []Property // 5.0 properties of the packet itself
	WillProps []Property // 5.0, Login: of the will
}

func (o *Options) version() uint8 {
	if o.Version == 0 {
		return 4
	}
	return o.Version
}

// connect makes the content of CONNECT.
func (o *Options) connect() (*ConnectPacket, error) {
	if k := o.KeepAlive; k != 0 && k < time.Second || k > 65535*time.Second {
		return nil, fmt.Errorf("mqtt: KeepAlive is %v, a time.Duration: want 0, or from 1s to 65535s", k)
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
		if slices.ContainsFunc(o.Props, func(p Property) bool { return p.ID == PropSessionExpiryInterval && p.Int > 0 }) {
			return nil, errors.New("mqtt: Session Expiry Interval without ClientID: no client could resume the session")
		}
		p.CleanStart = true
		p.ClientID = "rikki-" + rand.Text()[:16] // within the 23 characters that every server takes [MQTT-3.1.3-5]
	}
	if o.Topic != "" {
		p.Will = &Will{Topic: o.Topic, Data: o.Message, QoS: o.QoS, Retain: o.Retain, Props: o.WillProps}
	}
	return p, nil
}
