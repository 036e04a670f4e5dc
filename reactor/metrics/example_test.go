package metrics_test

import (
	"context"
	"expvar"
	"fmt"
	"log"
	"strings"

	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/metrics"
)

// Other goroutines, such as those of a net/http server, read the statistics while the loop runs.
func ExampleCollector() {
	m, err := reactor.New()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	if _, err := m.Listen("tcp://127.0.0.1:0", nil, nil); err != nil {
		log.Fatal(err)
	}
	all := metrics.New("main", m)
	expvar.Publish("rikki", all) // at /debug/vars of a net/http server

	ctx, stop := context.WithCancel(context.Background())
	go func() {
		defer stop()
		for line := range strings.Lines(string(all.Prometheus(ctx))) {
			if strings.Contains(line, "rikki_listeners") {
				fmt.Print(line)
			}
		}
	}()
	m.Run(ctx)
	// Output:
	// # HELP rikki_listeners Listeners now.
	// # TYPE rikki_listeners gauge
	// rikki_listeners{manager="main"} 1
}

// A handler can write the statistics of its own manager.
func ExampleAppend() {
	m, err := reactor.New()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	text := metrics.Append(nil, metrics.Sample{Name: "main", Stats: m.Stats()})
	first, _, _ := strings.Cut(string(text), "\n")
	fmt.Println(first)
	// Output: # HELP rikki_up Whether the manager answered.
}
