package main

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/sntp"
)

func TestMain(m *testing.M) {
	looptest.Main(main)
	os.Exit(m.Run())
}

// Wrong usage is one line on standard error, and status 2.
func TestUsage(t *testing.T) {
	looptest.WantUsage(t, run, "sntp-time-sync", nil, []looptest.Refusal{
		looptest.Wrong("-url is empty", "-url", ""),
		looptest.Wrong("-url: ", "-url", "tcp://127.0.0.1:123"),
		looptest.Wrong("no scheme", "-url", "127.0.0.1:123"),
		looptest.Wrong("-every -1s is not positive", "-every", "-1s"),
		looptest.Wrong("-n: want a number", "-n", "x"),
	})
}

// serve answers requests with the times and strata of this list, one after the other.
func serve(t *testing.T, answers ...sntp.Packet) (url string) {
	t.Helper()
	s, err := net.ListenPacket("udp", "127.0.0.1:0")
	looptest.Must(t, err)
	t.Cleanup(func() { s.Close() })
	go func() {
		buf := make([]byte, 100)
		for _, a := range answers {
			n, from, err := s.ReadFrom(buf)
			if err != nil {
				return
			}
			q, _, _ := sntp.ParsePacket(buf[:n])
			a.Version, a.Mode, a.Origin = 4, sntp.ModeServer, q.Transmit
			s.WriteTo(sntp.AppendPacket(nil, a), from)
		}
	}()
	return "udp://" + s.LocalAddr().String()
}

// The program shows the server's time. After a refusal it connects again.
func TestTimeSync(t *testing.T) {
	at := sntp.TimestampOf(time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC))
	good := sntp.Packet{Stratum: 3, Receive: at, Transmit: at}
	url := serve(t, good, sntp.Packet{RefID: [4]byte{'R', 'A', 'T', 'E'}}, good)
	p := looptest.Start(t, "-url", url, "-n", "2", "-every", "100ms")
	status, stdout, stderr := p.Wait()
	if status != 0 || stderr != "" {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
	for text, n := range map[string]int{
		"  Got SNTP time ms=19358176": 2, " stratum=3\n": 2, "  The time is 2031-05-06T07:0": 2,
		"  no time url=" + url + " error=": 1, "the server is asked too often": 1,
	} {
		if got := strings.Count(stdout, text); got != n {
			t.Errorf("%q is logged %d times, want %d:\n%s", text, got, n, stdout)
		}
	}
}

// A signal ends the program, also while it waits.
func TestSignal(t *testing.T) {
	p := looptest.Start(t, "-url", serve(t, sntp.Packet{Leap: sntp.LeapAlarm}))
	p.Await(`no time url=.* error=.*not synchronized`)
	p.Signal(os.Interrupt)
	p.WantEnd()
}
