package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	mghttp "github.com/rikki-go/rikki/proto/http"
)

func TestMain(m *testing.M) {
	looptest.Main(main)
	os.Exit(m.Run())
}

// Wrong usage has status 2 and one line that names the flag. The program does not listen before.
func TestUsage(t *testing.T) {
	looptest.WantUsage(t, run, "multi-threaded", nil, []looptest.Refusal{
		looptest.Wrong("for flag -work: want a time such as", "-work", "soon"),
		looptest.Wrong("for flag -work: it is negative", "-work", "-1s"),
		looptest.Wrong("-jobs 0 is not positive", "-jobs", "0"),
		looptest.Wrong("for flag -jobs: it is negative", "-jobs", "-1"),
		looptest.Wrong("-listen ws://127.0.0.1:0: want http://host:port", "-listen", "ws://127.0.0.1:0"),
		looptest.Wrong("-listen https://127.0.0.1:0: this example has no TLS there", "-listen", "https://127.0.0.1:0"),
	})
}

// If the system refuses to listen, the status is 1, and the line names the flag and the URL.
func TestExitStatus(t *testing.T) {
	used := looptest.UsedAddr(t)
	looptest.WantExit(t, []string{"-listen", "http://" + used}, 1, "-listen http://"+used+": ")
	looptest.WantExit(t, []string{"-listen", "http://" + used}, 1, "address already in use\n")
}

// get returns the body at a path.
func get(t *testing.T, addr, path string) string {
	t.Helper()
	r, err := http.Get("http://" + addr + path)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	return string(body)
}

// The slow work does not delay the answer to another request: it would take an hour.
func TestQuickAnswer(t *testing.T) {
	p := looptest.Start(t, "-listen", "http://127.0.0.1:0", "-work", "1h")
	addr := p.Await(`listening local=(\S+)`)[1]
	slow, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	if _, err := io.WriteString(slow, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if got := get(t, addr, "/fast"); got != "hi\n" {
			t.Fatalf("quick answer %q", got)
		}
	}
}

func TestSlowAnswer(t *testing.T) {
	p := looptest.Start(t, "-listen", "http://127.0.0.1:0", "-work", "10ms")
	addr := p.Await(`listening local=(\S+)`)[1]
	if got := get(t, addr, "/"); got != "Result: hi!\n" {
		t.Errorf("slow answer %q", got)
	}
	p.Signal(syscall.SIGTERM)
	p.WantEnd()
}

// With -jobs 2 a third job is refused, also if the clients of the others have left. When a job is
// done there is room for another.
func TestJobs(t *testing.T) {
	m := looptest.NewManager(t)
	release := make(chan struct{})
	s := &server{most: 2, job: func() { <-release }}
	l, err := mghttp.Listen(m, "http://127.0.0.1:0", s.handle, nil)
	if err != nil {
		t.Fatal(err)
	}
	ask := func() *looptest.Socket {
		client := looptest.DialSocket(t, l.LocalAddr())
		client.WriteString("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		return client
	}
	answered := func(client *looptest.Socket, status string) {
		t.Helper()
		looptest.Await(t, m, "the answer", func() bool { client.Receive(); return len(client.In) > 12 })
		if got := string(client.In[9:12]); got != status {
			t.Errorf("answered %s, want %s", got, status)
		}
	}
	ask().Reset()
	looptest.Await(t, m, "the end of the first", func() bool { return s.jobs == 1 && m.Stats().Conns == 0 })
	second := ask()
	looptest.Await(t, m, "the second job", func() bool { return s.jobs == 2 })
	answered(ask(), "503")
	close(release)
	answered(second, "200")
	looptest.Await(t, m, "the end of the jobs", func() bool { return s.jobs == 0 })
	answered(ask(), "200")
	looptest.Await(t, m, "the end of the job", func() bool { return s.jobs == 0 })
}
