package interop

import (
	"slices"
	"testing"
)

// TestWSExamples runs examples/websocket-client against examples/websocket-server,
// with and without TLS.
func TestWSExamples(t *testing.T) {
	id := identities()
	for _, row := range []struct {
		scheme         string
		server, client []string
		first          []string // lines of the client's log
	}{
		{"ws", nil, nil, nil},
		{"wss", []string{"-cert", id.cert, "-key", id.key}, []string{"-ca", id.ca}, []string{"SECURED with TLS 1.3"}},
		{"wss", []string{"-cert", id.cert, "-key", id.key, "-client-ca", id.ca},
			[]string{"-ca", id.ca, "-cert", id.cert, "-key", id.key}, []string{"SECURED with TLS 1.3"}},
	} {
		t.Run(row.scheme, func(t *testing.T) {
			t.Parallel()
			server := launch(t, example(t, "websocket-server"), append(row.server, "-v", "-deflate", "-listen", row.scheme+"://127.0.0.1:0")...)
			at := server.match(`listening url=\S+ local=(\S+)$`)
			if at == nil {
				t.Fatalf("websocket-server does not listen: %q", server.output())
			}
			url := row.scheme + "://" + at[1] + "/"
			stdout, stderr, status := run(t, example(t, "websocket-client"), append(row.client, "-url", url, "-n", "2", "-deflate")...)
			want := append(row.first, "CONNECTED to "+url, "SENT hello 1", "RECEIVED hello 1", "SENT hello 2", "RECEIVED hello 2", "CLOSED 1000 normal closure")
			if got := texts(t, stdout); status != 0 || stderr != "" || !slices.Equal(got, want) {
				t.Errorf("status %d, stderr %q, log\n%s", status, stderr, stdout)
			}
			if server.match(`closed by the peer id=\d+ code="1000 normal closure"$`) == nil {
				t.Error("the server got no Close frame")
			}
		})
	}
}

// TestWSExampleEchoes runs examples/websocket-client -echo against servers of other
// libraries, which drive it.
func TestWSExampleEchoes(t *testing.T) {
	t.Parallel()
	program := example(t, "websocket-client")
	seen := map[string]int{}
	for _, peer := range wsPeers() {
		if seen[peer.name]++; seen[peer.name] > 2 { // one setting without compression, one with
			continue
		}
		t.Run(peer.name+" "+or(peer.deflate, "plain"), func(t *testing.T) {
			outcome := make(chan error, 1)
			url := peer.listen(t, func(e wsEnd) {
				defer e.end()
				all, _ := peer.messages()
				_, err := drive(e, all, nil)
				outcome <- err
			})
			_, stderr, status := run(t, program, "-url", url, "-echo", "-deflate")
			if err := await(t, outcome); err != nil {
				t.Error(err)
			}
			if status != 0 || stderr != "" {
				t.Errorf("status %d, stderr %q", status, stderr)
			}
		})
	}
}
