package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// The passwords of alice and bob are "secret". mosquitto_passwd wrote the lines.
const (
	alice = "alice:$7$101$DU9di7LcORF3aigj$Wm5mvQr7pvo9dkSQy+qD9/vyFBPA35QAf6ej1obARq4EwjJDCyTfsrCeU4vW1yNA9VubZrovt0g5dpz+LgGpvw==\n"
	bob   = "bob:$7$101$n2TT7N2gu0fWd+BS$7uyfjddBgUllR3qzOGEGplQ/bl/odRp5/AWGBximI1SyxIvqBuY0FtWfcM98eKNiJkILqjoaXqel0xzKIUo7Rw==\n"
)

// accepted sends a CONNECT with a password and returns the code of the CONNACK.
func accepted(t *testing.T, addr, user, password string) mqtt.ReasonCode {
	t.Helper()
	c := looptest.Dial(t, "tcp", addr)
	defer c.Close()
	packet, err := mqtt.AppendConnect(nil, 4, &mqtt.ConnectPacket{CleanStart: true, User: user, Password: []byte(password)})
	if err != nil {
		t.Fatal(err)
	}
	c.Write(packet)
	answer := make([]byte, 4)
	if _, err := io.ReadFull(c, answer); err != nil || answer[0] != 0x20 {
		t.Fatalf("CONNACK %x, %v", answer, err)
	}
	return mqtt.ReasonCode(answer[3])
}

// The server reads the password file at its start and at SIGHUP. A file with an error changes
// nothing.
func TestPasswordFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "passwords")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(alice)
	p := looptest.Start(t, "-listen", "mqtt://127.0.0.1:0", "-passwords", file)
	p.Await(`INFO .* passwords loaded file=\S+ users=1$`)
	addr := address(p, "mqtt")
	want := func(user, password string, code mqtt.ReasonCode) {
		t.Helper()
		if got := accepted(t, addr, user, password); got != code {
			t.Errorf("user %q with %q: code %d, want %d", user, password, got, code)
		}
	}
	want("alice", "secret", 0)
	want("alice", "Secret", mqtt.ConnackBadUserNameOrPassword)
	want("bob", "secret", mqtt.ConnackBadUserNameOrPassword)
	want("", "", mqtt.ConnackNotAuthorized)

	write(bob)
	p.Signal(syscall.SIGHUP)
	p.Await(`INFO .* passwords reloaded file=\S+ users=1$`)
	want("alice", "secret", mqtt.ConnackBadUserNameOrPassword)
	want("bob", "secret", 0)

	write(bob + "alice:plain\n")
	p.Signal(syscall.SIGHUP)
	p.Await(`ERROR .* passwords not reloaded, the old ones stay in use error="\S+:2: want user:`)
	want("bob", "secret", 0)
	p.Signal(os.Interrupt)
	p.WantEnd()
}

// A file that cannot be read at once does not stop the loop: here it is a pipe without a writer.
func TestPasswordFileBlocks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "passwords")
	if err := os.WriteFile(file, []byte(alice), 0o600); err != nil {
		t.Fatal(err)
	}
	p := looptest.Start(t, "-listen", "mqtt://127.0.0.1:0", "-passwords", file)
	p.Await(`INFO .* passwords loaded file=\S+ users=1$`)
	addr := address(p, "mqtt")
	if err := errors.Join(os.Remove(file), syscall.Mkfifo(file, 0o600)); err != nil {
		t.Fatal(err)
	}
	p.Signal(syscall.SIGHUP)
	for { // the open succeeds when the server reads
		pipe, err := os.OpenFile(file, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err == nil {
			defer pipe.Close()
			break
		}
		runtime.Gosched()
	}
	if got := accepted(t, addr, "alice", "secret"); got != 0 {
		t.Errorf("code %d", got)
	}
	p.Signal(os.Interrupt)
	p.WantEnd()
}

func TestPasswordFileErrors(t *testing.T) {
	looptest.WantExit(t, []string{"-passwords", "no/such"}, 2, "mqtt-server: -passwords: open no/such: no such file or directory\n")
	file := filepath.Join(t.TempDir(), "passwords")
	if err := os.WriteFile(file, []byte(strings.Replace(alice, "$7$", "$6$", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	looptest.WantExit(t, []string{"-passwords", file}, 2, "mqtt-server: -passwords: "+file+":1: the hash is not of the type $7$")
}

// The help says what one uses instead.
func TestHelp(t *testing.T) {
	looptest.WantExit(t, []string{"-h"}, 0, "For production use mosquitto or a cluster.")
}
