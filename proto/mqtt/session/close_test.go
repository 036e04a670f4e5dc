package session_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/reactor"
)

// moments are the states in which a session may be ended. Each function leads a session to one.
var moments = []struct {
	name    string
	reach   func(cl *client, srv *server)
	packets string // that the server gets after it
}{
	{"before the first Poll", func(*client, *server) {}, ""},
	{"while it connects", func(cl *client, _ *server) { looptest.Spin(cl.t, cl.m, 1) }, "any"},
	{"before CONNACK", func(cl *client, srv *server) {
		srv.on = func(*peer, *mqtt.Message) bool { return true }
		awaitLog(cl.t, srv, "CONNECT")
	}, "DISCONNECT"},
	{"up", func(cl *client, srv *server) {
		cl.await("up")
		awaitLog(cl.t, srv, "PUBLISH")
	}, "DISCONNECT"},
	{"between two attempts", func(cl *client, srv *server) {
		srv.refuse = mqtt.ConnackServerUnavailable
		cl.await("retry")
	}, ""},
}

// enders are the ways to end a session.
var enders = []struct {
	name string
	end  func(cl *client)
	err  error
}{
	{"Close", func(cl *client) { cl.Close() }, nil},
	{"Close twice", func(cl *client) { cl.Close(); cl.Close() }, nil},
	{"Close in a posted function", func(cl *client) { cl.m.Post(cl.Close) }, nil},
	{"Manager.Close", func(cl *client) { cl.m.Close() }, reactor.ErrClosed},
	{"Manager.Close in a posted function", func(cl *client) { cl.m.Post(func() { cl.m.Close() }) }, reactor.ErrClosed},
	{"Manager.Drain", func(cl *client) { cl.m.Drain(5 * time.Second) }, reactor.ErrClosed},
}

// In each state, a session can be ended. All messages get their outcome first. Then there is one
// final event, and nothing follows but the EvClose of the connection.
func TestEnd(t *testing.T) {
	for _, scheme := range []string{"mqtt", "wss"} {
		for _, moment := range moments {
			for _, ender := range enders {
				t.Run(scheme+", "+moment.name+", "+ender.name, func(t *testing.T) {
					m, k := newLoop(t)
					srv := newServer(t, m, scheme)
					cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}})
					quiet := func(p *peer, m *mqtt.Message) bool { return m.Cmd == mqtt.CmdPublish }
					srv.on = quiet
					cl.must("t", "a", 1)
					cl.must("t", "b", 0)
					moment.reach(cl, srv)
					srv.take()
					for _, e := range strings.Split(cl.take(), ", ") {
						if e != "" && !strings.HasPrefix(e, "up") && !strings.HasPrefix(e, "retry") && e != "sent" {
							t.Errorf("event %s", e)
						}
					}
					ender.end(cl)
					closes := strings.HasPrefix(ender.name, "Close")
					for range looptest.Turns {
						if m.Poll(time.Millisecond) != nil || cl.finals > 0 && m.NextTimeout() > time.Hour {
							break
						}
					}
					got := cl.take()
					want := "abandoned a, abandoned b, down final"
					if moment.name == "up" {
						want = "abandoned a, down final"
					}
					if moment.name == "before CONNACK" || moment.name == "while it connects" {
						if !closes {
							want = strings.Replace(want, "down", "retry", 1)
						}
					}
					if got != want {
						t.Errorf("events %s\nwant   %s", got, want)
					}
					if err := cl.lastErr(); cl.finals != 1 || !errors.Is(err, ender.err) {
						t.Errorf("%d final events, reason %v", cl.finals, err)
					}
					if _, err := cl.Publish(&session.Message{Topic: "t"}); err != session.ErrClosed {
						t.Errorf("Publish: %v", err)
					}
					if closes {
						looptest.Settle(t, m)
						cl.wait(time.Hour)
						if got := srv.take(); got != moment.packets && moment.packets != "any" {
							t.Errorf("packets %s, want %s", got, moment.packets)
						}
						for _, p := range srv.peers {
							if moment.packets == "DISCONNECT" && (!p.closed || p.eof != nil) {
								t.Errorf("closed %v, error %v", p.closed, p.eof)
							}
						}
					}
				})
			}
		}
	}
}

