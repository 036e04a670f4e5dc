package nethttp_test

import (
	"context"
	"fmt"
	"io"
	"log"
	stdhttp "net/http"
	"strings"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/http/nethttp"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/metrics"
)

// show prints the answer to a GET request.
func show(url string) {
	resp, err := stdhttp.Get(url)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %s\n", resp.Status, body)
}

// A router of net/http, whose handlers may block, on a port of its own.
func ExampleListen() {
	m, err := reactor.New()
	if err != nil {
		log.Fatal(err)
	}
	mux := stdhttp.NewServeMux()
	mux.HandleFunc("GET /hello/{name}", func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		fmt.Fprintf(w, "hello, %s", r.PathValue("name"))
	})
	l, err := nethttp.Listen(m, "http://127.0.0.1:0", mux, nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		defer stop()
		show("http://" + l.LocalAddr().String() + "/hello/gopher")
	}()
	m.Run(ctx)
	m.Close()
	// Output: 200 OK: hello, gopher
}

// A program that answers some requests in its handler, and others with net/http, on one port.
func ExampleBridge_Serve() {
	m, err := reactor.New()
	if err != nil {
		log.Fatal(err)
	}
	mux := stdhttp.NewServeMux()
	mux.HandleFunc("/debug/time", func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		fmt.Fprint(w, "from net/http")
	})
	bridge := nethttp.New(mux, &nethttp.Options{Workers: 100})
	handler := func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvHTTPHdrs:
			if hm := data.(*http.Message); strings.HasPrefix(string(hm.URI), "/debug/") {
				bridge.Serve(c, hm) // EvHTTPMsg of this request is not raised
			}
		case reactor.EvHTTPMsg:
			http.Reply(c, 200, "", "from the loop")
		}
	}
	l, err := http.Listen(m, "http://127.0.0.1:0", handler, nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		defer stop()
		show("http://" + l.LocalAddr().String() + "/")
		show("http://" + l.LocalAddr().String() + "/debug/time")
	}()
	m.Run(ctx)
	m.Close()
	bridge.Wait(context.Background()) // no handler runs any more
	// Output:
	// 200 OK: from the loop
	// 200 OK: from net/http
}

// The statistics of a manager for Prometheus, served by the same loop.
func ExampleMetrics() {
	m, err := reactor.New()
	if err != nil {
		log.Fatal(err)
	}
	mux := stdhttp.NewServeMux()
	mux.Handle("/metrics", nethttp.Metrics(metrics.New("main", m)))
	l, err := nethttp.Listen(m, "http://127.0.0.1:0", mux, nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		defer stop()
		resp, err := stdhttp.Get("http://" + l.LocalAddr().String() + "/metrics")
		if err != nil {
			log.Fatal(err)
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "rikki_connections{") {
				fmt.Print(line)
			}
		}
	}()
	m.Run(ctx)
	m.Close()
	// Output: rikki_connections{manager="main"} 1
}
