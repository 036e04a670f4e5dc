package proxy_test

import (
	"bytes"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/proxy"
	"github.com/rikki-go/rikki/reactor"
)

// The longest header that version 2 can express has 65,551 bytes. A listener whose MaxHeader allows
// it accepts it. A MaxHeader beyond that means the same.
func TestAcceptLongestHeader(t *testing.T) {
	const longest = 16 + 65535
	h := proxy.Header{Version: 2, Source: addrPort("192.0.2.1:4711"), Dest: addrPort("192.0.2.2:443")}
	h.TLVs = []proxy.TLV{{Type: proxy.TypeNoOp, Value: bytes.Repeat([]byte("x"), 65535-12-3)}}
	b, err := proxy.AppendHeader(nil, &h)
	if err != nil || len(b) != longest {
		t.Fatalf("%d bytes, error %v", len(b), err)
	}
	for _, tc := range []struct {
		name  string
		limit int
		split int // bytes in the first write
		ok    bool
	}{
		{"limit of its size", longest, longest, true},
		{"larger limit", 1 << 30, longest, true},
		{"last byte alone", longest, longest - 1, true},
		{"first byte alone", longest, 1, true},
		{"limit of one byte less", longest - 1, longest, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var log looptest.Warnings
			m := looptest.NewManager(t, reactor.WithLogger(log.Logger()))
			var r recorder
			l := listen(t, m, "tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
				if !c.IsListening() {
					r.Handle(c, ev, data)
				}
			})
			accept(t, l, &proxy.AcceptOptions{MaxHeader: tc.limit})
			p := looptest.DialSocket(t, l.LocalAddr())
			p.Write(b[:tc.split])
			looptest.Spin(t, m, 30)
			if tc.ok {
				p.Write(b[tc.split:])
				p.WriteString("rest")
			}
			if tc.ok {
				looptest.Await(t, m, "what follows", func() bool { return string(r.Got) == "rest" })
				return
			}
			looptest.Await(t, m, "Refused", func() bool { return m.Stats().Refused == 1 })
			log.WantOne(t, "65551 bytes, the limit is 65550")
		})
	}
}
