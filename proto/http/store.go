package http

import "github.com/rikki-go/rikki/reactor"

// listener is the layer of a listener. It holds what the accepted connections share.
type listener struct {
	limits Limits
	spares spares
}

// Handle implements [reactor.Protocol]. It does nothing, because a listener receives no bytes.
func (s *listener) Handle(*reactor.Conn, reactor.Event, any) {}

// Accept implements [reactor.Acceptor]. It returns the layer of an accepted connection.
func (s *listener) Accept(*reactor.Conn) reactor.Protocol {
	l := s.spares.getLayer()
	*l = layer{spares: &s.spares}
	l.parser.Limits = s.limits
	return l
}

// newClient returns the layer of a client's connection.
func newClient(c *reactor.Conn) *layer {
	l := sharedLayer(c)
	l.parser.Response = true
	return l
}

// sharedLayer returns the layer of a connection that neither a listener nor a Client has made. Such
// connections share the spares of their manager.
func sharedLayer(c *reactor.Conn) *layer {
	s := reactor.Local[spares](c.Manager())
	l := s.getLayer()
	*l = layer{spares: s}
	return l
}

// spares is a pool of layers and messages. With it connections and messages create no
// garbage. A layer goes back to the pool when its connection closes, or when another layer
// replaces it, for example the layer of a WebSocket. Each layer takes a Message while it
// delivers. One Message is not enough: a handler of one connection can run inside a handler
// of another connection.
type spares struct {
	layers   []*layer
	messages []*Message
	streams  []*stream
	scratch  []byte // scratch buffer in which Reply composes a header
	date     dateLine
}

// The largest number of unused layers, messages and streams in spares.
const (
	maxSpareLayers   = 256
	maxSpareMessages = 16
	maxSpareStreams  = 16
)

func (s *spares) getLayer() *layer {
	last := len(s.layers) - 1
	if last < 0 {
		return new(layer)
	}
	l := s.layers[last]
	s.layers = s.layers[:last]
	return l
}

func (s *spares) putLayer(l *layer) {
	if len(s.layers) < maxSpareLayers {
		s.layers = append(s.layers, l)
	}
}

func (s *spares) getMessage() *Message {
	last := len(s.messages) - 1
	if last < 0 {
		return new(Message)
	}
	m := s.messages[last]
	s.messages = s.messages[:last]
	return m
}

// putMessage puts a message back into the pool. It clears the message, so that the message
// does not keep a connection's buffer alive.
func (s *spares) putMessage(m *Message) {
	m.reset()
	if len(s.messages) < maxSpareMessages {
		s.messages = append(s.messages, m)
	}
}

func (s *spares) getStream() *stream {
	last := len(s.streams) - 1
	if last < 0 {
		return new(stream)
	}
	t := s.streams[last]
	s.streams = s.streams[:last]
	return t
}

// putStream puts a stream back into the pool. It keeps the memory of the header.
func (s *spares) putStream(t *stream) {
	if len(s.streams) < maxSpareStreams {
		t.msg.reset()
		*t = stream{head: t.head[:0], msg: Message{Headers: t.msg.Headers}}
		s.streams = append(s.streams, t)
	}
}
