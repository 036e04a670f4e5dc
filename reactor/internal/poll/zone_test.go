//go:build unix

package poll

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Names and indices of interfaces are converted in both directions. What has no name keeps its
// number.
func TestZones(t *testing.T) {
	all, err := net.Interfaces()
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	for range 2 { // from the system, and from the cache
		for _, i := range all {
			if name, id := zoneName(uint32(i.Index)), zoneID(i.Name); name != i.Name || id != uint32(i.Index) {
				t.Errorf("%d is %q, %q is %d", i.Index, name, i.Name, id)
			}
		}
		if name, id := zoneName(1<<30), zoneID("1073741824"); name != "1073741824" || id != 1<<30 {
			t.Errorf("an unknown interface is %q, %d", name, id)
		}
		if a, b := zoneID(""), zoneID("nope0"); a != 0 || b != 0 {
			t.Errorf("no interface is %d, %d", a, b)
		}
	}
	for _, known := range []string{"", "%" + all[0].Name, "%" + strconv.Itoa(all[0].Index)} {
		if err := CheckZone(netip.MustParseAddr("fe80::1" + known)); err != nil {
			t.Errorf("fe80::1%s: %v", known, err)
		}
	}
	for _, unknown := range []string{"nope0", "0", "1073741824", "99999999999"} {
		if err := CheckZone(netip.MustParseAddr("fe80::1%" + unknown)); !errors.Is(err, unix.ENODEV) || !strings.Contains(err.Error(), strconv.Quote(unknown)) {
			t.Errorf("fe80::1%%%s: %v", unknown, err)
		}
	}
	for i := range 3 * maxZones {
		zoneID("nope" + strconv.Itoa(i))
	}
	if len(zones.ids) > maxZones || len(zones.names) > maxZones {
		t.Errorf("%d and %d names are kept", len(zones.ids), len(zones.names))
	}
}

// Addresses with a zone are converted without allocating.
func TestZonesDoNotAllocate(t *testing.T) {
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	a := netip.AddrPortFrom(netip.MustParseAddr("fe80::1").WithZone(all[0].Name), 9)
	if n := testing.AllocsPerRun(100, func() {
		if got := inet6(a.Addr().As16(), 9, zoneID(all[0].Name)); got != a {
			t.Fatal(got)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
	if sa := Sockaddr(a).(*unix.SockaddrInet6); sa.ZoneId != uint32(all[0].Index) {
		t.Errorf("zone %d", sa.ZoneId)
	}
}
