package nethttp

import (
	stdhttp "net/http"
	"strconv"

	"github.com/rikki-go/rikki/reactor/metrics"
)

// Metrics returns a handler that answers with the statistics of managers in the text format of
// Prometheus. It works on a net/http server and on a Bridge. A manager that does not answer within
// Collector.Wait is reported as not up.
func Metrics(c *metrics.Collector) stdhttp.Handler {
	return stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		if r.Method != stdhttp.MethodGet && r.Method != stdhttp.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			stdhttp.Error(w, "405 method not allowed", stdhttp.StatusMethodNotAllowed)
			return
		}
		text := c.Prometheus(r.Context())
		w.Header().Set("Content-Type", metrics.ContentType)
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		w.Write(text)
	})
}
