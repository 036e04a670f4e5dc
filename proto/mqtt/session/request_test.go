package session_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
)

// serveRequests makes the server answer requests to the topic svc, as a responder does with Reply.
func serveRequests(t *testing.T) func(p *peer, m *mqtt.Message) bool {
	return func(p *peer, m *mqtt.Message) bool {
		if m.Cmd != mqtt.CmdPublish || string(m.Topic) != "svc" {
			return false
		}
		p.answer(m)
		reply, err := session.Reply(m, append([]byte("re:"), m.Data...))
		if err != nil {
			t.Error(err)
		}
		p.publish(mqtt.PublishPacket{Topic: reply.Topic, QoS: reply.QoS, ID: m.ID, Data: reply.Data, Props: reply.Props})
		return true
	}
}

// A session makes requests over each transport. They need no event of the program's handler.
func TestRequest(t *testing.T) {
	for _, scheme := range schemes {
		for _, manual := range []bool{false, true} {
			m, k := newLoop(t)
			srv := newServer(t, m, scheme)
			srv.on = serveRequests(t)
			cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}, ManualAck: manual,
				Login: mqtt.Options{ClientID: "c", Version: 5}})
			ask := func(data string, qos uint8) {
				msg := session.Message{Topic: "svc", Data: []byte(data), QoS: qos}
				looptestMust(t, cl.Request(&msg, time.Minute, func(reply *mqtt.Message, err error) {
					if err != nil {
						cl.note("%s: %v", data, err)
						return
					}
					cl.note("%s -> %s", data, reply.Data)
				}))
			}
			for qos := range uint8(3) {
				ask(fmt.Sprint("q", qos), qos)
			}
			cl.await("q2 -> re:q2")
			awaitLog(t, srv, "PUBREC") // the acknowledgement of a reply
			cl.want("up present=false, q0 -> re:q0, q1 -> re:q1, q2 -> re:q2")
			if got := srv.take(); !strings.HasPrefix(got, `CONNECT "c" clean=true, SUBSCRIBE rikki/reply/c, PUBLISH svc=q0 q0`) ||
				!strings.Contains(got, "PUBACK") {
				t.Errorf("%s: packets %s", scheme, got)
			}
			srv.last().c.Close() // the session is lost
			cl.await("down")
			ask("later", 1)
			k.Advance(time.Second)
			cl.await("later -> re:later")
			if got := srv.take(); !strings.Contains(got, "SUBSCRIBE rikki/reply/c, PUBLISH svc=later q1") {
				t.Errorf("%s: packets %s", scheme, got)
			}
			cl.take()
			srv.on = nil // nobody answers any more
			ask("in vain", 1)
			cl.wait(time.Minute)
			cl.want("in vain: " + session.ErrTimeout.Error())
			ask("closed", 1)
			cl.Close()
			cl.await("down final")
			cl.want("closed: " + session.ErrClosed.Error() + ", down final")
		}
	}
}

// A request that was not sent in time ends with ErrTimeout, unless the program has given its
// message a shorter Expiry.
func TestRequestNotSent(t *testing.T) {
	for _, row := range []struct {
		expiry time.Duration
		want   error
	}{
		{0, session.ErrTimeout}, {time.Hour, session.ErrTimeout}, {time.Minute, session.ErrTimeout}, {time.Second, session.ErrExpired},
	} {
		m, k := newLoop(t)
		cl := newClient(t, m, k, session.Options{URLs: []string{"mqtt://127.0.0.1:1"}, Login: mqtt.Options{ClientID: "c", Version: 5}})
		var got []error
		msg := session.Message{Topic: "svc", QoS: 1, Expiry: row.expiry}
		looptestMust(t, cl.Request(&msg, time.Minute, func(_ *mqtt.Message, err error) { got = append(got, err) }))
		if cl.wait(time.Minute); len(got) != 1 || !errors.Is(got[0], row.want) {
			t.Errorf("Expiry %v: %v, want %v", row.expiry, got, row.want)
		}
	}
}

// What is wrong with a request is told at once, and the function is not called.
func TestRequestRefused(t *testing.T) {
	m, k := newLoop(t)
	srv := newServer(t, m, "mqtt")
	fn := func(*mqtt.Message, error) { t.Error("the function is called") }
	old := newClient(t, m, k, session.Options{URLs: []string{srv.url}, Login: mqtt.Options{ClientID: "old"}})
	if err := old.Request(&session.Message{Topic: "svc"}, time.Second, fn); err == nil || !strings.Contains(err.Error(), "5.0") {
		t.Errorf("3.1.1: %v", err)
	}
	srv.connack = []mqtt.Property{{ID: mqtt.PropResponseInformation, Value: []byte("own/place")}}
	cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}, Login: mqtt.Options{ClientID: "c", Version: 5,
		Props: []mqtt.Property{{ID: mqtt.PropRequestResponseInfo, Int: 1}}}})
	if err := cl.Request(&session.Message{Topic: "svc"}, time.Second, fn); err == nil || !strings.Contains(err.Error(), "EvSessionUp") {
		t.Errorf("before the first connection: %v", err)
	}
	old.Close()
	cl.await("up")
	srv.on = serveRequests(t)
	looptestMust(t, cl.Request(&session.Message{Topic: "svc", Data: []byte("x")}, time.Second, func(reply *mqtt.Message, err error) {
		cl.note("%s %v", reply.Topic, err)
	}))
	cl.await("own/place/rikki/reply/c <nil>")
	if err := cl.Request(&session.Message{Topic: "a/#"}, time.Second, fn); !errors.Is(err, mqtt.ErrMalformed) {
		t.Errorf("an invalid topic: %v", err)
	}
	cl.Close()
	if err := cl.Request(&session.Message{Topic: "svc"}, time.Second, fn); err != session.ErrClosed {
		t.Errorf("after Close: %v", err)
	}
	cl.wait(time.Minute)
}
