package main

import (
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"

	"github.com/rikki-go/rikki/examples/internal/testclient"
	"github.com/rikki-go/rikki/internal/looptest"
)

func TestMain(m *testing.M) {
	looptest.Main(main)
	os.Exit(m.Run())
}

// Wrong usage has status 2 and one line that names the flag. Nothing begins.
func TestUsage(t *testing.T) {
	looptest.WantUsage(t, run, "timers", nil, []looptest.Refusal{
		looptest.Wrong("for flag -period", "-period", "soon"),
		looptest.Wrong("-period 0s is less than 1ms", "-period", "0"),
		looptest.Wrong("-listen ws://127.0.0.1:0: want http://host:port", "-listen", "ws://127.0.0.1:0"),
		looptest.Wrong("-listen https://127.0.0.1:0: this example has no TLS there", "-listen", "https://127.0.0.1:0"),
	})
}

// If the system refuses to listen, the status is 1, and the line names the flag and the URL.
func TestExitStatus(t *testing.T) {
	used := "http://" + looptest.UsedAddr(t)
	looptest.WantExit(t, []string{"-listen", used}, 1, "-listen "+used+": ")
	looptest.WantExit(t, []string{"-listen", used}, 1, "address already in use\n")
}

// All clients get each message, and an echo of their own.
func TestMessages(t *testing.T) {
	p := looptest.Start(t, "-listen", "http://127.0.0.1:0", "-period", "50ms")
	addr := p.Await(`listening local=(\S+)`)[1]
	var clients [3]net.Conn
	for i := range clients {
		clients[i] = testclient.DialWebSocket(t, "ws://"+addr+"/websocket")
	}
	testclient.WriteText(t, clients[0], "echo")
	for i, c := range clients {
		echoes, messages := 0, 0
		for messages < 3 || i == 0 && echoes == 0 {
			switch text := testclient.ReadText(t, c); text {
			case "hi":
				messages++
			case "echo":
				echoes++
			default:
				t.Fatalf("client %d reads %q", i, text)
			}
		}
		if want := map[bool]int{true: 1}[i == 0]; echoes != want {
			t.Errorf("client %d reads %d echoes, want %d", i, echoes, want)
		}
	}
	clients[0].Close()
	clients[1].Close()
	clients[2].Close()
	r, err := http.Get("http://" + addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != 404 {
		t.Errorf("status %d, want 404", r.StatusCode)
	}
	http.DefaultClient.CloseIdleConnections()
	p.Signal(syscall.SIGTERM)
	p.WantEnd()
}
