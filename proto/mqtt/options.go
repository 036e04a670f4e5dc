package mqtt

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
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
	// has a Session Expiry Interval above 0 and ClientID is empty, unless AssignID is set.
	ClientID string
	// AssignID makes the server choose the client identifier, which it names in CONNACK
	// [MQTT-3.1.3-7]. For Login with Version 5 and an empty ClientID. The session is new, and can
	// be resumed under that identifier.
	AssignID bool
	Version  uint8 // Login: 4 is MQTT 3.1.1, 5 is MQTT 5.0; 0 means 4
	// KeepAlive makes Login ask for a keep-alive: the client sends PINGREQ when it has sent
	// nothing, or heard nothing, for this time, and fails with a *reactor.DeadlineError,
	// "PINGRESP", if the server does not answer. KeepAlive is a time.Duration: write
	// 60*time.Second, not 60. Zero turns keep-alive off. Other values are from 1 s to 65,535 s,
	// and CONNECT has them rounded up to whole seconds. A 5.0 server may replace the value, also
	// by 0 or a larger one [MQTT-3.2.2-21].
	//
	// A connection of Login sends PINGREQ too, as a WebSocket message if it is a WebSocket. All
	// bytes from the server count as an answer there. Call Ack with each packet, which tells the
	// layer about CONNACK, and complete each packet before the handler returns.
	KeepAlive time.Duration
	// PingTimeout is how long Login's connection waits for an answer to PINGREQ. Bytes from the
	// server start the time again. It stops while the connection is paused, because the answer is
	// not read then; PINGREQ is still sent. Zero means KeepAlive, but at most DefaultPingTimeout.
	// With a negative value no answer is required.
	PingTimeout time.Duration
	// Clean makes Login start without the state of an earlier session. If it is false, the
	// server keeps the session of ClientID.
	Clean bool

	// Topic is the will topic for Login (empty: no will), the topic for Pub, and the topic
	// filter for Sub and Unsub.
	Topic   string
	Message []byte // the payload: of the will for Login, of the message for Pub
	QoS     uint8  // Login: of the will; Pub: of the message; Sub: the highest QoS wanted
	Retain  bool   // Login: of the will; Pub: of the message

	// ID is the packet identifier for Pub at QoS 1 and 2, Sub and Unsub. Zero means the next
	// identifier that is not in use.
	ID uint16
	// RetransmitID makes Pub send a PUBLISH again. It is the packet identifier of the
	// first transmission. Pub sets the DUP flag [MQTT-3.3.1-1]. Zero means a new message.
	RetransmitID uint16

	// Manual is for Connect. It makes the program run the QoS handshakes, for example to keep
	// their state over several connections. The layer then does not answer PUBLISH, PUBREC and
	// PUBREL, and raises EvMQTTMsg for duplicates too: the program calls Ack or AckCode, or sends
	// packets with SendPackets. The layer also keeps no packet identifiers: Pub at QoS 1 and 2,
	// Sub and Unsub need ID or RetransmitID, and Receive Maximum is not checked in either
	// direction. All other rules of the protocol are the layer's as without Manual.
	Manual bool

	Props     []Property // 5.0 properties of the packet itself
	WillProps []Property // 5.0, Login: properties of the will

	// The fields below are for Connect. Login returns an error if one of them is set, and Connect
	// returns one if the transport of its URL has no use for it.

	// Headers are additional lines of the WebSocket request, "Name: value\r\n" each. For ws:// and
	// wss://. Connect itself sends Sec-WebSocket-Protocol.
	Headers string
	// WS are the options of the WebSocket. For ws:// and wss://. The connection keeps them, so do
	// not change them afterwards. Headers, Origins, CheckOrigin and Check are for servers and must
	// not be set, and Protocols must be empty or mqtt.
	WS *ws.Options
	// TLS is the Config for mqtts:// and wss://. With unix:// it turns TLS on. StartTLS copies it.
	// Nil means an empty Config. If it is set, the handler need not call StartTLS.
	TLS *tls.Config
	// Deadlines are the deadlines of the connection, for all URLs, see Conn.SetDeadlines. Nil
	// means those of the manager.
	Deadlines *reactor.Deadlines
	// Dial is called with the new connection before it is dialed, for all URLs. It may call
	// Conn.SetDialURL, or proxy.Dial, or be proxyenv.Dial. If it returns an error, Connect returns
	// that. Nil means that the host of the URL is dialed.
	Dial func(c *reactor.Conn) error
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
	if t := o.PingTimeout; t > 0 && t < time.Millisecond {
		return nil, fmt.Errorf("mqtt: Options.PingTimeout is %v: want a time.Duration of at least 1ms, or 0, or a negative value", t)
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
	switch {
	case o.AssignID && (o.ClientID != "" || o.version() != 5):
		return nil, errors.New("mqtt: Options.AssignID needs Version 5 and no ClientID")
	case o.AssignID:
		p.CleanStart = true
	case p.ClientID == "":
		if sessionExpiry(o.Props) > 0 {
			return nil, errors.New("mqtt: Session Expiry Interval without ClientID: " +
				"no client could resume the session; set Options.ClientID")
		}
		p.CleanStart = true
		p.ClientID = "rikki-" + rand.Text()[:16] // servers accept 23 characters [MQTT-3.1.3-5]
	}
	if o.Topic == "" && len(o.WillProps) > 0 {
		return nil, errors.New("mqtt: Options.WillProps without Topic: there is no will")
	}
	if o.Topic != "" {
		p.Will = &Will{Topic: o.Topic, Data: o.Message, QoS: o.QoS, Retain: o.Retain, Props: o.WillProps}
	}
	return p, nil
}

