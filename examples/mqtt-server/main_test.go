package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// runMain makes the test's own binary be the program.
const runMain = "MQTT_SERVER_RUN_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(runMain) != "" {
		main()
	}
	os.Exit(m.Run())
}

func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Env = append(os.Environ(), runMain+"=1")
	return cmd
}

func TestExitStatus(t *testing.T) {
	used, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer used.Close()
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
		{"no TLS yet", []string{"-listen", "mqtts://127.0.0.1:0"}, 1, "TLS"},
		{"used", []string{"-listen", "mqtt://" + used.Addr().String()}, 1, "address already in use"},
		{"second is bad", []string{"-listen", "ws://127.0.0.1:0", "-listen", "mqtt://" + used.Addr().String()}, 1, "address already in use"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cmd := program(t, tc.args...)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			err := cmd.Run()
			if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if got := cmd.ProcessState.ExitCode(); got != tc.status {
				t.Errorf("exit status %d, want %d", got, tc.status)
			}
			if !strings.Contains(stderr.String(), tc.stderr) {
				t.Errorf("stderr %q does not say %q", stderr.String(), tc.stderr)
			}
		})
	}
}

func TestArgs(t *testing.T) {
	for _, tc := range []struct {
		args  []string
		urls  []string
		level slog.Level
	}{
		{nil, []string{"mqtt://127.0.0.1:1883", "ws://127.0.0.1:8083/mqtt"}, slog.LevelInfo},
		{[]string{"-v"}, defaultURLs, slog.LevelDebug},
		{[]string{"-listen", "x", "-listen=y"}, []string{"x", "y"}, slog.LevelInfo},
	} {
		urls, level, err := parseArgs(tc.args, io.Discard)
		if err != nil || !slices.Equal(urls, tc.urls) || level != tc.level {
			t.Errorf("%q: got %q, %v, %v", tc.args, urls, level, err)
		}
	}
}

// TestServe logs in over tcp, looks at the WebSocket port, and ends the program with a signal.
func TestServe(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			cmd := program(t, "-listen", "mqtt://127.0.0.1:0", "-listen", "ws://127.0.0.1:0/mqtt", "-v")
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			log := bufio.NewScanner(stdout)
			client := dial(t, address(t, log, "mqtt"))
			if _, err := dial(t, address(t, log, "ws")).Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
				t.Error(err)
			}
			packet, err := mqtt.AppendConnect(nil, 5, &mqtt.ConnectPacket{ClientID: "a", CleanStart: true})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := client.Write(packet); err != nil {
				t.Fatal(err)
			}
			await(t, log, `^\d\d:\d\d:\d\d\.\d{3} INFO  session\.go:\d+  connected .*client=a`)
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			answers, err := io.ReadAll(client)
			if want := []byte{byte(mqtt.CmdDisconnect) << 4, 2, byte(mqtt.ReasonServerShuttingDown), 0}; err != nil || !bytes.HasSuffix(answers, want) {
				t.Errorf("the client reads %x, %v, and no %x", answers, err, want)
			}
			await(t, log, `INFO .* stopping`)
			for log.Scan() {
			}
			if err := cmd.Wait(); err != nil || stderr.Len() > 0 {
				t.Errorf("%v, stderr %q", err, stderr.String())
			}
		})
	}
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// await reads the log up to a line that matches and returns its submatches.
func await(t *testing.T, log *bufio.Scanner, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for log.Scan() {
		if m := re.FindStringSubmatch(log.Text()); m != nil {
			return m
		}
	}
	t.Fatalf("the log has no line %s", pattern)
	return nil
}

func address(t *testing.T, log *bufio.Scanner, scheme string) string {
	t.Helper()
	return await(t, log, `^\d\d:\d\d:\d\d\.\d{3} INFO  broker\.go:\d+  listening url=`+scheme+`://127\.0\.0\.1:0\S* local=(\S+)$`)[1]
}
