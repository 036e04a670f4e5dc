package interop

import "testing"

// startAedes starts aedes, a broker in Node. It speaks 3.1.1 only.
func startAedes(t *testing.T) *broker {
	t.Helper()
	p := launch(t, node(t), "node/aedes.mjs", identities().cert, identities().key, user, password)
	b := &broker{name: "aedes", process: p, stop: p.stop, only311: true,
		refusals: []refusal{{user, "wrong", map[uint8]string{4: "Bad user name or password", 5: "Unsupported protocol version"}}}}
	for _, scheme := range []string{"mqtt", "ws", "mqtts", "wss"} {
		m := p.match("^listening " + scheme + ` (127\.0\.0\.1:\d+)$`)
		if m == nil {
			t.Fatalf("aedes does not listen: %v %q", p.wait(), p.output())
		}
		url := scheme + "://" + m[1]
		if scheme == "ws" || scheme == "wss" {
			url += "/mqtt"
		}
		b.routes = append(b.routes, route{scheme, url, false})
	}
	return b
}
