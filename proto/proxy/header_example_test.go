package proxy_test

import (
	"fmt"
	"log"
	"net/netip"

	"github.com/rikki-go/rikki/proto/proxy"
)

// The codec of the PROXY protocol alone.
func ExampleParseHeader() {
	b, err := proxy.AppendHeader(nil, &proxy.Header{Version: 1,
		Source: netip.MustParseAddrPort("192.0.2.1:50000"), Dest: netip.MustParseAddrPort("198.51.100.2:443")})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%q\n", b)
	var h proxy.Header
	n, err := proxy.ParseHeader(append(b, "GET /"...), &h, 0)
	fmt.Println(n, err, h.Source)
	// Output:
	// "PROXY TCP4 192.0.2.1 198.51.100.2 50000 443\r\n"
	// 45 <nil> 192.0.2.1:50000
}
