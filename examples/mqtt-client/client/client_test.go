package client

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt/session"
)

// With -n the program ends when each message has its outcome.
func TestCount(t *testing.T) {
	b := startBroker(t, "mqtt://127.0.0.1:0", nil)
	for qos := range 3 {
		for _, version := range []string{"4", "5"} {
			t.Run(fmt.Sprintf("QoS %d version %s", qos, version), func(t *testing.T) {
				r := runProgram(t, "-url", b.url, "-n", "2500", "-qos", fmt.Sprint(qos), "-version", version)
				word := "acknowledged"
				if qos == 0 {
					word = "sent"
				}
				wantSuccess(t, r, "CONNECTED to "+b.url+" session=new", "CLOSED published=2500 "+word+"=2500")
				if strings.Contains(r.Stdout, "SUBSCRIBED") || strings.Contains(r.Stdout, "PUBLISHED") {
					t.Errorf("stdout:\n%s", r.Stdout)
				}
			})
		}
	}
}

// Large messages wait for room in the queue of the session.
func TestCountOfLargeMessages(t *testing.T) {
	b := startBroker(t, "mqtt://127.0.0.1:0", nil)
	large := strings.Repeat("x", 100_000)
	r := runProgram(t, "-url", b.url, "-n", "300", "-message", large)
	wantSuccess(t, r, "CLOSED published=300 acknowledged=300")
}

// A message that is larger than the queue is an error.
func TestTooLargeMessage(t *testing.T) {
	r := runProgram(t, "-url", "mqtt://127.0.0.1:1", "-n", "3", "-message", strings.Repeat("x", session.DefaultQueueBytes+1))
	if r.Status != 1 || !strings.Contains(r.Stderr, "the queue is full") {
		t.Errorf("status %d, stderr %q", r.Status, r.Stderr)
	}
}

// -v logs each message.
func TestVerbose(t *testing.T) {
	b := startBroker(t, "ws://127.0.0.1:0/mqtt", nil)
	r := runProgram(t, "-url", b.url, "-n", "2", "-v", "-topic", "x/y", "-message", "text")
	wantSuccess(t, r, "PUBLISHED text -> x/y", "ACKNOWLEDGED message=")
}

// The program tries the URLs in turn.
func TestSeveralURLs(t *testing.T) {
	gone := startBroker(t, "mqtt://127.0.0.1:0", nil)
	gone.stop()
	b := startBroker(t, "mqtt://127.0.0.1:0", nil)
	r := runProgram(t, "-url", gone.url, "-url", b.url, "-n", "1")
	wantSuccess(t, r, "NOT CONNECTED to "+gone.url+": ", "CONNECTED to "+b.url)
}

// TLS over both transports, with a certificate authority and without verification.
func TestTLS(t *testing.T) {
	a := looptest.NewAuthority(t)
	_, _, ca := a.Files(t, a.Issue(t, nil))
	config := a.Server(t)
	for _, url := range []string{"mqtts://127.0.0.1:0", "wss://127.0.0.1:0/mqtt"} {
		b := startBroker(t, url, config)
		wantSuccess(t, runProgram(t, "-url", "mqtt://127.0.0.1:1", "-url", b.url, "-ca", ca, "-n", "1"), "CONNECTED to "+b.url)
		wantSuccess(t, runProgram(t, "-url", b.url, "-insecure", "-n", "1"), "CERTIFICATE IS NOT VERIFIED")
		for limit := 500 * time.Millisecond; ; limit *= 4 { // a busy machine may need longer
			r := runProgram(t, "-url", b.url, "-n", "1", "-timeout", limit.String())
			if r.Status == 1 && strings.Contains(r.Stdout, "certificate") {
				break
			}
			if r.Status != 1 || limit > 30*time.Second {
				t.Fatalf("without -ca: %+v", r)
			}
		}
	}
}

