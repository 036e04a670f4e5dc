//go:build !race

package session_test

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/reactor"
)

// TestMain lets the test binary be heapServer, in a process of its own, so that the memory of the
// server is not counted.
func TestMain(m *testing.M) {
	looptest.Main(heapServer)
	os.Exit(m.Run())
}

// heapServer prints its address, and serves until its input ends.
func heapServer() {
	m, err := reactor.New()
	if err != nil {
		panic(err)
	}
	l, err := mqtt.Listen(m, "ws://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvMQTTCmd {
			switch p := data.(*mqtt.Message); p.Cmd {
			case mqtt.CmdConnect:
				mqtt.Connack(c, false, 0)
			case mqtt.CmdSubscribe:
				mqtt.Suback(c, p.ID, 1)
			}
		}
	}, nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(l.LocalAddr())
	go func() {
		bufio.NewReader(os.Stdin).ReadString(0)
		os.Exit(0)
	}()
	for m.Poll(-1) == nil {
	}
}

// A session at rest over ws, with a subscription, holds at most 4 KiB of heap.
func TestMemoryIdle(t *testing.T) {
	const limit = 4096
	for version, sessions := range map[uint8]int{4: 1000, 5: 10000} {
		t.Run(string('0'+version), func(t *testing.T) {
			var files unix.Rlimit
			if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err == nil && uint64(files.Cur) < uint64(sessions+1000) {
				sessions = 1000
			}
			url := startHeapServer(t)
			m := looptest.NewManager(t)
			before := looptest.LiveHeap()
			up := 0
			fn := func(_ *reactor.Conn, ev reactor.Event, data any) {
				if ev == reactor.EvSessionSub {
					up++
				}
			}
			opts := session.Options{URLs: []string{url}, Expiry: time.Hour, Login: mqtt.Options{Version: version}}
			all := make([]*session.Session, sessions)
			for i := range all {
				opts.Login.ClientID = fmt.Sprint("device-", i)
				s, err := session.New(m, &opts, fn, nil)
				if err != nil {
					t.Fatal(err)
				}
				looptest.Must(t, s.Subscribe(session.Subscription{Filter: "device/" + opts.Login.ClientID, QoS: 1, Fn: fn}))
				all[i] = s
				if i%100 == 99 {
					looptest.Await(t, m, "SUBACK", func() bool { return up >= i-200 })
				}
			}
			looptest.Await(t, m, "all", func() bool { return up == sessions })
			looptest.Settle(t, m)
			each := (looptest.LiveHeap() - before) / sessions
			t.Logf("%d sessions, %d bytes each", sessions, each)
			if each > limit {
				t.Errorf("%d bytes per session, want at most %d", each, limit)
			}
			runtime.KeepAlive(all)
		})
	}
}

func startHeapServer(t *testing.T) (url string) {
	t.Helper()
	cmd := looptest.Command(t)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return "ws://" + strings.TrimSpace(line)
}
