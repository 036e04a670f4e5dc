package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

const (
	maxUnsent  = 256 << 10   // bytes that wait for a browser before it is disconnected
	maxMessage = 4 << 10     // bytes of a message of a browser, or of the broker
	maxWaiting = 100         // messages of a browser without an outcome
	maxQueue   = 1000        // messages of all browsers without an outcome
	maxServers = 100         // processes that are shown
	keep       = time.Minute // how long messages wait for the broker, and the broker keeps the session
	tick       = 100 * time.Millisecond
)

//go:embed page
var embedded embed.FS

// headers are lines of the responses that have a file. The page loads nothing from elsewhere.
const headers = "Content-Security-Policy: default-src 'self'; img-src 'self' data:; connect-src 'self' ws: wss:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n" +
	"X-Content-Type-Options: nosniff\r\nCache-Control: no-cache\r\n"

// server is the state of the program.
type server struct {
	options
	tls        *tls.Config
	log, peers *slog.Logger // peers: for records that others cause, whose number is limited
	ws         ws.Options
	files      http.ServeOptions
	session    *session.Session
	browsers   map[*reactor.Conn]*browser
	toAll      ws.Prepared             // the answer for all browsers, see broadcast
	servers    map[string]int          // the number of browsers of each process, by its name
	run        string                  // random, in the numbers of messages: a process may start again
	numbered   int                     // messages
	why        string                  // the broker is not connected; empty if it is
	listChange bool                    // browsers do not know servers yet
	ownChange  bool                    // the broker does not know the number of browsers yet
	end        context.CancelCauseFunc // ends the program
	ended      error                   // why the session has ended
	over       bool                    // the session has ended
}

func newServer(o options, cfg *tls.Config, log *slog.Logger) *server {
	s := &server{options: o, tls: cfg, log: log, peers: termlog.Limit(log), browsers: map[*reactor.Conn]*browser{},
		servers: map[string]int{}, run: rand.Text()[:8], why: "not connected yet", end: func(error) {}}
	s.ws = ws.Options{Limits: ws.Limits{Message: maxMessage}, Ping: 30 * time.Second, Origins: o.others}
	return s
}

// checkLevel returns an error if a text cannot be a level of a topic and a part of a client
// identifier.
func checkLevel(s string) error {
	if s == "" || len(s) > 64 || s[0] == '$' || strings.Contains(s, "/") || !mqtt.ValidTopic(s) {
		return fmt.Errorf("%q cannot be a level of a topic", s)
	}
	return nil
}

// messages and member are topics. Each process has a member with the number of its browsers.
func (s *server) messages() string          { return s.topic + "/messages" }
func (s *server) member(name string) string { return s.topic + "/servers/" + name }

// start listens, and makes the session.
func (s *server) start(m *reactor.Manager) error {
	files, err := fs.Sub(embedded, "page")
	if err != nil {
		return err
	}
	s.files = http.ServeOptions{FS: files, Headers: headers, NoGzip: true}
	l, err := http.Listen(m, s.listen, s.handle, nil)
	if err != nil {
		return cli.ListenError("-listen", s.listen, err)
	}
	if err := l.SetLimits(reactor.Limits{Conns: s.conns, Send: maxUnsent}); err != nil { // for accepted connections
		return err
	}
	// Without Clean: mosquitto 2.0 does not keep sessions on disk that have begun with it.
	s.session, err = session.New(m, &session.Options{
		URLs: []string{s.broker},
		Login: mqtt.Options{Version: 5, ClientID: s.topic + "-" + s.name, TLS: s.tls,
			Topic: s.member(s.name), QoS: 1, Retain: true}, // the will: an empty message removes the retained one
		Expiry:  keep,
		Backoff: session.Backoff{Max: 5 * time.Second},
		Queue:   session.Queue{Messages: maxQueue},
	}, s.event, nil)
	if err != nil {
		return err
	}
	err = s.session.Subscribe(
		session.Subscription{Filter: s.messages(), QoS: 1, Fn: s.receive},
		session.Subscription{Filter: s.member("+"), QoS: 1, Fn: s.receiveMember})
	if err != nil {
		return err
	}
	m.AddTimer(tick, reactor.TimerRepeat, s.tell)
	s.log.Info("listening", "name", s.name, "url", "http://"+l.LocalAddr().String())
	return nil
}

