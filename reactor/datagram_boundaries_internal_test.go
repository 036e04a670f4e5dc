package reactor

import "testing"

// A write to a datagram socket inspects the last boundary only. So many waiting datagrams
// do not cost the square of their number.
func TestDatagramAddsOneBoundary(t *testing.T) {
	m := quiet(t)
	c, err := m.Connect("udp://127.0.0.1:9", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	write := func() {
		t.Helper()
		if _, err := c.Write([]byte("xy")); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		write()
	}
	d := c.ext.transport.(*datagrams)
	d.bounds[0].n = 1 << 20 // a look at it would find bytes missing
	write()
	c.Send.AppendString("z")
	write()
	d.bounds[0].n = 2
	want := []int{2, 2, 2, 2, 1, 2}
	if len(d.bounds) != len(want) {
		t.Fatalf("%d expectedDatagrams, want %d", len(d.bounds), len(want))
	}
	for i, d := range d.bounds {
		if d.n != want[i] {
			t.Errorf("datagram %d has %d bytes, want %d", i, d.n, want[i])
		}
	}
}
