package session_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// If all URLs refuse the session in a way that does not heal, it ends with EvSessionRetry, unless
// RetryRefused is set.
func TestRefused(t *testing.T) {
	tests := []struct {
		version uint8
		code    mqtt.ReasonCode
		retry   bool
		want    string
	}{
		{4, mqtt.ConnackNotAuthorized, false, "retry 1s, abandoned x, retry final"},
		{4, mqtt.ConnackServerUnavailable, false, "retry 1s, retry 2s"},
		{5, mqtt.ReasonBadUserNameOrPassword, false, "retry 1s, abandoned x, retry final"},
		{5, mqtt.ReasonServerBusy, false, "retry 1s, retry 2s"},
		{5, mqtt.ReasonBadUserNameOrPassword, true, "retry 1s, retry 2s"},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%d %02X %v", test.version, test.code, test.retry), func(t *testing.T) {
			m, k := newLoop(t)
			a, b := newServer(t, m, "mqtt"), newServer(t, m, "ws")
			a.refuse, b.refuse = test.code, test.code
			if test.version == 5 {
				b.connack = []mqtt.Property{{ID: mqtt.PropReasonString, Value: []byte("ask Bob")}}
			}
			cl := newClient(t, m, k, session.Options{URLs: []string{a.url, b.url}, RetryRefused: test.retry,
				Login: mqtt.Options{Version: test.version}})
			cl.must("t", "x", 1)
			cl.await("retry")
			cl.k.Advance(time.Second)
			looptest.Await(t, m, "two attempts", func() bool { return len(cl.errs) == 2 })
			cl.want(test.want)
			var refused *mqtt.RefusedError
			if !errors.As(cl.lastErr(), &refused) || refused.Code != test.code || refused.Cmd != mqtt.CmdConnack {
				t.Errorf("reason %v", cl.lastErr())
			}
			if test.version == 5 && !strings.Contains(cl.lastErr().Error(), "ask Bob") {
				t.Errorf("reason %v", cl.lastErr())
			}
			cl.wait(time.Hour)
		})
	}
}

// refuse returns a check that refuses a WebSocket handshake.
func refuse(status int) func(*reactor.Conn, *http.Message) error {
	return func(*reactor.Conn, *http.Message) error { return &ws.HandshakeError{Status: status} }
}

// A WebSocket handshake may refuse too.
func TestRefusedByWebSocket(t *testing.T) {
	tests := []struct {
		name  string
		opts  ws.Options
		final bool
		words string
	}{
		{"401", ws.Options{Check: refuse(401)}, true, "401"},
		{"403", ws.Options{Check: refuse(403)}, true, "403"},
		{"503", ws.Options{Check: refuse(503)}, false, "503"},
		{"no subprotocol", ws.Options{}, true, "subprotocol mqtt"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m, k := newLoop(t)
			l, err := ws.Listen(m, "ws://127.0.0.1:0", nil, nil, &test.opts)
			if err != nil {
				t.Fatal(err)
			}
			cl := newClient(t, m, k, session.Options{URLs: []string{fmt.Sprintf("ws://%v/", l.LocalAddr())}})
			cl.await("retry")
			if got, want := cl.take(), map[bool]string{true: "retry final", false: "retry 1s"}[test.final]; got != want {
				t.Errorf("events %s, want %s: %v", got, want, cl.lastErr())
			}
			if !strings.Contains(cl.lastErr().Error(), test.words) {
				t.Errorf("reason %v, want %q", cl.lastErr(), test.words)
			}
		})
	}
}

// A server that speaks 3.1.1 only answers a CONNECT of 5.0 with a CONNACK of 3.1.1.
func TestRefusedVersion(t *testing.T) {
	m, k := newLoop(t)
	srv := newServer(t, m, "mqtt")
	srv.on = func(p *peer, m *mqtt.Message) bool {
		p.send(mqtt.AppendConnack(nil, 4, false, mqtt.ConnackBadProtocolVersion, nil))
		p.c.Drain()
		return true
	}
	cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}, Login: mqtt.Options{Version: 5}})
	cl.await("retry")
	cl.want("retry final")
	if !errors.Is(cl.lastErr(), mqtt.ErrVersion) {
		t.Errorf("reason %v", cl.lastErr())
	}
}

