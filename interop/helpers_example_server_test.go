package interop

import (
	"testing"
)

// exampleServer is a running examples/mqtt-server.
type exampleServer struct {
	*process
	urls map[string]string // by scheme
}

// startExampleServer starts it on free ports, or at four addresses of freePorts.
func startExampleServer(t *testing.T, at ...string) *exampleServer {
	t.Helper()
	if at == nil {
		const free = "127.0.0.1:0"
		at = []string{free, free, free, free}
	}
	p := launch(t, example(t, "mqtt-server"), "-v", "-listen", "mqtt://"+at[0], "-listen", "ws://"+at[1]+"/mqtt",
		"-listen", "mqtts://"+at[2], "-listen", "wss://"+at[3]+"/mqtt", "-cert", identities().cert, "-key", identities().key)
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
