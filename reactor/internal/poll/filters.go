package poll

// The translations of the kqueue poller. They use no constants of package unix, so the tests
// cover them on every system.

// kqueueNumbers are the numbers that a system uses for filters and actions of kqueue.
type kqueueNumbers struct {
	read, write int // filters: -1 and -2; on NetBSD 0 and 1
	add, remove int // actions: EV_ADD and EV_DELETE
}

// kqueueChange is one entry of a change list, without its descriptor.
type kqueueChange struct{ filter, action int }

// changes returns the changes that take a descriptor's filters from old to new. It writes them to
// list. Each filter that differs takes one change, because kqueue has no "modify" and refuses to
// remove a missing filter.
func (k *kqueueNumbers) changes(list *[2]kqueueChange, old, new Interest) []kqueueChange {
	n := 0
	for _, f := range [...]struct {
		bit    Interest
		filter int
	}{{Readable, k.read}, {Writable, k.write}} {
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

// interest returns the Interest that an event of filter stands for, 0 for other filters. kqueue
// reports each filter in an event of its own. An end of stream, an error or a hang-up (EV_EOF)
// is an event of every filter that it concerns.
func (k *kqueueNumbers) interest(filter int) Interest {
	switch filter {
	case k.read:
		return Readable
	case k.write:
		return Writable
	}
	return 0
}
