package testclient

import (
	"io"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

// A message that comes with the response is not lost.
func TestMessageWithTheResponse(t *testing.T) {
	addr, wait := looptest.Serve(t, func(p *looptest.Peer) {
		io.WriteString(p, p.Agreement("")+looptest.Frame(0x81, false, -1, "one"))
		io.WriteString(p, looptest.Frame(0x81, false, -1, "two"))
	})
	c := DialWebSocket(t, "ws://"+addr+"/")
	for _, want := range []string{"one", "two"} {
		if got := ReadText(t, c); got != want {
			t.Errorf("read %q, want %q", got, want)
		}
	}
	WriteText(t, c, "three")
	c.Close()
	wait()
}
