package nethttp_test

import (
	"io"
	stdhttp "net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http/nethttp"
	"github.com/rikki-go/rikki/reactor/metrics"
)

// The handler serves the statistics of its own manager and of others, on a Bridge and on net/http's
// server.
func TestMetrics(t *testing.T) {
	closed := looptest.NewManager(t)
	closed.Close()
	c := new(metrics.Collector)
	h := nethttp.Metrics(c)
	ours := serve(t, h, nil)
	must(t, c.Add("own", ours.m))
	must(t, c.Add("closed", closed))
	theirs := httptest.NewServer(h)
	defer theirs.Close()
	for _, addr := range []string{ours.addr, theirs.Listener.Addr().String()} {
		resp, err := stdhttp.Get("http://" + addr + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		must(t, err)
		resp.Body.Close()
		for _, line := range []string{"rikki_up{manager=\"own\"} 1\n", "rikki_up{manager=\"closed\"} 0\n", "# TYPE rikki_accepted_total counter\nrikki_accepted_total{manager=\"own\"} 1\n"} {
			if !strings.Contains(string(text), line) || resp.Header.Get("Content-Type") != metrics.ContentType {
				t.Errorf("no line %q in\n%s", line, text)
			}
		}
		resp, err = stdhttp.Post("http://"+addr, "text/plain", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 405 || resp.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("POST is answered with %v", resp.Status)
		}
	}
	stdhttp.DefaultClient.CloseIdleConnections()
}
