//go:build linux

package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// mosquittoRow is a way to publish messages of QoS 1 on one connection.
type mosquittoRow struct {
	window int  // messages in flight
	echoed bool // the connection subscribes to them and waits for them, not only for PUBACK
}

func (r mosquittoRow) String() string {
	until := "until PUBACK"
	if r.echoed {
		until = "until it comes back"
	}
	return fmt.Sprintf("%d in flight, %s", r.window, until)
}

var mosquittoRows = []mosquittoRow{{1, false}, {64, false}, {1, true}, {64, true}}

// mosquitto measures messages to a mosquitto, if it is installed. By default mosquitto uses
// Nagle's algorithm.
func (b *bench) mosquitto(out io.Writer) error {
	program := findMosquitto()
	if program == "" {
		fmt.Fprintln(out, "\nmosquitto is not installed: messages of QoS 1 are not measured")
		return nil
	}
	fmt.Fprintf(out, "\nMessages of QoS 1 per second, %d bytes, one connection to mosquitto: median (lowest to highest) of %d\n",
		stallPayload, b.qosRounds)
	t := newTable(out, "", "mosquitto with Nagle's algorithm", "without")
	for _, r := range mosquittoRows {
		cells := []string{r.String()}
		for _, delay := range []bool{true, false} {
			var s series
			for range b.qosRounds {
				rate, err := b.publishing(program, r, delay)
				if err != nil {
					return fmt.Errorf("mosquitto, %v: %w", r, err)
				}
				s = append(s, rate)
			}
			cells = append(cells, fmt.Sprintf("%.0f (%.0f–%.0f)", s.median(), s.lowest(), s.highest()))
		}
		t.row(cells...)
	}
	return t.flush()
}

func findMosquitto() string {
	for _, name := range []string{"mosquitto", "/usr/sbin/mosquitto"} { // where Debian has it
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// publishing measures one round with a new mosquitto. It returns messages per second.
func (b *bench) publishing(program string, r mosquittoRow, delay bool) (rate float64, err error) {
	addr, stop, err := b.startMosquitto(program, delay)
	if err != nil {
		return 0, err
	}
	defer stop()
	child, err := launch(b.m.serverCore, "publish", addr, strconv.Itoa(r.window), strconv.FormatBool(r.echoed),
		b.warm.String(), b.span.String())
	if err != nil {
		return 0, err
	}
	defer child.stop()
	line, err := child.line()
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(line, 64)
}

// startMosquitto starts a mosquitto without limits on a free port of loopback.
func (b *bench) startMosquitto(program string, delay bool) (addr string, stop func(), err error) {
	if addr, err = freeAddr(); err != nil {
		return "", nil, err
	}
	stop, err = b.runMosquitto(program, []string{
		"max_inflight_messages 0", // without limit
		"set_tcp_nodelay " + strconv.FormatBool(!delay),
		listenerLine(addr),
	}, addr)
	return addr, stop, err
}

// freeAddr returns an address of loopback with a port that is free now.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// listenerLine returns the line of mosquitto's configuration for a listener.
func listenerLine(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return "listener " + port + " 127.0.0.1"
}

// runMosquitto starts a mosquitto on the core of the load. lines are its configuration. It returns
// when all addresses of addrs accept connections.
func (b *bench) runMosquitto(program string, lines []string, addrs ...string) (stop func(), err error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	lines = append([]string{
		"user root", // as root it would change to a user that cannot read the file
		"persistence false",
		"allow_anonymous true",
	}, lines...)
	config := filepath.Join(dir, "mosquitto.conf")
	if err := os.WriteFile(config, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command(program, "-c", config)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := startOn(b.m.loadCore, cmd); err != nil {
		return nil, err
	}
	stop = func() {
		cmd.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(timeout, func() { cmd.Process.Kill() })
		cmd.Wait()
		kill.Stop()
		os.RemoveAll(dir)
	}
	began := time.Now()
	for _, addr := range addrs {
		for {
			c, err := net.Dial("tcp", addr)
			if err == nil {
				c.Close()
				break
			}
			if time.Since(began) > timeout {
				stop()
				return nil, fmt.Errorf("%s does not listen: %w", program, err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return stop, nil
}

// publishMain runs the process of a client. It keeps window messages in flight and prints
// how many per second were complete.
func publishMain(addr, window, echoed, warm, span string) error {
	n, err := strconv.Atoi(window)
	if err != nil {
		return err
	}
	echo, err := strconv.ParseBool(echoed)
	if err != nil {
		return err
	}
	var times [2]time.Duration
	for i, s := range []string{warm, span} {
		if times[i], err = time.ParseDuration(s); err != nil {
			return err
		}
	}
	m, err := reactor.New()
	if err != nil {
		return err
	}
	defer m.Close()
	p := &publisher{window: n, echoed: echo}
	if _, err := mqtt.Connect(m, "mqtt://"+addr, nil, p.handle, nil); err != nil {
		return err
	}
	ended := false
	m.AddTimer(times[0], reactor.TimerOnce, func() {
		before, began := p.messages, time.Now()
		m.AddTimer(times[1], reactor.TimerOnce, func() {
			fmt.Println(float64(p.messages-before) / time.Since(began).Seconds())
			ended = true
		})
	})
	for !ended && p.err == nil {
		if err := m.Poll(-1); err != nil {
			return err
		}
	}
	return p.err
}

// publisher is the state of the handler.
type publisher struct {
	window   int
	echoed   bool
	messages int // complete ones
	err      error
}

func (p *publisher) handle(c *reactor.Conn, ev reactor.Event, data any) {
	const topic = "bench"
	publish := func() {
		mqtt.Pub(c, &mqtt.Options{Topic: topic, QoS: 1, Message: make([]byte, stallPayload)})
	}
	done := func() {
		p.messages++
		publish()
	}
	begin := func() {
		for range p.window {
			publish()
		}
	}
	switch ev {
	case reactor.EvMQTTOpen:
		if p.echoed {
			mqtt.Sub(c, &mqtt.Options{Topic: topic, QoS: 1})
		} else {
			begin()
		}
	case reactor.EvMQTTMsg:
		done()
	case reactor.EvMQTTCmd:
		switch data.(*mqtt.Message).Cmd {
		case mqtt.CmdSuback:
			begin()
		case mqtt.CmdPuback:
			if !p.echoed {
				done()
			}
		}
	case reactor.EvError:
		p.err = data.(error)
	}
}
