package reactor

import "testing"

// A loop that always finds something to read never sends acknowledgements by itself. The
// connections that it closes meanwhile are not kept.
func TestAcksKeepNoClosedConnections(t *testing.T) {
	m, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for range 10_000 {
		c := &Conn{mgr: m, fd: -1, ack: maxQuickAck}
		c.ack.read(c)
	}
	if len(m.acks) > 100 || cap(m.acks) > 100 {
		t.Errorf("%d closed connections are kept, in a list for %d", len(m.acks), cap(m.acks))
	}
}
