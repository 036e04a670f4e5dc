package allocs_test

import (
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/jsonrpc"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/metrics"
	"github.com/rikki-go/rikki/reactor/netconn"
)

// bridgeRows are packages beside the protocols.
var bridgeRows = []measurement{
	{name: "`Read` and `Write` of a `netconn.Conn`, an echo of 64 bytes", pooled: true, setup: func(t *testing.T) func() {
		m := looptest.NewManager(t)
		accepted := make(chan *netconn.Conn, 1)
		l, err := m.Listen("tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvAccept {
				n, err := netconn.New(c, nil)
				must(t, err)
				accepted <- n
			}
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		peer := dial(t, l)
		running(t, m)
		n := <-accepted
		t.Cleanup(func() { n.Close() })
		in, out := make([]byte, 64), make([]byte, 64)
		return func() {
			peer.send(in)
			if k, err := n.Read(out); k != 64 || err != nil {
				t.Fatal(k, err)
			}
			n.Write(out)
			peer.receive(64)
		}
	}},
	{name: "`metrics.Append` to a buffer that is large enough", setup: func(t *testing.T) func() {
		m, buf, samples := looptest.NewManager(t), make([]byte, 0, 1<<16), []metrics.Sample{{Name: "main"}}
		return func() {
			samples[0].Stats = m.Stats()
			if b := metrics.Append(buf, samples...); len(b) < 100 {
				t.Fatal(string(b))
			}
		}
	}},
	{name: "`jsonrpc.Methods.Append`, a call with two numbers", pooled: true, setup: func(t *testing.T) func() {
		var methods jsonrpc.Methods
		methods.Add("sum", func(r *jsonrpc.Request) (any, error) {
			var a, b int
			if err := r.Args(&a, &b); err != nil {
				return nil, err
			}
			return a + b, nil
		})
		in, buf := []byte(`{"jsonrpc": "2.0", "id": 1, "method": "sum", "params": [1, 2]}`), make([]byte, 0, 1000)
		return func() {
			if out := methods.Append(buf, in, nil); len(out) == 0 {
				t.Fatal("no answer")
			}
		}
	}},
}
