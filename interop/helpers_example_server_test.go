package interop

import (
	"testing"
)

// exampleServer is a running examples/mqtt-server.
type exampleServer struct {
	*process
	urls map[string]string // by scheme
}

func startExampleServer(t *testing.T) *exampleServer {
	t.Helper()
	p := launch(t, example(t, "mqtt-server"), "-v", "-listen", "mqtt://127.0.0.1:0", "-listen", "ws://127.0.0.1:0/mqtt",
		"-listen", "mqtts://127.0.0.1:0", "-listen", "wss://127.0.0.1:0/mqtt", "-cert", identities().cert, "-key", identities().key)
	s := &exampleServer{process: p, urls: map[string]string{}}
	for scheme, path := range map[string]string{"mqtt": "", "ws": "/mqtt", "mqtts": "", "wss": "/mqtt"} {
		m := p.match(`listening url=` + scheme + `://\S+ local=(127\.0\.0\.1:\d+)`)
		if m == nil {
			t.Fatalf("mqtt-server does not listen: %v %q", p.wait(), p.output())
		}
		s.urls[scheme] = scheme + "://" + m[1] + path
	}
	return s
}
