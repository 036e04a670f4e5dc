package looptest

import "runtime"

// LiveHeap returns how many bytes of the heap are in use, without garbage. Tests that
// measure it are built without the race detector, which keeps memory of its own.
func LiveHeap() int {
	for range 3 { // sync.Pool drops what it holds in two collections
		runtime.GC()
	}
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int(s.HeapAlloc)
}
