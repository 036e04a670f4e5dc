//go:build linux

package main

import (
	"slices"
	"time"
)

// pace is the time between the beginnings of two requests of a bystander.
const pace = 2 * time.Millisecond

// latencies are the times that a bystander's requests took.
type latencies []time.Duration

// add records a request. A request that takes longer than the pace keeps others from being made:
// they are recorded with the time that they would have waited. Without them, one request of ten
// seconds would hardly count among a thousand fast ones.
func (l *latencies) add(took time.Duration) {
	for ; took >= 0; took -= pace {
		*l = append(*l, took)
		if took <= pace {
			return
		}
	}
}

// quantile returns the time that a part of the requests did not exceed. It is 0 without requests.
func (l latencies) quantile(part float64) time.Duration {
	if len(l) == 0 {
		return 0
	}
	slices.Sort(l)
	return l[min(int(part*float64(len(l))), len(l)-1)]
}

// watched is what a bystander has seen in one phase.
type watched struct {
	Requests       int
	Failures       int
	Lost           int    // datagrams without an answer
	Why            string // the first failure
	P50, P99, Most time.Duration
}
