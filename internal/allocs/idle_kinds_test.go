package allocs_test

import (
	"crypto/tls"
	"fmt"
	"os"
	"strings"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// idleKind is a row of the table "Memory of an idle connection" in docs/allocations.md. A client
// sends one message, the server sends it back, and then the connection is idle.
type idleKind struct {
	name  string // the first cell of the row
	conns int    // how many connections are measured; 0 means 2,000
	size  int    // of the message, in bytes; 0 means 64
	// listen starts the server. It calls answered when the last bytes of a connection were handled.
	listen func(p *party) (*reactor.Conn, error)
	// connect opens a connection to addr. It calls answered when the answer has arrived.
	connect    func(p *party, addr string) error
	clientOnly bool // the row has no number for the server
}

// party is one of the two processes: the one that is measured, or its peer.
type party struct {
	m        *reactor.Manager
	kind     *idleKind
	message  []byte
	tls      *tls.Config // of the server or of the client
	dir      string      // for sockets
	answered func()
	handler  reactor.Handler
	kept     []*session.Session
}

// fn returns the handler of all connections, so that it does not count for each. It reports errors
// and calls on, as given to the first call, with each event.
func (p *party) fn(on func(c *reactor.Conn, ev reactor.Event, data any)) reactor.Handler {
	if p.handler == nil {
		p.handler = func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev == reactor.EvError {
				fmt.Fprintln(os.Stderr, "error:", data)
			}
			on(c, ev, data)
		}
	}
	return p.handler
}

// secure starts TLS on a new connection or listener if the URL asks for it.
func (p *party) secure(c *reactor.Conn, err error, scheme string) (*reactor.Conn, error) {
	switch scheme {
	case "tls", "https", "wss", "mqtts":
		if err == nil {
			c.StartTLS(p.tls)
		}
	}
	return c, err
}

// anywhere is the URL of a listener.
func (p *party) anywhere(scheme string) string {
	if scheme == "unix" {
		return "unix://" + p.dir + "/socket"
	}
	return scheme + "://127.0.0.1:0"
}

func idleStream(name, scheme string, conns, size int) idleKind {
	return idleKind{name: name, conns: conns, size: size, clientOnly: scheme == "udp",
		listen: func(p *party) (*reactor.Conn, error) {
			c, err := p.m.Listen(p.anywhere(scheme), p.fn(func(c *reactor.Conn, ev reactor.Event, _ any) {
				if ev == reactor.EvRead && c.Recv.Len() == len(p.message) {
					echo(c, ev, nil)
					p.answered()
				}
			}), nil)
			return p.secure(c, err, scheme)
		},
		connect: func(p *party, addr string) error {
			c, err := p.m.Connect(scheme+"://"+addr, p.fn(func(c *reactor.Conn, ev reactor.Event, _ any) {
				switch ev {
				case reactor.EvConnect:
					c.Write(p.message)
				case reactor.EvRead:
					if c.Recv.Len() == len(p.message) {
						c.Recv.Reset()
						p.answered()
					}
				}
			}), nil)
			_, err = p.secure(c, err, scheme)
			return err
		},
	}
}

func idleHTTP(name, scheme string, conns int) idleKind {
	return idleKind{name: name, conns: conns,
		listen: func(p *party) (*reactor.Conn, error) {
			c, err := http.Listen(p.m, p.anywhere(scheme), p.fn(func(c *reactor.Conn, ev reactor.Event, _ any) {
				if ev == reactor.EvHTTPMsg {
					http.ReplyBytes(c, 200, "", p.message)
					p.answered()
				}
			}), nil)
			return p.secure(c, err, scheme)
		},
		connect: func(p *party, addr string) error {
			c, err := http.Connect(p.m, scheme+"://"+addr, p.fn(func(c *reactor.Conn, ev reactor.Event, _ any) {
				switch ev {
				case reactor.EvConnect:
					http.SendRequest(c, &http.Request{URL: "/"})
				case reactor.EvHTTPMsg:
					p.answered()
				}
			}), nil)
			_, err = p.secure(c, err, scheme)
			return err
		},
	}
}

func idleWS(name, scheme string, conns, size int, server, client *ws.Options) idleKind {
	return idleKind{name: name, conns: conns, size: size,
		listen: func(p *party) (*reactor.Conn, error) {
			c, err := ws.Listen(p.m, p.anywhere(scheme), p.fn(func(c *reactor.Conn, ev reactor.Event, data any) {
				if ev == reactor.EvWSMsg {
					ws.Send(c, data.(*ws.Message).Data, ws.OpText)
					p.answered()
				}
			}), nil, server)
			return p.secure(c, err, scheme)
		},
		connect: func(p *party, addr string) error {
			c, err := ws.Connect(p.m, scheme+"://"+addr, p.fn(func(c *reactor.Conn, ev reactor.Event, _ any) {
				switch ev {
				case reactor.EvWSOpen:
					ws.Send(c, p.message, ws.OpText)
				case reactor.EvWSMsg:
					p.answered()
				}
			}), nil, "", client)
			_, err = p.secure(c, err, scheme)
			return err
		},
	}
}

