package http

import "github.com/rikki-go/rikki/reactor"

// server is the layer of a listener: what its connections share.
type server struct {
	limits Limits
	store  store
}

// Handle does nothing: a listener has no bytes.
func (s *server) Handle(*reactor.Conn, reactor.Event, any) {}

// Accept returns the layer of an accepted connection.
func (s *server) Accept(*reactor.Conn) reactor.Protocol {
	l := s.store.layer()
	*l = layer{store: &s.store}
	l.parser.Limits = s.limits
	return l
}

func newClient() *layer {
	l := &layer{store: new(store)}
	l.parser.Response = true
	return l
}

// store lends memory, so that neither a connection that becomes a WebSocket
// nor a message leaves garbage behind. A Message is lent while the layer runs:
// handlers of one connection can run inside those of another, each with its
// own.
type store struct {
	layers   []*layer
	messages []*Message
	scratch  []byte // of Reply, while it composes a header
}

// What a store keeps at most.
const (
	keepLayers   = 256
	keepMessages = 16
)

func (s *store) layer() *layer {
	last := len(s.layers) - 1
	if last < 0 {
		return new(layer)
	}
	l := s.layers[last]
	s.layers = s.layers[:last]
	return l
}

func (s *store) keepLayer(l *layer) {
	if len(s.layers) < keepLayers {
		s.layers = append(s.layers, l)
	}
}

func (s *store) message() *Message {
	last := len(s.messages) - 1
	if last < 0 {
		return new(Message)
	}
	m := s.messages[last]
	s.messages = s.messages[:last]
	return m
}

// keepMessage takes a message back. It is cleared so that it keeps nothing
// of a connection's memory alive.
func (s *store) keepMessage(m *Message) {
	m.clear()
	if len(s.messages) < keepMessages {
		s.messages = append(s.messages, m)
	}
}
