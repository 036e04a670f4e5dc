package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

// Without a terminal there is a record every 5 seconds, if something has changed.
func TestProgressRecords(t *testing.T) {
	clock := looptest.NewClock()
	m := looptest.NewManager(t, reactor.WithClock(clock.Now))
	var log bytes.Buffer
	o := &options{devices: 7, size: stampSize, seed: 1, urls: []string{"mqtt://h"}}
	f := newFleet(o, nil, m, newScreen(io.Discard), termlog.New(&log, cli.Level(false)))
	f.showProgress()
	f.online, f.published, f.good = 5, 3, 2
	for _, row := range []struct{ published, records int }{{3, 1}, {3, 1}, {4, 2}} {
		f.published = uint64(row.published)
		before := log.Len()
		clock.Advance(logTime - time.Millisecond)
		looptest.Spin(t, m, 2)
		if log.Len() != before {
			t.Error("a record before the time has passed")
		}
		clock.Advance(time.Millisecond)
		looptest.Spin(t, m, 2)
		if n := strings.Count(log.String(), "connecting: 5 of 7 connected, "); n != row.records {
			t.Errorf("%d records, want %d:\n%s", n, row.records, log.String())
		}
	}
	if !strings.Contains(log.String(), "3 published, 1 without outcome") || !strings.Contains(log.String(), "4 published, 2 without outcome") {
		t.Errorf("log:\n%s", log.String())
	}
}
