package reactor

import "testing"

// A loop that always finds something to read never reaches the place where it asks for
// acknowledgements. The list does not keep connections that are closed meanwhile.
func TestAcksKeepNoClosedConnections(t *testing.T) {
	m, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for range 10_000 {
		c := &Conn{mgr: m, fd: -1, ack: maxQuickAck}
		c.ack.noteRead(c)
	}
	if len(m.ackQueue) > 100 || cap(m.ackQueue) > 100 {
		t.Errorf("%d closed connections are kept, in a list for %d", len(m.ackQueue), cap(m.ackQueue))
	}
}
