package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// runMain makes the test's own binary be the program.
const runMain = "TCP_PROXY_RUN_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(runMain) != "" {
		main()
		os.Exit(0)
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
		{"help", []string{"-h"}, 0, "-listen"},
		{"unknown flag", []string{"-port", "8000"}, 2, "flag provided but not defined: -port"},
		{"argument", []string{"tcp://127.0.0.1:0"}, 2, `unexpected argument "tcp://127.0.0.1:0"`},
		{"no scheme", []string{"-listen", "127.0.0.1:0"}, 1, "127.0.0.1:0"},
		{"TLS", []string{"-listen", "tls://127.0.0.1:0"}, 2, "no TLS"},
		{"used", []string{"-listen", "tcp://" + used.Addr().String()}, 1, "address already in use"},
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

// start runs the program in front of a URL and returns where it listens.
func start(t *testing.T, to string) (cmd *exec.Cmd, addr string) {
	t.Helper()
	cmd = program(t, "-listen", "tcp://127.0.0.1:0", "-to", to)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`listening .*local=(\S+)`).FindStringSubmatch(line)
	if m == nil {
		t.Fatalf("the log begins with %q", line)
	}
	return cmd, m[1]
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(30 * time.Second))
	return c
}

// Bytes go both ways, the end of one side is the end of the other, and a signal
// ends the program in order.
func TestBothWays(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
			t.Run(network+" "+sig.String(), func(t *testing.T) {
				address := map[string]string{"tcp": "127.0.0.1:0", "unix": filepath.Join(t.TempDir(), "s")}[network]
				target, err := net.Listen(network, address)
				if err != nil {
					t.Fatal(err)
				}
				defer target.Close()
				cmd, addr := start(t, network+"://"+target.Addr().String())
				c := dial(t, addr)
				io.WriteString(c, "question")
				d, err := target.Accept()
				if err != nil {
					t.Fatal(err)
				}
				defer d.Close()
				d.SetDeadline(time.Now().Add(30 * time.Second))
				buf := make([]byte, 8)
				if _, err := io.ReadFull(d, buf); err != nil || string(buf) != "question" {
					t.Fatalf("the target reads %q, %v", buf, err)
				}
				io.WriteString(d, "answer")
				d.Close()
				if got, err := io.ReadAll(c); err != nil || string(got) != "answer" {
					t.Errorf("the client reads %q, %v", got, err)
				}
				c.Close() // or the proxy would wait a second for it
				if err := cmd.Process.Signal(sig); err != nil {
					t.Fatal(err)
				}
				if err := cmd.Wait(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// A client that cannot be connected is reset.
func TestNobodyThere(t *testing.T) {
	_, addr := start(t, "unix://"+filepath.Join(t.TempDir(), "none"))
	if got, err := io.ReadAll(dial(t, addr)); !errors.Is(err, syscall.ECONNRESET) || len(got) != 0 {
		t.Errorf("read %q, %v", got, err)
	}
}