// A refusal that will not heal ends the program. The password is not in the output.
func TestRefused(t *testing.T) {
	b := startRefusing(t, 4)
	_, addr, _ := strings.Cut(b.url, "://")
	for _, args := range [][]string{
		{"-url", b.url, "-user", "me", "-password", "s3cret", "-n", "1", "-v"},
		{"-url", "mqtt://me:s3cret@" + addr, "-n", "1", "-v"},
		{"-url", "mqtt://me:s3cret@" + addr}, // subscribes
	} {
		r := runProgram(t, args...)
		if r.Status != 1 || !strings.Contains(r.Stderr, "user name or password") || strings.Contains(r.Stderr+r.Stdout, "s3cret") {
			t.Errorf("%+v", r)
		}
	}
}

// A server that never answers: -timeout ends the program, with a reason.
func TestTimeout(t *testing.T) {
	r := runProgram(t, "-url", "mqtt://"+looptest.UsedAddr(t), "-n", "1", "-timeout", "50ms")
	if r.Status != 1 || !strings.Contains(r.Stderr, "not all messages had their outcome within 50ms") {
		t.Errorf("%+v", r)
	}
}

// Without -n the program is the tutorial: it subscribes, publishes, receives, and runs until
// SIGINT.
func TestTutorial(t *testing.T) {
	b := startBroker(t, "mqtt://127.0.0.1:0", nil)
	p := looptest.Start(t, "-url", b.url)
	p.Await(`CONNECTED to ` + b.url)
	p.Await(`RECEIVED hello <- mg/test`)
	p.Signal(syscall.SIGINT)
	p.Await(`CLOSED published=1 acknowledged=1`)
	status, stdout, stderr := p.Wait()
	if status != 0 || stderr != "" || !strings.Contains(stdout, "SUBSCRIBED to mg/test qos=1") ||
		!strings.Contains(stdout, "PUBLISHED hello -> mg/test") || !strings.Contains(stdout, "ACKNOWLEDGED message=1") {
		t.Errorf("status %d, stderr %q\n%s", status, stderr, stdout)
	}
}

// After the broker was restarted, the program connects, subscribes and publishes again.
func TestReconnects(t *testing.T) {
	b := startBroker(t, "mqtt://127.0.0.1:0", nil)
	p := looptest.Start(t, "-url", b.url)
	p.Await(`RECEIVED hello <- mg/test`)
	b.stop()
	p.Await(`WARN .* DISCONNECTED: .+ retry in=`)
	startBroker(t, b.url, nil)
	p.Await(`CONNECTED to ` + b.url)
	p.Await(`RECEIVED hello <- mg/test`)
	p.Signal(syscall.SIGTERM)
	if status, stdout, stderr := p.Wait(); status != 0 || stderr != "" {
		t.Errorf("status %d, stderr %q\n%s", status, stderr, stdout)
	}
}

// SIGINT ends the program also if the broker cannot be reached. Then the status is 1.
func TestInterruptedUnconnected(t *testing.T) {
	addr := looptest.UsedAddr(t) // accepts, and says nothing
	p := looptest.Start(t, "-url", "mqtt://"+addr, "-n", "3", "-v")
	p.Await(`PUBLISHED`)
	p.Signal(syscall.SIGINT)
	if status, stdout, stderr := p.Wait(); status != 1 || !strings.Contains(stderr, "3 of 3 messages were not acknowledged") {
		t.Errorf("status %d, stderr %q\n%s", status, stderr, stdout)
	}
}

// Without -n, SIGINT before the first connection says that there was none.
func TestInterruptedTutorialUnconnected(t *testing.T) {
	gone := startBroker(t, "mqtt://127.0.0.1:0", nil)
	gone.stop()
	p := looptest.Start(t, "-url", gone.url)
	p.Await(`NOT CONNECTED`)
	p.Signal(syscall.SIGINT)
	status, stdout, stderr := p.Wait()
	if status != 1 || !strings.HasPrefix(stderr, "mqtt-client: interrupted while not connected: ") || !strings.Contains(stderr, "refused") {
		t.Errorf("status %d, stderr %q\n%s", status, stderr, stdout)
	}
}
