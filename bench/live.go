//go:build linux

package main

import "sync"

// liveState is live state as a server of applications has it: small objects with pointers to each
// other, which the garbage collector must visit.
type liveState struct {
	mu    sync.Mutex // servers with a goroutine per connection use it at the same time
	all   []*liveSession
	next  int
	topic map[int]*liveSession
}

// liveSession has about liveSize bytes.
type liveSession struct {
	name   string
	peers  []*liveSession
	inbox  [][]byte
	values [8]any
}

const liveSize = 1 << 10

// live is the state of this process, or nil. Every message of an echo replaces one liveSession, so
// that garbage is made at the same rate in each server.
var live *liveState

func newLiveState(megabytes int) *liveState {
	s := &liveState{all: make([]*liveSession, megabytes<<20/liveSize), topic: map[int]*liveSession{}}
	for i := range s.all {
		s.all[i] = s.make(i)
	}
	return s
}

func (s *liveState) make(i int) *liveSession {
	before := s.all[(i+len(s.all)-1)%len(s.all)]
	n := &liveSession{name: string(make([]byte, 32)), peers: make([]*liveSession, 8), inbox: make([][]byte, 8)}
	for j := range n.inbox {
		n.inbox[j] = make([]byte, 64)
	}
	n.values[i%len(n.values)] = before != nil
	n.peers[0] = s.all[i*7%len(s.all)]
	if n.peers[0] != nil {
		n.peers[0].peers[0] = nil // otherwise replaced liveState stay alive
	}
	return n
}

// touch replaces one liveSession.
func (s *liveState) touch() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.next
	s.next = (i + 1) % len(s.all)
	s.all[i] = s.make(i)
	s.topic[i%1024] = s.all[i]
}
