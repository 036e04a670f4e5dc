//go:build linux

package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// answerTime is how long a bystander waits for an answer. Then the request has failed.
const answerTime = 30 * time.Second

// datagramTime is how long a bystander waits for a datagram. Then it counts as lost.
const datagramTime = 200 * time.Millisecond

// protocol is how a bystander talks to a server.
type protocol struct {
	each bool // a new connection for each request
	// open prepares a new connection.
	open func(c net.Conn) (net.Conn, error)
	// ask makes a request and waits for the answer.
	ask func(c net.Conn, in *bufio.Reader) error
}

// protocols are the bystanders, by name.
var protocols = map[string]protocol{
	"http":     {open: plain, ask: get},
	"http-new": {each: true, open: plain, ask: get},
	"tls-new":  {each: true, open: overTLS, ask: get},
	"raw":      {open: plain, ask: askEcho},
	"raw-new":  {each: true, open: plain, ask: askEcho},
	"udp":      {open: plain, ask: askDatagram},
	"ws":       {open: openWS, ask: askWS},
	"mqtt":     {open: openMQTT, ask: askMQTT},
}

// bystanderMain obeys the lines of its standard input, and ends with it.
//
//	start     forget everything and make one request after the other
//	continue  make more requests
//	stop      print what was seen since the last start, and make none
func bystanderMain(name, addr string) error {
	p, ok := protocols[name]
	if !ok {
		return fmt.Errorf("-bystander %q: there is no such bystander", name)
	}
	b := &bystander{protocol: p, addr: addr, network: "tcp"}
	if name == "udp" {
		b.network = "udp"
	}
	lines := make(chan string, 1)
	go func() {
		defer close(lines)
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			lines <- in.Text()
		}
	}()
	for line := range lines {
		switch line {
		case "start":
			b.all, b.seen = nil, watched{}
		case "continue":
		default:
			return fmt.Errorf("the bystander does not know %q", line)
		}
		fmt.Println("started")
		b.watch(lines)
		b.seen.P50, b.seen.P99, b.seen.Most = b.all.quantile(0.5), b.all.quantile(0.99), b.all.quantile(1)
		if err := json.NewEncoder(os.Stdout).Encode(b.seen); err != nil {
			return err
		}
	}
	return nil
}

// bystander is a client that does nothing wrong.
type bystander struct {
	protocol
	network, addr string
	c             net.Conn // nil: not connected
	in            *bufio.Reader
	all           latencies
	seen          watched
}

// watch makes requests until a line arrives.
func (b *bystander) watch(stop <-chan string) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	defer b.hangUp()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		begin := time.Now()
		err := b.request()
		b.all.add(time.Since(begin))
		w := &b.seen
		w.Requests++
		switch {
		case err == nil:
		case b.network == "udp" && errors.Is(err, os.ErrDeadlineExceeded):
			w.Lost++
		default:
			if w.Failures++; w.Why == "" {
				w.Why = err.Error()
			}
			b.hangUp()
		}
	}
}

func (b *bystander) request() error {
	until := time.Now().Add(answerTime)
	if b.c == nil {
		c, err := (&net.Dialer{Deadline: until}).Dial(b.network, b.addr)
		if err != nil {
			return err
		}
		c.SetDeadline(until)
		if b.c, err = b.open(c); err != nil {
			c.Close()
			b.c = nil
			return err
		}
		b.in = bufio.NewReader(b.c)
	}
	if b.network == "udp" {
		until = time.Now().Add(datagramTime)
	}
	b.c.SetDeadline(until)
	err := b.ask(b.c, b.in)
	if b.each {
		b.hangUp()
	}
	return err
}

func (b *bystander) hangUp() {
	if b.c != nil {
		b.c.Close()
		b.c = nil
	}
}

func plain(c net.Conn) (net.Conn, error) { return c, nil }

func overTLS(c net.Conn) (net.Conn, error) {
	s := tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	return s, s.Handshake()
}

// get asks for ten bytes.
func get(c net.Conn, in *bufio.Reader) error {
	if _, err := io.WriteString(c, "GET /10 HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		return err
	}
	head, err := readHead(in)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(head, "HTTP/1.1 200 ") {
		return fmt.Errorf("answered %.40q", head)
	}
	_, value, _ := strings.Cut(strings.ToLower(head), "content-length: ")
	value, _, _ = strings.Cut(value, "\r\n")
	n, err := strconv.Atoi(value)
	if err != nil {
		return err
	}
	_, err = in.Discard(n)
	return err
}

// readHead reads the header of an HTTP message.
func readHead(in *bufio.Reader) (string, error) {
	var head strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return "", err
		}
		head.WriteString(line)
		if line == "\r\n" {
			return head.String(), nil
		}
	}
}

var word = []byte("a message of the bystander's, 41 bytes long")

func askEcho(c net.Conn, in *bufio.Reader) error {
	if _, err := c.Write(word); err != nil {
		return err
	}
	return expect(in, word)
}

// expect reads bytes and compares them.
func expect(in *bufio.Reader, want []byte) error {
	got := make([]byte, len(want))
	if _, err := io.ReadFull(in, got); err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("answered %.40q instead of %.40q", got, want)
	}
	return nil
}

// datagrams counts the datagrams, so that a late answer is not taken for that to the next one.
var datagrams int

func askDatagram(c net.Conn, _ *bufio.Reader) error {
	datagrams++
	want := fmt.Appendf(nil, "datagram %d", datagrams)
	if _, err := c.Write(want); err != nil {
		return err
	}
	for got := make([]byte, 100); ; {
		n, err := c.Read(got)
		if err != nil || bytes.Equal(got[:n], want) {
			return err
		}
	}
}

func openWS(c net.Conn) (net.Conn, error) { return c, upgrade(c, "") }

func askWS(c net.Conn, in *bufio.Reader) error {
	if _, err := c.Write(frame(0x82, word)); err != nil {
		return err
	}
	return expect(in, append([]byte{0x82, byte(len(word))}, word...))
}

func openMQTT(c net.Conn) (net.Conn, error) {
	if err := login(c, 4, "bystander", nil); err != nil {
		return c, err
	}
	return c, subscribe(c, 4, "bystander/topic")
}

func askMQTT(c net.Conn, in *bufio.Reader) error {
	packet := publish(4, 0, "bystander/topic", word)
	if _, err := c.Write(packet); err != nil {
		return err
	}
	return expect(in, packet)
}
