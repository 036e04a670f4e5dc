//go:build linux

package main

import (
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// mqttKind is what a client does with the messages.
type mqttKind string

const (
	// mqttOwn publishes and receives: the client has subscribed to its own topic. A message is
	// complete when its copy has arrived.
	mqttOwn mqttKind = "own"
	// mqttPublish publishes only. A message is complete when PUBACK or PUBCOMP has arrived. With
	// QoS 0 another client, the sink, allows the next messages.
	mqttPublish mqttKind = "publish"
	// mqttReceive receives what another client, the feeder, publishes.
	mqttReceive mqttKind = "receive"
)

// mqttLoad is what a client does with a mosquitto on one connection.
type mqttLoad struct {
	kind     mqttKind
	scheme   string // tcp or ws
	qos      uint8
	window   int // messages in flight
	warm     time.Duration
	duration time.Duration
}

func (l mqttLoad) String() string {
	return fmt.Sprintf("%s, %s, QoS %d, %d in flight", l.kind, l.scheme, l.qos, l.window)
}

const (
	mqttTopic   = "bench"
	mqttCredit  = "credit" // the topic of permissions to publish more, and the line for them
	mqttPayload = 64       // bytes
	// creditEvery is the number of messages of mqttReceive for which the client prints a line. The
	// feeder gets these lines, and is at most mqttAhead messages ahead of them. So the queue of
	// mosquitto never overflows, which would drop messages. The client does not publish the
	// credits: the kernel of a client that also writes delays acknowledgements.
	creditEvery = 128
	mqttAhead   = 512
)

// mqttLoads returns all loads. A client that publishes QoS 0 and hears nothing back has no messages
// in flight, so that load exists only with a batch of 64 for each credit.
func mqttLoads(warm, duration time.Duration) (loads []mqttLoad) {
	for _, kind := range []mqttKind{mqttOwn, mqttPublish, mqttReceive} {
		for _, scheme := range []string{"tcp", "ws"} {
			for qos := range uint8(3) {
				for _, window := range []int{1, 64} {
					if kind != mqttPublish || qos > 0 || window > 1 {
						loads = append(loads, mqttLoad{kind, scheme, qos, window, warm, duration})
					}
				}
			}
		}
	}
	return loads
}

// printCredit prints a credit if one is due after n messages of mqttReceive.
func printCredit(n int) {
	if n%creditEvery == 0 {
		fmt.Println(mqttCredit)
	}
}

// args returns the arguments of a child process, which parseLoad parses.
func (l mqttLoad) args() []string {
	return []string{string(l.kind), l.scheme, strconv.Itoa(int(l.qos)), strconv.Itoa(l.window),
		l.warm.String(), l.duration.String()}
}

func parseLoad(args []string) (l mqttLoad, err error) {
	if len(args) != 6 {
		return l, fmt.Errorf("%d arguments of a load, want 6", len(args))
	}
	l.kind, l.scheme = mqttKind(args[0]), args[1]
	if l.kind != mqttOwn && l.kind != mqttPublish && l.kind != mqttReceive {
		return l, fmt.Errorf("no kind of load %q", args[0])
	}
	qos, err := strconv.ParseUint(args[2], 10, 8)
	if err != nil {
		return l, err
	}
	l.qos = uint8(qos)
	if l.window, err = strconv.Atoi(args[3]); err != nil {
		return l, err
	}
	if l.warm, err = time.ParseDuration(args[4]); err != nil {
		return l, err
	}
	l.duration, err = time.ParseDuration(args[5])
	return l, err
}

// credited reports whether the sink allows the client to publish.
func (l mqttLoad) credited() bool { return l.kind == mqttPublish && l.qos == 0 }

// inFlight returns how many messages may be incomplete. With credits one batch is at the sink while
// the next one is published.
func (l mqttLoad) inFlight() int {
	if l.credited() {
		return 2 * l.window
	}
	return l.window
}

// filter returns what the client subscribes to, or the empty string.
func (l mqttLoad) filter() (topic string, qos uint8) {
	switch {
	case l.kind != mqttPublish:
		return mqttTopic, l.qos
	case l.qos == 0:
		return mqttCredit, 0
	}
	return "", 0
}

// mqttResult is what a client has counted and measured in its time.
type mqttResult struct {
	messages     int
	wall         time.Duration
	user, system time.Duration // CPU time of all threads
	published    int           // with warm-up and end; the sink must get as many
}

func (r mqttResult) perSecond() float64 { return float64(r.messages) / r.wall.Seconds() }

// microseconds returns the CPU time per message in microseconds.
func (r mqttResult) microseconds() float64 {
	return float64((r.user + r.system).Nanoseconds()) / 1e3 / float64(r.messages)
}

// systemShare returns which part of the CPU time the kernel used, from 0 to 1.
func (r mqttResult) systemShare() float64 {
	return float64(r.system) / float64(r.user+r.system)
}

// print writes the line that ends a child process. parseResult parses it.
func (r mqttResult) print() {
	fmt.Printf("%d %.9f %d %d %d\n", r.messages, r.wall.Seconds(), r.user.Nanoseconds(), r.system.Nanoseconds(), r.published)
}

func parseResult(line string) (r mqttResult, err error) {
	var seconds float64
	if _, err := fmt.Sscan(line, &r.messages, &seconds, (*int64)(&r.user), (*int64)(&r.system), &r.published); err != nil {
		return r, fmt.Errorf("result %q: %w", line, err)
	}
	if r.messages == 0 {
		return r, fmt.Errorf("result %q: no messages", line)
	}
	r.wall = time.Duration(seconds * float64(time.Second))
	return r, nil
}

// span measures between two calls.
type span struct {
	messages int
	at       time.Time
	usage    unix.Rusage
}

func beginSpan(messages int) span {
	s := span{messages: messages, at: time.Now()}
	if err := unix.Getrusage(unix.RUSAGE_SELF, &s.usage); err != nil {
		panic(err) // not possible with valid arguments
	}
	return s
}

func (s span) end(messages int) mqttResult {
	now := beginSpan(messages)
	return mqttResult{
		messages: now.messages - s.messages,
		wall:     now.at.Sub(s.at),
		user:     time.Duration(now.usage.Utime.Nano() - s.usage.Utime.Nano()),
		system:   time.Duration(now.usage.Stime.Nano() - s.usage.Stime.Nano()),
	}
}
