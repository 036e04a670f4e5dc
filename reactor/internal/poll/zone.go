//go:build unix

package poll

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Zones are the names of network interfaces in link-local addresses. The kernel uses their
// indices. Asking the system for a name takes several system calls and allocates, so the answers
// are kept for zoneLifetime: each datagram from a link-local address needs one.

// zoneLifetime is how long a name is used before the system is asked again.
const zoneLifetime = time.Minute

// maxZones bounds the memory for names, because a peer cannot choose the interface, but a program
// can write any zone.
const maxZones = 256

// zoneCache maps names and indices of interfaces. Several loops may use it.
type zoneCache struct {
	mu    sync.RWMutex
	names map[uint32]cachedZone
	ids   map[string]cachedZone
}

// cachedZone is an answer of the system.
type cachedZone struct {
	name  string
	id    uint32
	until time.Time
}

var zones = zoneCache{names: map[uint32]cachedZone{}, ids: map[string]cachedZone{}}

// CheckZone returns an error if the zone of a is neither the name nor the index of a network
// interface. The error has the zone, and wraps ENODEV.
func CheckZone(a netip.Addr) error {
	if zone := a.Zone(); zone != "" {
		if _, known := lookUpZone(zone); !known {
			return fmt.Errorf("zone %q is no network interface: %w", zone, unix.ENODEV)
		}
	}
	return nil
}

// zoneID returns the index of the network interface that a zone names. A number stands for itself.
// Otherwise it is 0 if there is none.
func zoneID(name string) uint32 {
	if name == "" {
		return 0
	}
	id, _ := lookUpZone(name)
	return id
}

// lookUpZone is zoneID, and reports whether the interface exists.
func lookUpZone(name string) (id uint32, known bool) {
	now := time.Now()
	zones.mu.RLock()
	z, ok := zones.ids[name]
	zones.mu.RUnlock()
	if ok && now.Before(z.until) {
		return z.id, true
	}
	n, _ := strconv.ParseUint(name, 10, 31)
	i, err := net.InterfaceByName(name)
	if err != nil && n > 0 {
		i, err = net.InterfaceByIndex(int(n))
	}
	if err != nil { // not kept, because the interface may appear soon
		return uint32(n), false
	}
	z = cachedZone{name, uint32(i.Index), now.Add(zoneLifetime)}
	zones.mu.Lock()
	defer zones.mu.Unlock()
	if len(zones.ids) >= maxZones {
		clear(zones.ids)
	}
	zones.ids[name] = z
	return z.id, true
}

// zoneName returns the name of a network interface, or its index if it has no name.
func zoneName(id uint32) string {
	now := time.Now()
	zones.mu.RLock()
	z, ok := zones.names[id]
	zones.mu.RUnlock()
	if ok && now.Before(z.until) {
		return z.name
	}
	i, err := net.InterfaceByIndex(int(id))
	if err != nil {
		return strconv.FormatUint(uint64(id), 10)
	}
	zones.mu.Lock()
	defer zones.mu.Unlock()
	if len(zones.names) >= maxZones {
		clear(zones.names)
	}
	zones.names[id] = cachedZone{i.Name, id, now.Add(zoneLifetime)}
	return i.Name
}
