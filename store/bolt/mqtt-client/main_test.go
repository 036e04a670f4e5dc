package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rikki-go/rikki/examples/mqtt-client/client"
	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

func TestMain(m *testing.M) {
	looptest.Main(main)
	m.Run()
}

// serve starts a server with a loop of its own. It accepts and acknowledges everything. It ends
// with the test; then messages is complete.
func serve(t *testing.T) (url string, end func() (messages []string)) {
	t.Helper()
	m, err := reactor.New(reactor.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	var messages []string
	l, err := mqtt.Listen(m, "mqtt://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvMQTTCmd:
			if data.(*mqtt.Message).Cmd == mqtt.CmdConnect {
				mqtt.Connack(c, false, 0)
			}
		case reactor.EvMQTTMsg:
			messages = append(messages, string(data.(*mqtt.Message).Data))
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer m.Close()
		m.Run(ctx)
	}()
	end = func() []string { cancel(); <-done; return messages }
	t.Cleanup(func() { end() })
	return "mqtt://" + l.LocalAddr().String(), end
}

// Messages that were not sent are in the file. The next run sends them, and then its own.
func TestStoreBetweenRuns(t *testing.T) {
	file := filepath.Join(t.TempDir(), "store.db")
	args := []string{"-store", file, "-id", "x", "-qos", "2"}
	off := "mqtt://" + looptest.UsedAddr(t) // accepts, and says nothing
	looptest.WantExit(t, append(args, "-url", off, "-n", "3", "-message", "first", "-timeout", "100ms"), 1, "within 100ms")

	// The second run is killed.
	p := looptest.Start(t, append(args, "-url", off, "-n", "1", "-message", "second", "-v")...)
	p.Await(`RESUMED messages of an earlier run count=3`)
	p.Await(`NOT CONNECTED|PUBLISHED second`)
	p.Signal(syscall.SIGINT)
	if status, _, stderr := p.Wait(); status != 1 || !strings.Contains(stderr, "4 of 4 messages were not acknowledged; 4 of them are in the store") {
		t.Errorf("status %d, stderr %q", status, stderr)
	}

	url, end := serve(t)
	p = looptest.Start(t, append(args, "-url", url, "-n", "2", "-message", "third")...)
	p.Await(`RESUMED messages of an earlier run count=4`)
	p.Await(`CLOSED published=6 acknowledged=6`)
	p.WantEnd()
	if got := strings.Join(end(), " "); got != "first first first second third third" {
		t.Errorf("the server got %q", got)
	}
}

// Two processes with one file would destroy each other's state: the second one says which file.
func TestStoreLocked(t *testing.T) {
	file := filepath.Join(t.TempDir(), "store.db")
	args := []string{"-store", file, "-id", "x", "-url", "mqtt://" + looptest.UsedAddr(t), "-n", "1", "-v"}
	p := looptest.Start(t, args...)
	p.Await("PUBLISHED")
	looptest.WantExit(t, args, 1, "open "+file+": in use: another process has it open")
	p.Signal(syscall.SIGKILL)
	p.Wait()
}

// -store needs -id, and -h lists it.
func TestStoreFlag(t *testing.T) {
	looptest.WantExit(t, []string{"-store", "f"}, 2, "-store and -expiry need -id")
	looptest.WantExit(t, []string{"-h"}, 0, "-store file")
}

// Wrong usage has status 2 and one line that names the flag. No file is made.
func TestUsage(t *testing.T) {
	run := func(args []string, stdout, stderr io.Writer) int { return client.Run(args, stdout, stderr, storage) }
	file := filepath.Join(t.TempDir(), "x.db")
	checked := []string{"-url", "-topic", "-qos", "-user", "-password", "-id", "-version", "-n", "-timeout", "-message",
		"-ca", "-cert", "-key", "-expiry"} // by the tests of examples/mqtt-client
	looptest.WantUsage(t, run, "mqtt-client", checked, []looptest.Refusal{
		looptest.Wrong("-store and -expiry need -id", "-store", file),
		looptest.Wrong("-qos 3: want 0, 1 or 2", "-store", file, "-id", "x", "-qos", "3"),
		looptest.Wrong("-url: ", "-store", file, "-id", "x", "-url", "bogus"),
	})
	if _, err := os.Stat(file); err == nil {
		t.Error("the file of -store was made")
	}
}