// A server that is not there, or does not answer, is tried again.
func TestNoAnswer(t *testing.T) {
	m, k := newLoop(t)
	silent := newServer(t, m, "mqtt")
	silent.on = func(*peer, *mqtt.Message) bool { return true }
	gone := newServer(t, m, "mqtt")
	gone.listener.Close()
	looptest.Settle(t, m)
	cl := newClient(t, m, k, session.Options{URLs: []string{gone.url, silent.url, "mqtt://host.invalid"},
		Login: mqtt.Options{Deadlines: &reactor.Deadlines{Handshake: 5 * time.Second}}})
	cl.await("retry")
	cl.k.Advance(time.Second)
	awaitLog(t, silent, "CONNECT")
	cl.wait(5 * time.Second)
	cl.await("retry 2s")
	if !errors.Is(cl.lastErr(), os.ErrDeadlineExceeded) {
		t.Errorf("reason %v", cl.lastErr())
	}
	cl.k.Advance(2 * time.Second)
	cl.await("retry 4s")
	cl.want("retry 1s, retry 2s, retry 4s")
}

// A server may send the session to another one, at CONNACK or later.
func TestServerReference(t *testing.T) {
	for _, scheme := range schemes {
		t.Run(scheme, func(t *testing.T) {
			m, k := newLoop(t)
			a, b := newServer(t, m, scheme), newServer(t, m, scheme)
			to := func(s *server) []mqtt.Property {
				return []mqtt.Property{{ID: mqtt.PropServerReference, Value: []byte(s.listener.LocalAddr().String())}}
			}
			a.refuse, a.connack = mqtt.ReasonUseAnotherServer, to(b)
			cl := newClient(t, m, k, session.Options{URLs: []string{strings.Replace(a.url, "://", "://u:secret@", 1)},
				Login: mqtt.Options{Version: 5}})
			urls := ""
			cl.on = func(_ *reactor.Conn, ev reactor.Event, data any) {
				if ev == reactor.EvSessionUp {
					urls += data.(*session.Up).URL
				}
			}
			cl.await("retry")
			cl.k.Advance(time.Second)
			cl.await("up")
			if want := strings.Replace(b.url, "://", "://u:xxxxx@", 1); urls != want {
				t.Errorf("connected to %s, want %s", urls, want)
			}
			a.refuse, a.connack = 0, nil
			b.last().send(mqtt.AppendDisconnect(nil, 5, mqtt.ReasonServerMoved, to(a)))
			b.last().c.Drain()
			cl.await("down")
			cl.k.Advance(time.Hour)
			looptest.Await(t, m, "the first server", func() bool { return len(a.peers) == 2 && a.last().id != "" })
		})
	}
}

// Options.Before may change URL and credentials of one attempt. Its error fails the attempt.
func TestBefore(t *testing.T) {
	m, k := newLoop(t)
	srv := newServer(t, m, "mqtt")
	users := ""
	srv.on = func(p *peer, m *mqtt.Message) bool {
		if m.Cmd == mqtt.CmdConnect {
			users += m.Connect().User + " "
		}
		return false
	}
	var attempts []int
	broken := errors.New("no token")
	cl := newClient(t, m, k, session.Options{URLs: []string{"mqtt://host.invalid"}, Login: mqtt.Options{ClientID: "c"},
		Before: func(a *session.Attempt) error {
			attempts = append(attempts, a.Number)
			a.URL = srv.url
			a.Login.User = fmt.Sprint("user", len(attempts))
			switch len(attempts) {
			case 1:
				return broken
			case 2:
				a.Login.Version = 5
			case 3:
				a.Login.ClientID = "d"
			case 4:
				a.URL = "mqtt://u:secret@host:bad"
			}
			return nil
		}})
	for _, words := range []string{"no token", "Login.Version", "Login.ClientID", "bad URL"} {
		n := len(cl.errs)
		looptest.Await(t, m, words, func() bool { return len(cl.errs) > n })
		if err := cl.lastErr(); !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "secret") {
			t.Errorf("reason %v, want %q", err, words)
		}
		cl.k.Advance(time.Hour)
	}
	if !errors.Is(cl.errs[0], broken) {
		t.Errorf("reason %v", cl.errs[0])
	}
	cl.await("up")
	srv.last().c.Abort()
	cl.await("down")
	cl.take()
	cl.k.Advance(time.Hour)
	cl.await("up")
	if got := fmt.Sprint(attempts, users); got != "[1 2 3 4 5 1]user5 user6 " {
		t.Errorf("attempts and users: %s", got)
	}
}

