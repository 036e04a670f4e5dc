package termlog_test

import (
	"fmt"
	"log"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

// The manager and the program log to the same place.
func Example() {
	logger := termlog.New(os.Stderr, slog.LevelInfo)
	m, err := reactor.New(reactor.WithLogger(logger))
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	c, err := m.Listen("tcp://127.0.0.1:0", nil, nil)
	if err != nil {
		log.Fatal(err)
	}
	logger.Info("listening", "id", c.ID(), "local", c.LocalAddr())
}

// A *slog.LevelVar is the level that a running program can change, as mg_log_set does. The output
// is without the time and the place here.
func ExampleNew() {
	var out strings.Builder
	var level slog.LevelVar
	logger := termlog.New(&out, &level)
	logger.Debug("hidden")
	level.Set(slog.LevelDebug)
	logger.Debug("shown", "topic", []byte("a b"), "error", nil)
	logger.Info("read", "bytes", 2, "dump", "00000000  68 69  |hi|")
	prefix := regexp.MustCompile(`(?m)^\S+ [A-Z]+ +\S+  `)
	fmt.Print(prefix.ReplaceAllString(out.String(), ""))
	// Output:
	// shown topic="a b"
	// read bytes=2
	// 00000000  68 69  |hi|
}

// A client that fails again and again cannot fill the log.
func ExampleLimit() {
	peers := termlog.Limit(slog.New(slog.NewTextHandler(os.Stdout, nil)))
	handler := func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvError {
			peers.Info("connection failed", "id", c.ID(), "error", data.(error))
		}
	}
	m, err := reactor.New()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	if _, err := m.Listen("tcp://127.0.0.1:0", handler, nil); err != nil {
		log.Fatal(err)
	}
	m.Poll(time.Millisecond)
}