// broker starts an MQTT server that sends each message of a client back to it.
func broker(scheme string) func(p *party) (*reactor.Conn, error) {
	return func(p *party) (*reactor.Conn, error) {
		c, err := mqtt.Listen(p.m, p.anywhere(scheme), p.fn(func(c *reactor.Conn, ev reactor.Event, data any) {
			msg, _ := data.(*mqtt.Message)
			switch {
			case ev == reactor.EvMQTTMsg:
				mqtt.Pub(c, &mqtt.Options{Topic: "a/b", Message: msg.Data, QoS: 1})
			case ev != reactor.EvMQTTCmd:
			case msg.Cmd == mqtt.CmdConnect:
				mqtt.Connack(c, false, mqtt.ReasonSuccess)
			case msg.Cmd == mqtt.CmdSubscribe:
				mqtt.Suback(c, msg.ID, mqtt.ReasonGrantedQoS1)
			case msg.Cmd == mqtt.CmdPuback:
				p.answered()
			}
		}), nil)
		return p.secure(c, err, scheme)
	}
}

func idleMQTT(name, scheme string, conns int, version uint8) idleKind {
	return idleKind{name: name, conns: conns, listen: broker(scheme),
		connect: func(p *party, addr string) error {
			c, err := mqtt.Connect(p.m, scheme+"://"+addr, &mqtt.Options{Version: version},
				p.fn(func(c *reactor.Conn, ev reactor.Event, _ any) {
					switch ev {
					case reactor.EvMQTTOpen:
						mqtt.Sub(c, &mqtt.Options{Topic: "a/#", QoS: 1})
						mqtt.Pub(c, &mqtt.Options{Topic: "a/b", Message: p.message, QoS: 1})
					case reactor.EvMQTTMsg:
						p.answered()
					}
				}), nil)
			_, err = p.secure(c, err, scheme)
			return err
		},
	}
}

// idleSession is a session with a subscription.
func idleSession(name, scheme string, version uint8) idleKind {
	return idleKind{name: name, listen: broker(scheme), clientOnly: true,
		connect: func(p *party, addr string) error {
			fn := p.fn(func(_ *reactor.Conn, ev reactor.Event, _ any) {
				if ev == reactor.EvMQTTMsg {
					p.answered()
				}
			})
			opts := session.Options{URLs: []string{scheme + "://" + addr}, Login: mqtt.Options{Version: version}}
			opts.Login.ClientID = fmt.Sprint("device-", len(p.kept))
			s, err := session.New(p.m, &opts, fn, nil)
			if err != nil {
				return err
			}
			p.kept = append(p.kept, s)
			if err := s.Subscribe(session.Subscription{Filter: "a/" + opts.Login.ClientID, QoS: 1, Fn: fn}); err != nil {
				return err
			}
			_, err = s.Publish(&session.Message{Topic: "a/b", Data: p.message, QoS: 1})
			return err
		},
	}
}

const (
	overTLS = 300      // connections with TLS: a handshake takes a millisecond
	inParts = 46 << 10 // bytes of a message that is longer than any window of permessage-deflate
)

var (
	alone    = &ws.Options{Deflate: &ws.Deflate{NoContextTakeover: true, PeerNoContextTakeover: true}}
	inward   = &ws.Options{Deflate: &ws.Deflate{NoContextTakeover: true}}
	takeover = &ws.Options{Deflate: &ws.Deflate{}}
	level1   = &ws.Options{Deflate: &ws.Deflate{Level: 1}}
	narrow   = &ws.Options{Deflate: &ws.Deflate{NoContextTakeover: true, PeerWindowBits: 9}}
	smallest = &ws.Options{Deflate: &ws.Deflate{WindowBits: 9, PeerWindowBits: 9}}
	poor     = &ws.Options{Deflate: &ws.Deflate{Budget: -1}}
)

var idleKinds = []idleKind{
	idleStream("tcp://", "tcp", 0, 0),
	idleStream("unix://", "unix", 0, 0),
	idleStream("udp://", "udp", 0, 0),
	idleStream("tls://", "tls", overTLS, 0),
	idleStream("tls://, after records of the largest size", "tls", overTLS, 200_000),
	idleHTTP("http://", "http", 0),
	idleHTTP("https://", "https", overTLS),
	idleWS("ws://", "ws", 0, 0, nil, nil),
	idleWS("wss://", "wss", overTLS, 0, nil, nil),
	idleWS("ws://, compressed without context takeover", "ws", 500, inParts, alone, alone),
	idleWS("ws://, a context for receiving", "ws", 60, inParts, inward, takeover),
	idleWS("ws://, both contexts", "ws", 40, inParts, takeover, takeover),
	idleWS("ws://, a context for receiving of 512 bytes", "ws", 60, inParts, narrow, takeover),
	idleWS("ws://, both contexts, level 1", "ws", 40, inParts, level1, level1),
	idleWS("ws://, both contexts, windows of 512 bytes", "ws", 40, inParts, smallest, smallest),
	idleWS("ws://, contexts beyond `ws.Deflate.Budget`", "ws", 500, inParts, poor, poor),
	idleMQTT("mqtt://, MQTT 3.1.1", "mqtt", 0, 4),
	idleMQTT("mqtt://, MQTT 5.0", "mqtt", 0, 5),
	idleMQTT("MQTT 3.1.1 over ws://", "ws", 0, 4),
	idleMQTT("MQTT 5.0 over ws://", "ws", 0, 5),
	idleMQTT("mqtts://, MQTT 3.1.1", "mqtts", overTLS, 4),
	idleMQTT("MQTT 3.1.1 over wss://", "wss", overTLS, 4),
	idleSession("a session over mqtt://, MQTT 3.1.1", "mqtt", 4),
	idleSession("a session over mqtt://, MQTT 5.0", "mqtt", 5),
	idleSession("a session over ws://, MQTT 3.1.1", "ws", 4),
}

// text returns the message of a kind.
func (k *idleKind) text() []byte {
	n := k.size
	if n == 0 {
		n = 64
	}
	return []byte(strings.Repeat("0123456789 some words, ", n/23+1)[:n])
}
