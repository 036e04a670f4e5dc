package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

const (
	maxWho  = 40  // characters of a name
	maxText = 500 // characters of a text
)

// browser is a connection with an open WebSocket.
type browser struct {
	waiting int // messages without an outcome
}

// request is what a browser sends. ID is its own number of the message, for the outcome.
type request struct {
	ID   int64  `json:"id"`
	Who  string `json:"who"`
	Text string `json:"text"`
}

// answer is what browsers get. Type says which fields it has.
type answer struct {
	Type    string       `json:"type"`
	Server  string       `json:"server,omitempty"`  // hello: the name of this process
	Others  []string     `json:"others,omitempty"`  // hello: URLs of other processes
	Why     *string      `json:"why,omitempty"`     // broker: empty, or why it is not connected
	Servers []memberInfo `json:"servers,omitempty"` // servers
	Message *message     `json:"message,omitempty"` // message
	ID      int64        `json:"id,omitempty"`      // accepted, outcome: that of the request
	Number  string       `json:"number,omitempty"`  // accepted: the ID of the message
	Error   string       `json:"error,omitempty"`   // outcome: empty if the broker has the message
}

// memberInfo is a process in the answer servers.
type memberInfo struct {
	Name     string `json:"name"`
	Browsers int    `json:"browsers"`
}

// handle is the handler of the listener and of the connections that it accepts.
func (s *server) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvHTTPMsg:
		if hm := data.(*http.Message); string(hm.URI) == "/ws" {
			if err := ws.Upgrade(c, hm, "", &s.ws); err != nil {
				s.peers.Info("not upgraded", "id", c.ID(), "remote", c.RemoteAddr(), "error", err)
			}
		} else {
			http.ServeDir(c, hm, &s.files) // an error is logged
		}
	case reactor.EvWSOpen:
		s.browsers[c] = &browser{}
		s.ownChange = true
		s.send(c, &answer{Type: "hello", Server: s.name, Others: s.others})
		s.send(c, s.brokerState())
		s.send(c, s.list())
	case reactor.EvWSMsg:
		s.request(c, data.(*ws.Message))
	case reactor.EvError:
		s.peers.Info("connection failed", "id", c.ID(), "remote", c.RemoteAddr(), "error", data.(error))
	case reactor.EvClose:
		if s.browsers[c] != nil {
			delete(s.browsers, c)
			s.ownChange = true
		}
	}
}

func (s *server) brokerState() *answer { return &answer{Type: "broker", Why: &s.why} }

// request takes a message of a browser.
func (s *server) request(c *reactor.Conn, m *ws.Message) {
	var r request
	if err := json.Unmarshal(m.Data, &r); err != nil || m.Op != ws.OpText {
		s.peers.Info("not a request", "id", c.ID(), "error", err)
		ws.Close(c, 1008, "want JSON") // fails only if the connection is closing
		return
	}
	number, err := s.publish(c, &r)
	if err != nil {
		s.send(c, &answer{Type: "outcome", ID: r.ID, Error: err.Error()})
		return
	}
	s.send(c, &answer{Type: "accepted", ID: r.ID, Number: number})
}

// publish passes a message to the broker. Its author gets the outcome. A message that the broker
// does not get within a minute is dropped: then nobody expects it any more.
func (s *server) publish(c *reactor.Conn, r *request) (number string, err error) {
	b := s.browsers[c]
	switch text := strings.TrimSpace(r.Text); {
	case text == "":
		return "", errors.New("the text is empty")
	case utf8.RuneCountInString(text) > maxText:
		return "", fmt.Errorf("the text has more than %d characters", maxText)
	case utf8.RuneCountInString(r.Who) > maxWho:
		return "", fmt.Errorf("the name has more than %d characters", maxWho)
	case b == nil: // the WebSocket is closing
		return "", reactor.ErrClosed
	case b.waiting >= maxWaiting:
		return "", fmt.Errorf("%d messages wait for the broker", b.waiting)
	}
	s.numbered++
	number = fmt.Sprintf("%s-%s-%d", s.name, s.run, s.numbered)
	p, err := json.Marshal(message{number, s.name, r.Who, r.Text})
	if err != nil {
		return "", err
	}
	id := r.ID
	_, err = s.session.Publish(&session.Message{Topic: s.messages(), Data: p, QoS: 1, Expiry: keep, Done: func(o *session.Outcome) {
		b.waiting--
		a := &answer{Type: "outcome", ID: id}
		if o.Err != nil {
			a.Error = o.Err.Error()
		}
		s.send(c, a)
	}})
	if err != nil {
		return "", err
	}
	b.waiting++
	return number, nil
}

// send sends an answer to a browser, unless it has gone.
func (s *server) send(c *reactor.Conn, a *answer) {
	if s.browsers[c] == nil {
		return
	}
	p, err := json.Marshal(a)
	if err != nil {
		s.log.Error("not sent", "error", err)
		return
	}
	ws.Send(c, p, ws.OpText) // fails only if the connection is closing
}

// broadcast sends an answer to all browsers. Its frame is made once. A browser that does not read
// has a limit of unsent bytes, at which its connection fails.
func (s *server) broadcast(a *answer) {
	p, err := json.Marshal(a)
	if err != nil {
		s.log.Error("not sent", "error", err)
		return
	}
	if err := s.toAll.Set(p, ws.OpText); err != nil {
		s.log.Error("not sent", "error", err)
		return
	}
	for c := range s.browsers {
		s.toAll.Send(c) // fails only if the connection is closing
	}
}