// sessionExpiry returns the Session Expiry Interval in the properties of CONNECT, CONNACK or
// DISCONNECT, in seconds. Without the property it is 0. 5.0 section 3.1.2.11.2.
func sessionExpiry(props []Property) uint32 {
	if i := slices.IndexFunc(props, isSessionExpiry); i >= 0 {
		return props[i].Int
	}
	return 0
}

func isSessionExpiry(p Property) bool { return p.ID == PropSessionExpiryInterval }

// checkTransport returns an error if a field is set that the transport of u has no use for, or
// if the fields for WebSocket are invalid.
func (o *Options) checkTransport(u reactor.URL) error {
	overWS := u.Scheme == "ws" || u.Scheme == "wss"
	useless := func(field, schemes string) error {
		return fmt.Errorf("mqtt: Options.%s for %q: it is for %s only", field, u.Redacted(), schemes)
	}
	switch {
	case o.Headers != "" && !overWS:
		return useless("Headers", "ws:// and wss://")
	case o.WS != nil && !overWS:
		return useless("WS", "ws:// and wss://")
	case o.TLS != nil && u.Scheme != "mqtts" && u.Scheme != "wss" && u.Scheme != "unix":
		return useless("TLS", "mqtts://, wss:// and unix://")
	}
	if w := o.WS; w != nil {
		switch {
		case w.Headers != "":
			return errors.New("mqtt: Options.WS.Headers is for servers: use Options.Headers")
		case w.Origins != nil, w.CheckOrigin != nil, w.Check != nil:
			return errors.New("mqtt: Options.WS has Origins, CheckOrigin or Check, which are for servers")
		}
		for _, p := range w.Protocols {
			if p != subprotocol {
				return fmt.Errorf("mqtt: Options.WS.Protocols contains %q: only %s is possible", p, subprotocol)
			}
		}
	}
	return o.checkHeaders()
}

// checkHeaders checks Headers. The error has no value of a header, because that may be a token.
func (o *Options) checkHeaders() error {
	valid, taken := 0, ""
	err := http.EachHeader(o.Headers, func(name, _ string) error {
		if strings.EqualFold(name, "Sec-WebSocket-Protocol") {
			taken = name
		}
		valid++
		return nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("mqtt: Options.Headers: line %d is not of the form \"Name: value\\r\\n\"", valid+1)
	case taken != "":
		return fmt.Errorf("mqtt: Options.Headers contains %s: Connect adds it", taken)
	}
	return nil
}

// checkNoTransport returns an error if a field is set that only Connect uses.
func (o *Options) checkNoTransport() error {
	field := ""
	switch {
	case o.Headers != "":
		field = "Headers"
	case o.WS != nil:
		field = "WS"
	case o.TLS != nil:
		field = "TLS"
	case o.Deadlines != nil:
		field = "Deadlines"
	case o.Dial != nil:
		field = "Dial"
	default:
		return nil
	}
	return fmt.Errorf("mqtt: Login with Options.%s: it is for Connect only", field)
}
