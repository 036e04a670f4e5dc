package reactor

import "testing"

// What was appended to Send and taken out again before it was sent leaves no
// memory behind.
func TestSendGivesMemoryBackWhenTakenBack(t *testing.T) {
	for name, take := range map[string]func(b *Buffer){
		"Reset":    (*Buffer).Reset,
		"Truncate": func(b *Buffer) { b.Truncate(0) },
		"Consume":  func(b *Buffer) { b.Consume(b.Len()) },
	} {
		for _, size := range []int{1, 1 << 10, 1 << 20} {
			m := quiet(t)
			c, _ := wrap(t, m, nil)
			if err := m.Poll(0); err != nil {
				t.Fatal(err)
			}
			c.Send.Append(make([]byte, size))
			take(&c.Send)
			if err := m.Poll(0); err != nil {
				t.Fatal(err)
			}
			if n := cap(c.Send.buf); n != 0 {
				t.Errorf("%s of %d bytes: Send owns %d", name, size, n)
			}
		}
	}
}

// A write to a datagram socket looks at the last border only, so that many
// that wait do not cost the square of their number.
func TestDatagramIsAddedWithoutLookingAtOthers(t *testing.T) {
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
		t.Fatalf("%d borders, want %d", len(d.bounds), len(want))
	}
	for i, d := range d.bounds {
		if d.n != want[i] {
			t.Errorf("datagram %d has %d bytes, want %d", i, d.n, want[i])
		}
	}
}
