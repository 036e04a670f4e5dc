package main

import (
	"strings"
	"syscall"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

// Wrong usage has status 2 and one line that names the flag. Nothing begins.
func TestUsage(t *testing.T) {
	looptest.WantUsage(t, run, "backplane", nil, []looptest.Refusal{
		looptest.Wrong("-listen ws://127.0.0.1:0: want http://host:port", "-listen", "ws://127.0.0.1:0"),
		looptest.Wrong("-broker: ", "-broker", "http://127.0.0.1"),
		looptest.Wrong("-broker: ", "-broker", "mqtt://me:s3cret@h:x"),
		looptest.Wrong(`-name: "a/b" cannot be a level of a topic`, "-name", "a/b"),
		looptest.Wrong(`-name: "+" cannot be a level of a topic`, "-name", "+"),
		looptest.Wrong("-name: ", "-name", strings.Repeat("x", 65)),
		looptest.Wrong(`-topic: "$SYS" cannot be a level of a topic`, "-topic", "$SYS"),
		looptest.Wrong("-other: ws://h: want http://host:port or https://host:port", "-other", "ws://h"),
		looptest.Wrong("-other: http://h/x: want http://", "-other", "http://h/x"),
		looptest.Wrong("-other: http://me:xxxxx@h: want http://", "-other", "http://me:s3cret@h"),
		looptest.Wrong("-conns: want a positive number", "-conns", "0"),
		looptest.Wrong("need a URL with TLS", "-ca", "ca.pem"),
		looptest.Wrong("-ca: open no/such: no such file", "-broker", "mqtts://h", "-ca", "no/such"),
		looptest.Wrong("-cert: open no/such: no such file", "-broker", "mqtts://h", "-cert", "no/such", "-key", "x"),
		looptest.Wrong("-cert and -key must be given together", "-broker", "mqtts://h", "-key", "x"),
	})
}

// If the system refuses to listen, the status is 1, and the line names the flag and the URL.
func TestExitStatus(t *testing.T) {
	used := "http://" + looptest.UsedAddr(t)
	looptest.WantExit(t, []string{"-listen", used}, 1, "-listen "+used+": ")
}

// At SIGTERM a process leaves the list of the others, and its browsers get a Close frame.
func TestStop(t *testing.T) {
	broker, _ := startBroker(t, "127.0.0.1:0")
	a, b := startProcess(t, "a", broker), startProcess(t, "b", broker)
	atA, atB := dial(t, a.addr), dial(t, b.addr)
	atA.broker(true)
	atB.servers(memberInfo{"a", 1}, memberInfo{"b", 1})
	a.Signal(syscall.SIGTERM)
	wantClosed(t, atA, 1001)
	a.WantEnd()
	atB.servers(memberInfo{"b", 1})
}

// A process without a broker ends as well.
func TestStopWithoutBroker(t *testing.T) {
	p := startProcess(t, "a", looptest.UsedAddr(t))
	p.Signal(syscall.SIGINT)
	p.WantEnd()
}
