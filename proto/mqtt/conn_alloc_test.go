package mqtt_test

import (
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

func wantNoAllocs(t *testing.T, what string, fn func()) {
	t.Helper()
	looptest.WantNoAllocs(t, what, fn)
}

// counting connects with a handler that only counts the messages.
func counting(t *testing.T, scheme string) (x *pair, count *int) {
	t.Helper()
	x = connected(t, scheme, 4, nil)
	count = new(int)
	x.c.Fn = func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvMQTTMsg && string(data.(*mqtt.Message).Data) == "x" {
			*count++
		}
	}
	return x, count
}

// PUBLISH in, EvMQTTMsg raised, acknowledged.
func TestConnReceiveAllocates(t *testing.T) {
	buf := make([]byte, 4096)
	overBoth(t, func(t *testing.T, scheme string) {
		for name, packets := range map[string][][]byte{
			"QoS 0": {pack("30 06 00 03'a/b''x'")},
			"QoS 1": {pack("32 08 00 03'a/b' 00 07'x'")},
			"QoS 2": {pack("34 08 00 03'a/b' 00 07'x'"), pack("62 02 00 07")},
		} {
			x, count := counting(t, scheme)
			in := x.p.framed(packets...)
			wantNoAllocs(t, name, func() {
				want := *count + 1
				unix.Write(x.p.fd, in)
				for i := 0; *count < want && i < turns; i++ {
					x.m.Poll(5e6)
				}
				x.m.Poll(0)
				unix.Read(x.p.fd, buf)
			})
			if *count < 100 {
				t.Errorf("%s: %d messages", name, *count)
			}
		}
	})
}

// A packet whose bytes come in two reads.
func TestConnReceiveSplitAllocates(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		x, count := counting(t, scheme)
		in := x.p.framed(pack("30 06 00 03'a/b''x'"))
		wantNoAllocs(t, "PUBLISH in two reads", func() {
			want := *count + 1
			unix.Write(x.p.fd, in[:5])
			x.m.Poll(5e6)
			unix.Write(x.p.fd, in[5:])
			for i := 0; *count < want && i < turns; i++ {
				x.m.Poll(5e6)
			}
		})
		if *count < 100 {
			t.Errorf("%d messages", *count)
		}
	})
}

// Pub and what the loop does to get it out.
func TestConnPubAllocates(t *testing.T) {
	buf := make([]byte, 4096)
	overBoth(t, func(t *testing.T, scheme string) {
		x, _ := counting(t, scheme)
		for qos := range uint8(3) {
			opts := publishing(qos)
			got := 0
			wantNoAllocs(t, "Pub", func() {
				if _, err := mqtt.Pub(x.c, opts); err != nil {
					t.Fatal(err)
				}
				x.m.Poll(0)
				if n, _ := unix.Read(x.p.fd, buf); n > 0 {
					got += n
				}
			})
			if got < 100*9 {
				t.Errorf("peer got %d bytes", got)
			}
		}
		wantNoAllocs(t, "Ping", func() {
			mqtt.Ping(x.c)
			x.m.Poll(0)
			unix.Read(x.p.fd, buf)
		})
	})
}

// Pub and Wrap by hand.
func TestConnPubWrapAllocates(t *testing.T) {
	buf := make([]byte, 4096)
	m, r := newManager(t), &recorder{t: t}
	fd, addr := listenOn(t)
	c, err := ws.Connect(m, "ws://"+addr, r.handle, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	p := acceptPeer(t, m, fd)
	p.ws = true
	p.agree(m, "")
	await(t, m, "EvWSOpen", r.saw("WS_OPEN"))
	c.Fn = func(*reactor.Conn, reactor.Event, any) {}
	if err := mqtt.Login(c, nil); err != nil {
		t.Fatal(err)
	}
	ws.Wrap(c, c.Send.Len(), ws.OpBinary)
	opts, got := publishing(1), 0
	wantNoAllocs(t, "Pub and Wrap", func() {
		start := c.Send.Len()
		if _, err := mqtt.Pub(c, opts); err != nil {
			t.Fatal(err)
		}
		ws.Wrap(c, c.Send.Len()-start, ws.OpBinary)
		m.Poll(0)
		if n, _ := unix.Read(p.fd, buf); n > 0 {
			got += n
		}
	})
	if got < 100*17 {
		t.Errorf("peer got %d bytes", got)
	}
}
