package reactor

import (
	"hash/maphash"
	"net/netip"
	"testing"
)

// The table has the last address of recent peers. For others it has none, and never a wrong one.
func TestSourceTable(t *testing.T) {
	table := sourceTable{seed: maphash.MakeSeed()}
	peer := func(i int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), uint16(i)|1)
	}
	source := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{127, 0, byte(i >> 8), byte(i)}) }
	known := func(n, offset int) (count int) {
		t.Helper()
		for i := range n {
			switch got := table.get(peer(i)); got {
			case netip.Addr{}:
			case source(i + offset):
				count++
			default:
				t.Fatalf("peer %d has %v, want %v", i, got, source(i+offset))
			}
		}
		return count
	}
	if n := known(10, 0); n != 0 {
		t.Errorf("an empty table knows %d peers", n)
	}
	for i := range 100 {
		table.put(peer(i), source(i))
	}
	if n := known(100, 0); n < 95 { // 5 peers in one of 256 sets are rare
		t.Errorf("knows %d of 100 peers", n)
	}
	for i := range 100 { // the address of a peer changes
		table.put(peer(i), source(i+1))
	}
	if n := known(100, 1); n < 95 {
		t.Errorf("knows %d of 100 peers with another address", n)
	}
	for i := range 100_000 {
		table.put(peer(i), source(i))
		if got := table.get(peer(i)); got != source(i) {
			t.Fatalf("the newest peer has %v, want %v", got, source(i))
		}
	}
	if n := known(100_000, 0); n > 4*256 || n < 512 {
		t.Errorf("knows %d of 100,000 peers", n)
	}
}

// Only what a client's own address refuses is an error of the connection.
func TestMayLose(t *testing.T) {
	a, b := netip.MustParseAddrPort("224.0.0.1:9"), netip.MustParseAddrPort("127.0.0.1:9")
	for _, row := range []struct {
		o    unconnected
		to   netip.AddrPort
		want bool
	}{
		{unconnected{}, netip.AddrPort{}, false},
		{unconnected{on: true}, a, true},
		{unconnected{on: true}, netip.AddrPort{}, true},
		{unconnected{on: true, target: a}, a, false},
		{unconnected{on: true, target: a}, b, true},
	} {
		if got := row.o.mayLose(row.to); got != row.want {
			t.Errorf("%+v, %v: %v", row.o, row.to, got)
		}
	}
}
