//go:build linux

package mdns_test

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/rikki-go/rikki/proto/mdns"
	"github.com/rikki-go/rikki/reactor"
)

// Find the address of a host. Here, the host is this program: it answers for a name of its own.
func ExampleQuery() {
	m, err := reactor.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	const lo = "lo" // the name of a network interface
	me := &mdns.Options{Host: "rikki-example", Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.7")}, Interface: lo}
	if _, err := mdns.Listen(m, me, nil, nil); err != nil {
		fmt.Println(err)
		return
	}
	done := false
	_, err = mdns.Query(m, "rikki-example.local", &mdns.QueryOptions{Interface: lo}, func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvMDNSResp:
			r := data.(*mdns.Response).Record
			fmt.Println(r.Name, "is", r.Addr)
			c.Close()
		case reactor.EvError:
			fmt.Println(data)
		case reactor.EvClose:
			done = true
		}
	}, nil)
	for !done && err == nil {
		err = m.Poll(time.Second)
	}
	// Output: rikki-example.local is 192.0.2.7
}
