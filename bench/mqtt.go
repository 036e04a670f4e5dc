//go:build linux

package main

import (
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// mqttLoad is what a client does with a mosquitto on one connection. It keeps messages in flight: a
// message is complete when its PUBACK has arrived, or if the client has subscribed to the topic
// when its own copy has arrived.
type mqttLoad struct {
	scheme   string // tcp or ws
	qos      uint8
	window   int // messages in flight
	own      bool
	warm     time.Duration
	duration time.Duration
}

func (l mqttLoad) String() string {
	return fmt.Sprintf("%s, QoS %d, %d in flight", l.scheme, l.qos, l.window)
}

const (
	mqttTopic   = "bench"
	mqttPayload = 64 // bytes
)

// args returns the arguments of a child process, which parseLoad parses.
func (l mqttLoad) args() []string {
	return []string{l.scheme, strconv.Itoa(int(l.qos)), strconv.Itoa(l.window), strconv.FormatBool(l.own),
		l.warm.String(), l.duration.String()}
}

func parseLoad(args []string) (l mqttLoad, err error) {
	if len(args) != 6 {
		return l, fmt.Errorf("%d arguments of a load, want 6", len(args))
	}
	l.scheme = args[0]
	qos, err := strconv.ParseUint(args[1], 10, 8)
	if err != nil {
		return l, err
	}
	l.qos = uint8(qos)
	if l.window, err = strconv.Atoi(args[2]); err != nil {
		return l, err
	}
	if l.own, err = strconv.ParseBool(args[3]); err != nil {
		return l, err
	}
	if l.warm, err = time.ParseDuration(args[4]); err != nil {
		return l, err
	}
	l.duration, err = time.ParseDuration(args[5])
	return l, err
}

// mqttResult is what a client has counted and measured in its time.
type mqttResult struct {
	messages int
	wall     time.Duration
	cpu      time.Duration // user and system, of all threads
}

func (r mqttResult) perSecond() float64 { return float64(r.messages) / r.wall.Seconds() }

// microseconds returns the CPU time per message in microseconds.
func (r mqttResult) microseconds() float64 {
	return float64(r.cpu.Nanoseconds()) / 1e3 / float64(r.messages)
}

// print writes the line that ends a child process. parseResult parses it.
func (r mqttResult) print() {
	fmt.Printf("%d %.9f %d\n", r.messages, r.wall.Seconds(), r.cpu.Nanoseconds())
}

func parseResult(line string) (r mqttResult, err error) {
	var seconds float64
	if _, err := fmt.Sscan(line, &r.messages, &seconds, (*int64)(&r.cpu)); err != nil {
		return r, fmt.Errorf("result %q: %w", line, err)
	}
	if r.messages == 0 {
		return r, fmt.Errorf("result %q: no messages", line)
	}
	r.wall = time.Duration(seconds * float64(time.Second))
	return r, nil
}

// cpuTime returns the CPU time of this process, user and system.
func cpuTime() time.Duration {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		panic(err) // not possible with valid arguments
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// span measures between two calls.
type span struct {
	messages int
	at       time.Time
	cpu      time.Duration
}

func beginSpan(messages int) span { return span{messages, time.Now(), cpuTime()} }

func (s span) end(messages int) mqttResult {
	return mqttResult{messages - s.messages, time.Since(s.at), cpuTime() - s.cpu}
}

// mqtt measures clients of mosquitto, if it is installed, and prints two tables.
func (b *bench) mqtt(out io.Writer) error {
	program := findMosquitto()
	if program == "" {
		fmt.Fprintln(out, "\nmosquitto is not installed: MQTT is not measured")
		return nil
	}
	broker, err := b.startBroker(program)
	if err != nil {
		return err
	}
	defer broker.stop()
	describeMQTT(out, program)
	peer, err := buildLibmosquitto()
	if err != nil {
		fmt.Fprintln(out, "libmosquitto is not measured:", err)
	} else {
		defer peer.remove()
	}
	if err := b.mqttRates(out, broker, peer); err != nil {
		return err
	}
	return b.mqttCosts(out, broker)
}

func describeMQTT(out io.Writer, program string) {
	help, _ := exec.Command(program, "-h").Output() // its exit status is 3
	version, _, _ := strings.Cut(string(help), "\n")
	fmt.Fprintf(out, "\nMQTT 3.1.1 with %s on the core of the load, with its default limits; clients on the core of the servers\n", version)
	for _, c := range mqttClients {
		version := moduleVersion(c.path)
		if version == "(devel)" || version == "v0.0.0" {
			version = "of this tree"
		}
		fmt.Fprintf(out, "%-13s %s (%s %s)\n", c.name, c.about, c.path, version)
	}
}

// mqttRates prints the messages of QoS 1 that a client publishes per second.
func (b *bench) mqttRates(out io.Writer, broker *mqttBroker, peer *libmosquitto) error {
	fmt.Fprintf(out, "\nMessages of QoS 1 acknowledged per second, %d bytes, tcp: median (lowest–highest) of %d\n", mqttPayload, b.mqttRounds)
	names, peers := []string{}, []string{"paho"}
	for _, c := range mqttClients {
		names = append(names, c.name)
	}
	if peer != nil {
		names, peers = append(names, "libmosquitto"), append(peers, "libmosquitto")
	}
	head := append([]string{""}, names...)
	for _, p := range peers {
		head = append(head, mqttClients[0].name+"/"+p)
	}
	t := newTable(out, head...)
	for _, window := range []int{1, 64} {
		l := mqttLoad{"tcp", 1, window, false, b.warm, b.span}
		rates := make([]series, len(names))
		for range b.mqttRounds {
			for i := range names {
				var r mqttResult
				var err error
				if i < len(mqttClients) {
					r, err = b.runMQTT(mqttClients[i], broker, l)
				} else {
					r, err = peer.run(b.m.serverCore, broker.tcp, l)
				}
				if err != nil {
					return fmt.Errorf("%s, %v: %w", names[i], l, err)
				}
				rates[i] = append(rates[i], r.perSecond())
			}
		}
		row := []string{fmt.Sprintf("%d in flight", window)}
		for _, s := range rates {
			row = append(row, fmt.Sprintf("%.0f (%.0f–%.0f)", s.median(), s.lowest(), s.highest()))
		}
		for i, name := range names {
			for _, p := range peers {
				if name == p {
					row = append(row, fmt.Sprintf("%.2f", rates[0].median()/rates[i].median()))
				}
			}
		}
		t.row(row...)
	}
	if err := t.flush(); err != nil {
		return err
	}
	fmt.Fprintln(out, "a ratio above 1 means that rikki is faster; mosquitto's core is the limit if the clients do not need all of theirs")
	return nil
}

// mqttCosts prints the CPU time of the client for a message that it publishes and receives.
func (b *bench) mqttCosts(out io.Writer, broker *mqttBroker) error {
	fmt.Fprintf(out, "\nCPU µs of the client per message, published and received as the client's own copy, %d bytes: median (lowest–highest) of %d; messages per second\n",
		mqttPayload, b.mqttRounds)
	head := []string{""}
	for _, c := range mqttClients {
		head = append(head, c.name, "per second")
	}
	for _, c := range mqttClients[1:] {
		head = append(head, mqttClients[0].name+"/"+c.name)
	}
	t := newTable(out, head...)
	for _, scheme := range []string{"tcp", "ws"} {
		for qos := range uint8(2) {
			for _, window := range []int{1, 64} {
				l := mqttLoad{scheme, qos, window, true, b.warm, b.span}
				row, err := b.mqttCost(broker, l)
				if err != nil {
					return err
				}
				t.row(row...)
			}
		}
	}
	if err := t.flush(); err != nil {
		return err
	}
	fmt.Fprintln(out, "a ratio below 1 means that rikki needs less")
	return nil
}

// mqttCost measures one row of mqttCosts.
func (b *bench) mqttCost(broker *mqttBroker, l mqttLoad) ([]string, error) {
	costs, rates := make([]series, len(mqttClients)), make([]series, len(mqttClients))
	for range b.mqttRounds {
		for i, c := range mqttClients {
			r, err := b.runMQTT(c, broker, l)
			if err != nil {
				return nil, fmt.Errorf("%s, %v: %w", c.name, l, err)
			}
			costs[i] = append(costs[i], r.microseconds())
			rates[i] = append(rates[i], r.perSecond())
		}
	}
	row := []string{l.String()}
	for i, s := range costs {
		row = append(row, fmt.Sprintf("%.2f (%.2f–%.2f)", s.median(), s.lowest(), s.highest()), fmt.Sprintf("%.0f", rates[i].median()))
	}
	for _, s := range costs[1:] {
		row = append(row, fmt.Sprintf("%.2f", costs[0].median()/s.median()))
	}
	return row, nil
}

// runMQTT runs a client in a new process.
func (b *bench) runMQTT(c *mqttClient, broker *mqttBroker, l mqttLoad) (r mqttResult, err error) {
	addr := broker.tcp
	if l.scheme == "ws" {
		addr = broker.ws
	}
	args := append([]string{"mqtt", strings.TrimPrefix(c.name, "before-"), addr}, l.args()...)
	var child *process
	if c.build == "" {
		child, err = launch(b.m.serverCore, args...)
	} else {
		child, err = launchBuild(c.build, b.m.serverCore, args...)
	}
	if err != nil {
		return r, err
	}
	defer child.stop()
	line, err := child.line()
	if err != nil {
		return r, err
	}
	return parseResult(line)
}

// mqttBroker is a running mosquitto with its two addresses.
type mqttBroker struct {
	tcp, ws string
	stop    func()
}

// startBroker starts a mosquitto with nothing in its configuration but the listeners.
func (b *bench) startBroker(program string) (*mqttBroker, error) {
	var addrs, lines []string
	for _, protocol := range []string{"mqtt", "websockets"} {
		addr, err := freeAddr()
		if err != nil {
			return nil, err
		}
		addrs = append(addrs, addr)
		lines = append(lines, listenerLine(addr), "protocol "+protocol)
	}
	stop, err := b.runMosquitto(program, lines, addrs...)
	if err != nil {
		return nil, err
	}
	return &mqttBroker{addrs[0], addrs[1], stop}, nil
}
