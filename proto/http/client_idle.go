package http

import (
	"slices"

	"github.com/rikki-go/rikki/reactor"
)

// list adds the connection to the idle ones. If there are too many, the longest idle one goes.
func (k *clientConn) list() {
	cl := k.host.cl
	k.since = cl.m.Now()
	k.host.idle = append(k.host.idle, k)
	if cl.idle = append(cl.idle, k); len(cl.idle) > cl.opts.IdleConns {
		cl.dropOldest()
	}
	cl.armIdleTimer()
}

// unlist removes the connection from the idle ones.
func (k *clientConn) unlist() {
	if i := slices.Index(k.host.idle, k); i >= 0 {
		k.host.idle = slices.Delete(k.host.idle, i, i+1)
		i = slices.Index(k.host.cl.idle, k)
		k.host.cl.idle = slices.Delete(k.host.cl.idle, i, i+1)
	}
}

// dropOldest closes the connection that is idle longest.
func (cl *Client) dropOldest() {
	k := cl.idle[0]
	k.leave()
	k.c.Drain()
	k.host.dropIfUnused()
}

// armIdleTimer arms the timer for the time at which the longest idle connection has been idle for
// IdleTime.
func (cl *Client) armIdleTimer() {
	if cl.idleArmed || len(cl.idle) == 0 || cl.opts.IdleTime < 0 {
		return
	}
	cl.idleArmed = true
	d := cl.idle[0].since.Add(cl.opts.IdleTime).Sub(cl.m.Now())
	if cl.idleTime == nil {
		cl.idleTime = cl.m.AddTimer(d, reactor.TimerOnce, cl.dropExpired)
	} else {
		cl.idleTime.Reset(d)
	}
}

// dropExpired closes the connections that have been idle for IdleTime.
func (cl *Client) dropExpired() {
	cl.idleArmed = false
	now := cl.m.Now()
	for len(cl.idle) > 0 && now.Sub(cl.idle[0].since) >= cl.opts.IdleTime {
		cl.dropOldest()
	}
	cl.armIdleTimer()
}
