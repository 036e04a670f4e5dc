package reactor

// The translations of the kqueue poller. They depend on no system's headers,
// so that the tests of every system cover them.

// kqueueNumbers are a system's names for what kqueue is told and tells.
type kqueueNumbers struct {
	read, write int // filters: -1 and -2, on NetBSD 0 and 1
	add, remove int // actions
}

// kqueueChange is one entry of a change list; the descriptor goes without
// saying.
type kqueueChange struct{ filter, action int }

// changes writes to list what takes a descriptor's filters from old to new,
// one change per filter that differs: kqueue has no "modify", and refuses to
// remove what is not there.
func (k *kqueueNumbers) changes(list *[2]kqueueChange, old, new interest) []kqueueChange {
	n := 0
	for _, f := range [...]struct {
		bit    interest
		filter int
	}{{readable, k.read}, {writable, k.write}} {
		if (old^new)&f.bit == 0 {
			continue
		}
		action := k.remove
		if new&f.bit != 0 {
			action = k.add
		}
		list[n] = kqueueChange{f.filter, action}
		n++
	}
	return list[:n]
}

// interest says what an event of a filter means. Each filter is reported by
// itself; an end of stream, an error or a hang-up (EV_EOF) makes every filter
// ready that the descriptor has and that it is about.
func (k *kqueueNumbers) interest(filter int) interest {
	switch filter {
	case k.read:
		return readable
	case k.write:
		return writable
	}
	return 0
}
