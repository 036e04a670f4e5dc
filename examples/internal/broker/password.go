package broker

import (
	"slices"

	"github.com/rikki-go/rikki/reactor"
)

// The CONNECTs that wait until their passwords are checked are limited. Beyond that a CONNECT is
// refused with 0x89, Server busy.
const (
	MaxChecks     = 100
	MaxCheckBytes = 16 << 20 // of their packets
)

// SetPasswords sets the passwords that clients need. Nil lets everyone in. Clients that are
// connected stay connected.
func (b *Broker) SetPasswords(p *Passwords) { b.passwords = p }

// checks checks passwords, one after the other, on a goroutine beside the loop: that takes a
// millisecond or much more, as the file of passwords says.
type checks struct {
	m       *reactor.Manager
	waiting []check
	bytes   int // of the checks that wait and the one that runs
	running bool
}

// check is a password to be checked.
type check struct {
	client    *client
	passwords *Passwords
	user      string
	password  []byte
	size      int // of the CONNECT
	done      func(right bool)
}

// add calls c.done on the loop when the password has been checked. It returns false if too much
// waits.
func (q *checks) add(c check) bool {
	if len(q.waiting) >= MaxChecks || q.bytes+c.size > MaxCheckBytes {
		return false
	}
	q.bytes += c.size
	q.waiting = append(q.waiting, c)
	q.start()
	return true
}

// remove removes the check of a client that has gone, if it waits.
func (q *checks) remove(c *client) {
	if i := slices.IndexFunc(q.waiting, func(w check) bool { return w.client == c }); i >= 0 {
		q.bytes -= q.waiting[i].size
		q.waiting = slices.Delete(q.waiting, i, i+1)
	}
}

// start begins the first check, if none is running.
func (q *checks) start() {
	if q.running || len(q.waiting) == 0 {
		return
	}
	q.running = true
	first := q.waiting[0]
	q.waiting[0] = check{}
	q.waiting = q.waiting[1:]
	go func() {
		right := first.passwords.Check(first.user, first.password)
		q.m.Post(func() { // it fails if the manager is closed
			q.running = false
			q.bytes -= first.size
			first.done(right)
			q.start()
		})
	}()
}
