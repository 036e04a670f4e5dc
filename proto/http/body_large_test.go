package http_test

import (
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// listenLarge makes a server and a client. Requests are counted, and answered without a body.
func listenLarge(t *testing.T) (m *reactor.Manager, server func() *reactor.Conn, client *looptest.Socket, count *int) {
	t.Helper()
	m, count = looptest.NewManager(t), new(int)
	var accepted *reactor.Conn
	l, err := http.Listen(m, "http://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
		switch ev {
		case reactor.EvAccept:
			accepted = c
		case reactor.EvHTTPMsg:
			*count++
			http.ReplyBytes(c, 204, "", nil)
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m, func() *reactor.Conn { return accepted }, looptest.DialSocket(t, l.LocalAddr()), count
}

// largePost returns a request with a body of size bytes.
func largePost(size int) []byte {
	head := fmt.Sprintf("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", size)
	return append([]byte(head), make([]byte, size)...)
}

// Content-Length tells how much of a body is to come. Recv gets memory for it, but not on the
// header's word alone.
func TestContentLengthIsExpected(t *testing.T) {
	const arrived = 100_000
	for _, tt := range []struct {
		name        string
		size        int
		least, most int // capacity of Recv
	}{
		{"a large body", 290_000, 290_000, 400_000},
		{"the largest body that is accepted", http.DefaultMaxBody, 2 * arrived, 5 * arrived},
	} {
		m, server, client, _ := listenLarge(t)
		client.Write(largePost(tt.size)[:arrived])
		looptest.Await(t, m, "the beginning", func() bool { return server() != nil && server().Recv.Len() == arrived })
		if n := server().Recv.Cap(); n < tt.least || n > tt.most {
			t.Errorf("%s: Recv has %d bytes of memory for %d, want %d to %d", tt.name, n, arrived, tt.least, tt.most)
		}
		if held := m.Stats().Held; held > tt.most {
			t.Errorf("%s: %d bytes are held", tt.name, held)
		}
	}
}

// Receiving large bodies allocates nothing.
func TestLargeBodiesAllocateNothing(t *testing.T) {
	for _, size := range []int{100_000, 150_000, 1_000_000} {
		m, _, client, count := listenLarge(t)
		in := largePost(size)
		looptest.WantNoAllocs(t, "a large body", func() {
			want := *count + 1
			for rest := in; *count < want; m.Poll(0) {
				rest = rest[client.WriteSome(rest):]
			}
		})
	}
}
