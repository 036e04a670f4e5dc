package session_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
)

// scram is an Authenticator with one challenge.
type scram struct {
	noMethod bool
	calls    string
	bad      bool // Next fails
}

func (s *scram) Method() string {
	if s.noMethod {
		return ""
	}
	return "SCRAM"
}

func (s *scram) Start(again bool) ([]byte, error) {
	s.calls += map[bool]string{true: "again ", false: "start "}[again]
	return []byte("first"), nil
}

func (s *scram) Next(data []byte) ([]byte, error) {
	s.calls += "next:" + string(data) + " "
	if s.bad {
		return nil, errors.New("bad nonce")
	}
	return []byte("proof"), nil
}

func (s *scram) Finish(data []byte) error {
	s.calls += "finish:" + string(data) + " "
	return nil
}

// authServer makes a server ask for one challenge.
func authServer(srv *server, method string) {
	props := func(data string) []mqtt.Property {
		return []mqtt.Property{{ID: mqtt.PropAuthenticationMethod, Value: []byte(method)}, {ID: mqtt.PropAuthenticationData, Value: []byte(data)}}
	}
	again := false
	srv.on = func(p *peer, m *mqtt.Message) bool {
		switch {
		case m.Cmd == mqtt.CmdConnect || m.Cmd == mqtt.CmdAuth && m.Ack == mqtt.ReasonReauthenticate:
			again = m.Cmd == mqtt.CmdAuth
			p.send(mqtt.AppendAuth(nil, 5, mqtt.ReasonContinueAuthentication, props("challenge")))
		case m.Cmd == mqtt.CmdAuth && again:
			p.send(mqtt.AppendAuth(nil, 5, 0, props("signature2")))
		case m.Cmd == mqtt.CmdAuth:
			p.send(mqtt.AppendConnack(nil, 5, false, 0, props("signature")))
		default:
			return false
		}
		return true
	}
}

// A session authenticates with AUTH packets, also on later connections, and again while it is up.
func TestAuthenticate(t *testing.T) {
	for _, scheme := range schemes {
		t.Run(scheme, func(t *testing.T) {
			m, k := newLoop(t)
			srv := newServer(t, m, scheme)
			authServer(srv, "SCRAM")
			a := &scram{}
			cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}, Auth: a, Login: mqtt.Options{Version: 5, ClientID: "c"}})
			if cl.Reauthenticate() == nil {
				t.Error("Reauthenticate before the first connection")
			}
			cl.await("up")
			looptest.Must(t, cl.Reauthenticate())
			if cl.Reauthenticate() == nil {
				t.Error("Reauthenticate twice")
			}
			looptest.Await(t, m, "the second exchange", func() bool { return strings.Contains(a.calls, "signature2") })
			srv.last().c.Abort()
			cl.await("down")
			cl.take()
			cl.k.Advance(time.Second)
			cl.await("up")
			want := "start next:challenge finish:signature again next:challenge finish:signature2 start next:challenge finish:signature "
			if a.calls != want {
				t.Errorf("calls %s\nwant  %s", a.calls, want)
			}
		})
	}
}

// A failed authentication fails the attempt, and says why.
func TestAuthenticateFails(t *testing.T) {
	tests := []struct {
		name, method string
		bad          bool
		words        string
	}{
		{"another method", "PLAIN", false, "Authentication Method"},
		{"the program refuses", "SCRAM", true, "bad nonce"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m, k := newLoop(t)
			srv := newServer(t, m, "mqtt")
			authServer(srv, test.method)
			cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}, Auth: &scram{bad: test.bad}, Login: mqtt.Options{Version: 5}})
			cl.await("retry")
			if !strings.Contains(cl.lastErr().Error(), test.words) {
				t.Errorf("reason %v", cl.lastErr())
			}
		})
	}
	t.Run("no method in CONNACK", func(t *testing.T) {
		m, k := newLoop(t)
		srv := newServer(t, m, "mqtt")
		cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}, Auth: &scram{}, Login: mqtt.Options{Version: 5}})
		cl.await("retry")
		if !strings.Contains(cl.lastErr().Error(), "Authentication Method") {
			t.Errorf("reason %v", cl.lastErr())
		}
	})
}

// Other goroutines publish and wait for the outcome.
func TestPublishWait(t *testing.T) {
	m := looptest.NewManager(t)
	srv := newServer(t, m, "mqtt")
	s, err := session.New(m, &session.Options{URLs: []string{srv.url}}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var finished atomic.Bool
	ctx := context.Background()
	go func() {
		defer finished.Store(true)
		for qos, want := range []session.Result{session.Sent, session.Acknowledged, session.Acknowledged} {
			o, err := s.PublishWait(ctx, &session.Message{Topic: "t", Data: []byte("x"), QoS: uint8(qos)})
			if err != nil || o.Result != want || o.Handle == 0 || o.Message != nil {
				t.Errorf("QoS %d: %+v, error %v", qos, o, err)
			}
		}
		if _, err := s.PublishWait(ctx, &session.Message{Topic: "#"}); !errors.Is(err, mqtt.ErrMalformed) {
			t.Errorf("invalid topic: %v", err)
		}
		if _, err := s.PublishWait(ctx, nil); err == nil {
			t.Error("nil message")
		}
		if _, err := s.PublishWait(ctx, &session.Message{Topic: "t", Done: func(*session.Outcome) {}}); err == nil {
			t.Error("a message with Done")
		}
		m.Do(ctx, func() { srv.on = func(*peer, *mqtt.Message) bool { return true } })
		short, cancel := context.WithTimeout(ctx, time.Millisecond)
		defer cancel()
		if _, err := s.PublishWait(short, &session.Message{Topic: "t", QoS: 1}); err != context.DeadlineExceeded {
			t.Errorf("context: %v", err)
		}
		m.Post(s.Close)
		if o, err := s.PublishWait(ctx, &session.Message{Topic: "t", QoS: 1}); err != session.ErrClosed {
			t.Errorf("Close: %+v, %v", o, err)
		}
	}()
	looptest.Await(t, m, "the end", finished.Load)
}