// event is the handler of the session.
func (s *server) event(_ *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvSessionUp:
		up := data.(*session.Up)
		s.log.Info("CONNECTED to "+up.URL, "session", map[bool]string{true: "resumed", false: "new"}[up.Present])
		if !up.Present { // the retained messages come again
			clear(s.servers)
		}
		s.listChange, s.ownChange = true, true
		if up.Present { // else the subscription makes it ready
			s.ready()
		}
	case reactor.EvSessionDown:
		down := data.(*session.Down)
		s.lost("DISCONNECTED", down.Err, down.Final)
	case reactor.EvSessionRetry:
		retry := data.(*session.Retry)
		s.lost("NOT CONNECTED to "+retry.URL, retry.Err, retry.Final)
	case reactor.EvSessionSub:
		if r := data.(*session.SubResult); errors.Is(r.Err, session.ErrClosed) {
			return // the final event says why
		} else if r.Err != nil {
			s.log.Error("NOT SUBSCRIBED to "+r.Filter, "error", r.Err)
			s.finish(r.Err)
		} else if r.Filter == s.messages() {
			s.ready()
		}
	case reactor.EvSessionPub:
		if o := data.(*session.Outcome); o.Err != nil {
			s.peers.Debug("LOST", "error", o.Err)
		}
	}
}

// ready is called when the broker passes messages on.
func (s *server) ready() {
	s.log.Info("READY")
	s.why = ""
	s.broadcast(s.brokerState())
}

// lost is called when a connection or an attempt has ended.
func (s *server) lost(what string, err error, final bool) {
	if s.over = final; final && err == nil {
		return // by leave
	}
	s.peers.Warn(what, "error", err)
	before := s.why
	if s.why = err.Error(); s.why != before {
		s.broadcast(s.brokerState())
	}
	if final {
		s.finish(err)
	}
}

// finish ends the program, unless it ends already.
func (s *server) finish(err error) {
	if s.ended == nil && err != nil {
		s.ended = fmt.Errorf("the broker: %w", err)
		s.end(s.ended)
	}
}

// message is a message as the processes exchange it.
type message struct {
	ID   string `json:"id"`
	From string `json:"from"` // process
	Who  string `json:"who"`
	Text string `json:"text"`
}

// receive is the handler of the messages of all processes, of this one too.
func (s *server) receive(_ *reactor.Conn, _ reactor.Event, data any) {
	var m message
	p := data.(*mqtt.Message)
	if err := decode(p.Data, &m); err != nil || m.ID == "" || m.From == "" {
		s.peers.Warn("not a message of a backplane", "topic", p.Topic, "bytes", len(p.Data), "error", err)
		return
	}
	s.peers.Debug("message", "id", m.ID, "who", m.Who, "text", m.Text)
	s.broadcast(&answer{Type: "message", Message: &m})
}

// receiveMember is the handler of the messages about processes.
func (s *server) receiveMember(_ *reactor.Conn, _ reactor.Event, data any) {
	p := data.(*mqtt.Message)
	name := strings.TrimPrefix(string(p.Topic), s.member(""))
	_, known := s.servers[name]
	var state memberState
	switch err := decode(p.Data, &state); {
	case len(p.Data) == 0:
		if name == s.name { // the will of an earlier connection, which this one has replaced
			s.ownChange = true
		}
		delete(s.servers, name)
	case err != nil || checkLevel(name) != nil || state.Browsers < 0:
		s.peers.Warn("not a process of a backplane", "topic", p.Topic, "error", err)
		return
	case known || len(s.servers) < maxServers:
		s.servers[name] = state.Browsers
	}
	s.listChange = true
}

// memberState is the retained message of a process.
type memberState struct {
	Browsers int `json:"browsers"`
}

// decode decodes JSON that is not too large.
func decode(p []byte, to any) error {
	if len(p) > maxMessage {
		return fmt.Errorf("it has %d bytes, more than %d", len(p), maxMessage)
	}
	return json.Unmarshal(p, to)
}

// tell is the function of the timer: it tells what has changed, so that many changes are one
// message.
func (s *server) tell() {
	if s.ownChange && s.session.Connected() {
		s.ownChange = false
		p, err := json.Marshal(memberState{len(s.browsers)})
		if err == nil {
			_, err = s.session.Publish(&session.Message{Topic: s.member(s.name), Data: p, QoS: 1, Retain: true})
		}
		if err != nil {
			s.peers.Warn("number of browsers not published", "error", err)
		}
	}
	if s.listChange {
		s.listChange = false
		s.broadcast(s.list())
	}
}

// list returns the message with the processes, in the order of their names.
func (s *server) list() *answer {
	a := &answer{Type: "servers", Servers: []memberInfo{}}
	for name, n := range s.servers {
		a.Servers = append(a.Servers, memberInfo{name, n})
	}
	slices.SortFunc(a.Servers, func(x, y memberInfo) int { return strings.Compare(x.Name, y.Name) })
	return a
}
