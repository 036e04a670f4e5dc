//go:build unix

package poll

import (
	"net"
	"strconv"
	"sync"
	"time"
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

// zoneID returns the index of the network interface that a zone names, 0 if there is none.
func zoneID(name string) uint32 {
	if name == "" {
		return 0
	}
	now := time.Now()
	zones.mu.RLock()
	z, ok := zones.ids[name]
	zones.mu.RUnlock()
	if ok && now.Before(z.until) {
		return z.id
	}
	z = cachedZone{name: name, until: now.Add(zoneLifetime)}
	if i, err := net.InterfaceByName(name); err == nil {
		z.id = uint32(i.Index)
	} else {
		n, _ := strconv.ParseUint(name, 10, 32)
		z.id = uint32(n)
		return z.id // the interface may appear soon
	}
	zones.mu.Lock()
	defer zones.mu.Unlock()
	if len(zones.ids) >= maxZones {
		clear(zones.ids)
	}
	zones.ids[name] = z
	return z.id
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