// What CONNECT says depends on whether the session is kept, and on earlier connections.
func TestConnectPacket(t *testing.T) {
	const forever = uint32(0xFFFFFFFF)
	tests := []struct {
		name    string
		o       session.Options
		want    []string // of the first and the second connection
		present bool
	}{
		{"3.1.1, not kept", session.Options{Login: mqtt.Options{ClientID: "c"}}, []string{"clean=true 60s ", "clean=true 60s "}, false},
		{"3.1.1, kept", session.Options{Login: mqtt.Options{ClientID: "c"}, Expiry: 1}, []string{"clean=false 60s ", "clean=false 60s "}, true},
		{"3.1.1, kept, clean at first", session.Options{Login: mqtt.Options{ClientID: "c", Clean: true}, Expiry: 1},
			[]string{"clean=true 60s ", "clean=false 60s ", "clean=false 60s "}, true},
		{"5.0, not kept", session.Options{Login: mqtt.Options{ClientID: "c", Version: 5, KeepAlive: -1}}, []string{"clean=true 0s ", "clean=true 0s "}, false},
		{"5.0, kept", session.Options{Login: mqtt.Options{ClientID: "c", Version: 5, KeepAlive: 5 * time.Second}, Expiry: 1500 * time.Millisecond},
			[]string{"clean=false 5s Session Expiry Interval=2 ", "clean=false 5s Session Expiry Interval=2 "}, true},
		{"5.0, kept, clean at first", session.Options{Login: mqtt.Options{ClientID: "c", Version: 5, Clean: true}, Expiry: session.Forever},
			[]string{fmt.Sprintf("clean=true 60s Session Expiry Interval=%d ", forever), fmt.Sprintf("clean=false 60s Session Expiry Interval=%d ", forever)}, false},
		{"5.0, Receive Maximum", session.Options{Login: mqtt.Options{ClientID: "c", Version: 5, Props: []mqtt.Property{{ID: mqtt.PropTopicAliasMaximum, Int: 3}}}, ReceiveMaximum: 7},
			[]string{"clean=true 60s Topic Alias Maximum=3 Receive Maximum=7 ", "clean=true 60s Topic Alias Maximum=3 Receive Maximum=7 "}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m, k := newLoop(t)
			srv := newServer(t, m, "mqtt")
			var got []string
			srv.on = func(_ *peer, m *mqtt.Message) bool {
				if m.Cmd == mqtt.CmdConnect {
					c := m.Connect()
					s := fmt.Sprintf("clean=%v %ds ", c.CleanStart, c.KeepAlive)
					for _, p := range c.Props {
						s += fmt.Sprintf("%v=%d ", p.ID, p.Int)
					}
					got = append(got, s)
				}
				return false
			}
			test.o.URLs = []string{srv.url}
			cl := newClient(t, m, k, test.o)
			cl.await("up")
			cl.want("up present=false")
			srv.last().c.Abort()
			cl.await("down")
			cl.k.Advance(time.Hour)
			cl.await("up")
			cl.want(fmt.Sprint("down 1s, up present=", test.present))
			if strings.Join(got, "|") != strings.Join(test.want, "|") {
				t.Errorf("CONNECT %q\nwant    %q", got, test.want)
			}
		})
	}
}

// The server may choose the client identifier. The session keeps it.
func TestAssignedClientID(t *testing.T) {
	m, k := newLoop(t)
	srv := newServer(t, m, "wss")
	srv.connack = []mqtt.Property{{ID: mqtt.PropAssignedClientIdentifier, Value: []byte("chosen")}}
	cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}, Expiry: time.Hour, Login: mqtt.Options{AssignID: true, Version: 5}})
	cl.await("up")
	srv.connack = nil
	srv.kept["chosen"] = true
	srv.last().c.Abort()
	cl.await("down")
	cl.take()
	cl.k.Advance(time.Hour)
	cl.await("up present=true")
	if got, want := srv.take(), `CONNECT "" clean=true, CONNECT "chosen" clean=false`; got != want || cl.ClientID() != "chosen" {
		t.Errorf("packets %s, want %s; ClientID %q", got, want, cl.ClientID())
	}
}

// The URLs of a session may have several transports: each gets the options that it has a use for.
func TestURLsOfSeveralTransports(t *testing.T) {
	m, k := newLoop(t)
	cl, err := tryClient(t, m, k, session.Options{
		URLs:  []string{"unix:///nowhere", "mqtt://127.0.0.1:1", "ws://127.0.0.1:1", "mqtts://127.0.0.1:1"},
		Login: mqtt.Options{Headers: "A: b\r\n", WS: &ws.Options{}, TLS: &tls.Config{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	cl.Close()
}
