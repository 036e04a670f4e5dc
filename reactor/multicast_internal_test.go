package reactor

import (
	"net"
	"net/netip"
	"testing"
)

func TestHasManyPeers(t *testing.T) {
	for addr, want := range map[string]bool{
		"224.0.0.251": true, "239.255.255.250": true, "ff02::fb": true, "255.255.255.255": true, "127.255.255.255": true,
		"127.0.0.1": false, "127.255.255.254": false, "::1": false, "0.0.0.0": false, "127.0.0.255": false,
	} {
		if got := hasManyPeers(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
}

func TestBroadcastOf(t *testing.T) {
	for network, want := range map[string]string{
		"192.0.2.2/24": "192.0.2.255", "127.0.0.1/8": "127.255.255.255", "10.1.2.3/30": "10.1.2.3", "10.1.2.4/23": "10.1.3.255",
		"10.1.2.3/31": "0.0.0.0", "10.1.2.3/32": "0.0.0.0", "fd00::2/64": "0.0.0.0",
	} {
		ip, n, err := net.ParseCIDR(network)
		if err != nil {
			t.Fatal(err)
		}
		n.IP = ip
		if got := netip.AddrFrom4(broadcastOf(n)); got.String() != want {
			t.Errorf("%s: %v, want %s", network, got, want)
		}
	}
}
