package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rikki-go/rikki/internal/looptest"
)

// openTerminal opens a pseudo-terminal with so many columns.
func openTerminal(t *testing.T, columns int) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		looptest.Missing(t, "no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	looptest.Must(t, err)
	looptest.Must(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	looptest.Must(t, unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: uint16(columns)}))
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		looptest.Missing(t, "no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

// contents ends the terminal, and returns what was written to it.
func contents(master, slave *os.File) string {
	slave.Close()
	all, _ := io.ReadAll(master) // ends with EIO
	return strings.ReplaceAll(string(all), "\r\n", "\n")
}

// On a terminal the line of progress is below the log, and no wider than the terminal. It is gone
// at the end.
func TestTerminal(t *testing.T) {
	master, slave := openTerminal(t, 10)
	s := newScreen(slave)
	if !s.isTerminal() {
		t.Fatal("the terminal is none")
	}
	s.Write([]byte("first\n"))
	s.show("progress: 123456789")
	s.Write([]byte("second\n"))
	s.show("short")
	s.show("")
	s.Write([]byte("last\n"))
	want := "first\n" + clearLine + "progress:" + clearLine + "second\nprogress:" + clearLine + "short" + clearLine + "last\n"
	if got := contents(master, slave); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// A terminal that does not tell its width has 80 columns.
func TestTerminalWithoutWidth(t *testing.T) {
	_, slave := openTerminal(t, 0)
	if n := width(slave); n != 80 {
		t.Errorf("%d columns", n)
	}
}

// The program shows progress on a terminal. With -json that is standard error, and standard output
// has the object only.
func TestProgramOnTerminal(t *testing.T) {
	b := startBroker(t, "mqtt://127.0.0.1:0", nil)
	for _, json := range []bool{false, true} {
		master, slave := openTerminal(t, 200)
		cmd := looptest.Command(t, "-url", b.url, "-n", "3", "-rate", "50", "-d", "700ms", fmt.Sprint("-json=", json))
		var stdout strings.Builder
		cmd.Stdout, cmd.Stderr = slave, slave
		if json {
			cmd.Stdout = &stdout
		}
		looptest.Must(t, cmd.Run())
		got := contents(master, slave)
		if !regexp.MustCompile(`\x1b\[K\d\.\d s  running: 3 of 3 connected, \d+ published`).MatchString(got) {
			t.Errorf("json %v: %q", json, got)
		}
		if json {
			parse(t, looptest.Result{Stdout: stdout.String()}, 0)
		} else if !strings.Contains(got, clearLine+"devices       3, ") {
			t.Errorf("%q", got)
		}
	}
}
