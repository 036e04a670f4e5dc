package cli

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// The first signal ends the context, and its cause names the signal. The context of the program
// may also end for another reason.
func TestUntilSignal(t *testing.T) {
	ctx, stop := UntilSignal(context.Background())
	defer stop()
	looptest.Must(t, syscall.Kill(syscall.Getpid(), syscall.SIGTERM))
	<-ctx.Done()
	if cause := context.Cause(ctx); cause == context.Canceled || !strings.Contains(cause.Error(), "terminated") {
		t.Errorf("the cause is %v", cause)
	}
	ended := errors.New("ended")
	parent, end := context.WithCancelCause(context.Background())
	ctx, stop = UntilSignal(parent)
	defer stop()
	end(ended)
	<-ctx.Done()
	if cause := context.Cause(ctx); cause != ended {
		t.Errorf("the cause is %v, want the parent's", cause)
	}
}

// The second signal ends the program at once, although it does not call stop. It is another
// process, which runs this test again.
func TestSecondSignal(t *testing.T) {
	const name = "RIKKI_SECOND_SIGNAL"
	if os.Getenv(name) != "" {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // starts the goroutine of package signal
		before := runtime.NumGoroutine()
		ctx, _ := UntilSignal(context.Background())
		looptest.Must(t, syscall.Kill(syscall.Getpid(), syscall.SIGTERM))
		<-ctx.Done()
		for runtime.NumGoroutine() > before { // until what follows the first signal is done
			runtime.Gosched()
		}
		looptest.Must(t, syscall.Kill(syscall.Getpid(), syscall.SIGTERM))
		for range 5_000_000 { // another thread may take the signal
			runtime.Gosched()
		}
		return
	}
	program := exec.Command(os.Args[0], "-test.run=^TestSecondSignal$")
	program.Env = append(os.Environ(), name+"=1")
	out, err := program.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("the program has ended with %v\n%s", err, out)
	}
}

// A connection that cannot write all its bytes in the time of grace is closed and logged.
func TestRunThenDrain(t *testing.T) {
	for _, reads := range []bool{true, false} {
		var log strings.Builder
		clock := looptest.NewClock()
		tick := func() time.Time { clock.Advance(time.Millisecond); return clock.Now() }
		m := looptest.NewManager(t, reactor.WithClock(tick), reactor.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		c, peer := looptest.Wrap(t, m, func(*reactor.Conn, reactor.Event, any) {})
		ctx, end := context.WithCancelCause(context.Background())
		m.Post(func() {
			if reads {
				c.Write([]byte("bye"))
			} else {
				c.Write(make([]byte, 8<<20))
			}
			end(errors.New("the reason"))
		})
		defer looptest.EachTurn(m, func() {
			if reads && peer.FD >= 0 && peer.Ended() {
				peer.Close()
			}
		})()
		if err := RunThenDrain(ctx, m, time.Second); err != nil {
			t.Fatal(err)
		}
		left := strings.Contains(log.String(), "closed before its end")
		if !strings.Contains(log.String(), `msg=stopping reason="the reason"`) || left == reads {
			t.Errorf("reads %v: %s", reads, &log)
		}
		if reads && string(peer.In) != "bye" {
			t.Errorf("the peer reads %q", peer.In)
		}
	}
}

// A loop that ends before the context is not drained.
func TestRunThenDrainOfClosed(t *testing.T) {
	var log strings.Builder
	m := looptest.NewManager(t, reactor.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	m.Post(func() { m.Close() })
	if err := RunThenDrain(context.Background(), m, time.Second); err != nil || log.Len() > 0 {
		t.Errorf("%v, log %s", err, &log)
	}
}
