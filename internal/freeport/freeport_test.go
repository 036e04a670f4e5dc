package freeport

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"testing"
)

// Each address can be listened on, although others are in use, and the system does not give its
// port to a client.
func TestAddr(t *testing.T) {
	low := 32768
	if text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		if _, err := fmt.Sscan(string(text), &low); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for range 100 {
		addr, err := Addr()
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp4", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		host, port, err := net.SplitHostPort(addr)
		if err != nil || host != "127.0.0.1" {
			t.Fatalf("%q, %v", addr, err)
		}
		if n, err := strconv.Atoi(port); err != nil || n >= low {
			t.Errorf("port %s, want one below %d", port, low)
		}
		if seen[addr] {
			t.Errorf("%s was returned twice", addr)
		}
		seen[addr] = true
	}
}

// A port that is in use is left out.
func TestAddrInUse(t *testing.T) {
	following := func() string {
		return fmt.Sprint("127.0.0.1:", first+(uint32(os.Getpid())*101+next.Load()+1)%count)
	}
	l, err := net.Listen("tcp4", following())
	for ; err != nil; l, err = net.Listen("tcp4", following()) { // another program uses it
		next.Add(1)
	}
	defer l.Close()
	if addr, err := Addr(); err != nil || addr == l.Addr().String() {
		t.Errorf("%q, %v", addr, err)
	}
}

// When all ports were tried there is an error, and no endless loop.
func TestAddrEnd(t *testing.T) {
	defer next.Store(next.Load())
	next.Store(count)
	if addr, err := Addr(); err == nil {
		t.Errorf("%q, want an error", addr)
	}
}