// The handler may close the session in any of its events.
func TestCloseInHandlers(t *testing.T) {
	events := []reactor.Event{reactor.EvOpen, reactor.EvConnect, reactor.EvMQTTOpen, reactor.EvMQTTCmd,
		reactor.EvSessionUp, reactor.EvMQTTMsg, reactor.EvRead, reactor.EvWrite, reactor.EvError, reactor.EvClose,
		reactor.EvSessionDown, reactor.EvSessionPub, reactor.EvSessionSub, reactor.EvSessionRetry}
	for _, ev := range events {
		for _, version := range []uint8{4, 5} {
			t.Run(fmt.Sprint(ev, version), func(t *testing.T) {
				m, k := newLoop(t)
				srv := newServer(t, m, "ws")
				cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}, Login: mqtt.Options{Version: version}})
				srv.on = func(p *peer, m *mqtt.Message) bool {
					if m.Cmd == mqtt.CmdPublish && string(m.Data) == "end" {
						p.c.Abort()
					} else if m.Cmd == mqtt.CmdPublish {
						p.publish(mqtt.PublishPacket{Topic: "in", Data: []byte("hello"), QoS: 1, ID: 9})
					}
					return false
				}
				if ev == reactor.EvSessionRetry {
					srv.refuse = mqtt.ConnackServerUnavailable
					if version == 5 {
						srv.refuse = mqtt.ReasonServerBusy
					}
				}
				looptest.Must(t, cl.Subscribe(session.Subscription{Filter: "in"}))
				cl.must("t", "x", 1)
				called := 0
				cl.on = func(c *reactor.Conn, got reactor.Event, data any) {
					if got == reactor.EvMQTTMsg {
						cl.Publish(&session.Message{Topic: "t", Data: []byte("end")})
					}
					if got == ev && called == 0 {
						called++
						before := len(cl.events)
						cl.Close()
						if len(cl.events) != before {
							t.Error("Close has called the handler")
						}
					}
				}
				looptest.Await(t, m, "the end", func() bool { return cl.finals == 1 })
				cl.wait(time.Hour)
				if called != 1 || len(cl.errs) == 0 || cl.lastErr() != nil {
					t.Errorf("called %d times, reason %v", called, cl.lastErr())
				}
			})
		}
	}
}

// CloseWith sends code and properties.
func TestCloseWith(t *testing.T) {
	m, k := newLoop(t)
	srv := newServer(t, m, "mqtt")
	got := ""
	srv.on = func(_ *peer, m *mqtt.Message) bool {
		if m.Cmd == mqtt.CmdDisconnect {
			got = fmt.Sprintf("%02X %x", uint8(m.Ack), m.Props)
		}
		return false
	}
	cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}, Expiry: time.Hour, Login: mqtt.Options{ClientID: "c", Version: 5}})
	cl.await("up")
	if err := cl.CloseWith(0x8B); err == nil {
		t.Error("a code that only servers may send")
	}
	looptest.Must(t, cl.CloseWith(mqtt.ReasonDisconnectWithWill, mqtt.Property{ID: mqtt.PropSessionExpiryInterval}))
	cl.await("down final")
	if got != "04 1100000000" {
		t.Errorf("DISCONNECT %s", got)
	}
}

