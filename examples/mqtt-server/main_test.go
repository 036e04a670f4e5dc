package main

import (
	"bytes"
	"io"
	"os"
	"slices"
	"syscall"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
)

func TestMain(m *testing.M) {
	looptest.Main(main)
	os.Exit(m.Run())
}

func TestExitStatus(t *testing.T) {
	used := looptest.UsedAddr(t)
	for _, tc := range []struct {
		name   string
		args   []string
		status int
		stderr string // part of it
	}{
		{"help", []string{"-h"}, 0, "Usage of mqtt-server"},
		{"unknown flag", []string{"-port", "1883"}, 2, "flag provided but not defined: -port"},
		{"no URL", []string{"-listen"}, 2, "flag needs an argument: -listen"},
		{"argument", []string{"mqtt://127.0.0.1:0"}, 2, `unexpected argument "mqtt://127.0.0.1:0"`},
		{"no scheme", []string{"-listen", "127.0.0.1:0"}, 1, "127.0.0.1:0"},
		{"wrong scheme", []string{"-listen", "http://127.0.0.1:0"}, 1, "want mqtt://"},
		{"no certificate", []string{"-listen", "mqtts://127.0.0.1:0"}, 2, "mqtts://127.0.0.1:0 needs -cert and -key"},
		{"no key", []string{"-cert", "x"}, 2, "-cert and -key must be given together"},
		{"no file", []string{"-cert", "no/such", "-key", "file"}, 2, "mqtt-server: -cert: open no/such: no such file or directory\n"},
		{"no certificate, only a key", []string{"-key", "x"}, 2, "-cert and -key must be given together"},
		{"no TLS", []string{"-cert", "x", "-key", "y", "-listen", "ws://127.0.0.1:0"}, 2, "there is none in ws://127.0.0.1"},
		{"used", []string{"-listen", "mqtt://" + used}, 1, "address already in use"},
		{"second is bad", []string{"-listen", "ws://127.0.0.1:0", "-listen", "mqtt://" + used}, 1, "address already in use"},
	} {
		t.Run(tc.name, func(t *testing.T) { looptest.WantExit(t, tc.args, tc.status, tc.stderr) })
	}
}

func TestListenOn(t *testing.T) {
	plain := []string{"mqtt://127.0.0.1:1883", "ws://127.0.0.1:8083/mqtt"}
	for _, tc := range []struct {
		args []string
		cert bool
		want []string
	}{
		{nil, false, plain},
		{nil, true, append(plain, "mqtts://127.0.0.1:8883", "wss://127.0.0.1:8084/mqtt")},
		{[]string{"x", "y"}, true, []string{"x", "y"}},
	} {
		if got := listenOn(tc.args, tc.cert); !slices.Equal(got, tc.want) {
			t.Errorf("%q: %q", tc.args, got)
		}
	}
}

// TestServe logs in over TCP, connects to the WebSocket port, and ends the program with a
// signal.
func TestServe(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			p := looptest.Start(t, "-listen", "mqtt://127.0.0.1:0", "-listen", "ws://127.0.0.1:0/mqtt", "-v")
			client := looptest.Dial(t, "tcp", address(p, "mqtt"))
			if _, err := looptest.Dial(t, "tcp", address(p, "ws")).Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
				t.Error(err)
			}
			packet, err := mqtt.AppendConnect(nil, 5, &mqtt.ConnectPacket{ClientID: "a", CleanStart: true})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := client.Write(packet); err != nil {
				t.Fatal(err)
			}
			p.Await(`^\d\d:\d\d:\d\d\.\d{3} INFO  client\.go:\d+  connected .*client=a`)
			p.Signal(sig)
			answers, err := io.ReadAll(client)
			if want := []byte{byte(mqtt.CmdDisconnect) << 4, 2, byte(mqtt.ReasonServerShuttingDown), 0}; err != nil || !bytes.HasSuffix(answers, want) {
				t.Errorf("the client reads %x, %v, want %x at the end", answers, err, want)
			}
			p.Await(`INFO .* stopping`)
			p.WantEnd()
		})
	}
}

// address reads the log up to the line with the address for a scheme, and returns that.
func address(p *looptest.Program, scheme string) string {
	return p.Await(`^\d\d:\d\d:\d\d\.\d{3} INFO  broker\.go:\d+  listening url=` + scheme + `://127\.0\.0\.1:0\S* local=(\S+)$`)[1]
}