// The DISCONNECT of CloseWith is the one that the server gets, also if the manager drains before
// the loop has sent it. Otherwise the will would be lost.
func TestCloseWithAndManagerDrain(t *testing.T) {
	for _, scheme := range schemes {
		for _, code := range []mqtt.ReasonCode{mqtt.ReasonSuccess, mqtt.ReasonDisconnectWithWill} {
			t.Run(fmt.Sprintf("%s %02X", scheme, uint8(code)), func(t *testing.T) {
				m, k := newLoop(t)
				servers, _ := newLoop(t)
				srv := newServer(t, servers, scheme)
				cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}, Login: mqtt.Options{Version: 5}})
				for range looptest.Turns {
					if strings.HasPrefix(strings.Join(cl.events, ""), "up") {
						break
					}
					looptest.Must(t, m.Poll(time.Millisecond))
					looptest.Must(t, servers.Poll(time.Millisecond))
				}
				cl.want("up present=false")
				srv.take()
				looptest.Must(t, cl.CloseWith(code))
				m.Drain(0)
				cl.want("down final")
				if cl.lastErr() != nil {
					t.Errorf("reason %v", cl.lastErr())
				}
				looptest.Await(t, servers, "the end", func() bool { return srv.last().closed })
				want := "DISCONNECT"
				if code != 0 {
					want += " 04"
				}
				if got := srv.take(); got != want {
					t.Errorf("packets %s, want %s", got, want)
				}
			})
		}
	}
}

// A message that a handler has had is acknowledged before DISCONNECT.
func TestCloseAcknowledges(t *testing.T) {
	everywhere(t, func(t *testing.T, scheme string, version uint8) {
		m, k := newLoop(t)
		srv := newServer(t, m, scheme)
		cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}, Login: mqtt.Options{Version: version}})
		cl.await("up")
		cl.on = func(_ *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvMQTTMsg {
				cl.Close()
			}
		}
		srv.last().publish(mqtt.PublishPacket{Topic: "in", QoS: 1, ID: 7})
		cl.await("down final")
		looptest.Settle(t, m)
		if got := srv.take(); !strings.HasSuffix(got, "PUBACK, DISCONNECT") {
			t.Errorf("packets %s", got)
		}
	})
}

// Drain waits for all outcomes, across connections.
func TestDrain(t *testing.T) {
	everywhere(t, func(t *testing.T, scheme string, version uint8) {
		m, k := newLoop(t)
		srv := newServer(t, m, scheme)
		srv.on = func(_ *peer, m *mqtt.Message) bool { return m.Cmd == mqtt.CmdPublish }
		cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}, Expiry: 1, Login: mqtt.Options{ClientID: "c", Version: version}})
		cl.must("t", "x", 2)
		awaitLog(t, srv, "PUBLISH")
		cl.Drain()
		if _, err := cl.Publish(&session.Message{Topic: "t"}); err != session.ErrClosed {
			t.Errorf("Publish: %v", err)
		}
		cl.wait(time.Minute)
		srv.last().c.Abort()
		srv.on = nil
		cl.await("down")
		cl.wait(time.Minute)
		cl.await("down final")
		cl.want("up present=false, down 1s, up present=true, acknowledged x, down final")
	})
	t.Run("nothing to wait for", func(t *testing.T) {
		m, k := newLoop(t)
		cl := newClient(t, m, k, session.Options{URLs: []string{"mqtt://host.invalid"}})
		cl.Drain()
		cl.await("down final")
		cl.want("down final")
	})
}

// Close ends the session also if the program has sent DISCONNECT by itself, and the server waits
// for the end of the connection.
func TestCloseAfterDisconnect(t *testing.T) {
	for _, scheme := range schemes {
		m, k := newLoop(t)
		srv := newServer(t, m, scheme)
		srv.on = func(_ *peer, m *mqtt.Message) bool { return m.Cmd == mqtt.CmdDisconnect }
		cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}})
		cl.await("up")
		looptest.Must(t, mqtt.Disconnect(cl.Conn(), nil))
		looptest.Settle(t, m)
		cl.Close()
		looptest.Settle(t, m)
		cl.wait(time.Minute)
		if got := cl.take(); got != "up present=false, down final" {
			t.Errorf("%s: events %s", scheme, got)
		}
	}
}
