package arch_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
)

// programOf returns the program of a document whose comment begins with "Command name ".
func programOf(t *testing.T, doc, name string) string {
	t.Helper()
	for _, b := range documents(t) {
		if b.Path != doc {
			continue
		}
		for _, b := range b.Blocks {
			if b.Lang == "go" && strings.HasPrefix(b.Lines[0], "// Command "+name+" ") {
				return strings.Join(b.Lines, "\n")
			}
		}
	}
	t.Fatalf("%s has no program %s", doc, name)
	return ""
}

// buildProgram builds a program of a document, and returns the path of the executable.
func buildProgram(t *testing.T, source string) string {
	t.Helper()
	dir := t.TempDir()
	writeModule(t, dir)
	writeFile(t, filepath.Join(dir, "main.go"), source)
	exe := filepath.Join(dir, "program")
	inModule(t, dir, "build", "-o", exe, ".")
	return exe
}

// service is a running program.
type service struct {
	*exec.Cmd
	t   *testing.T
	out *bufio.Reader
}

// startService starts a program. It is killed after a minute, or when the test ends.
func startService(t *testing.T, files []*os.File, name string, args ...string) *service {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = w, w, files
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	return &service{cmd, t, bufio.NewReader(r)}
}

// line reads lines until one matches, and returns the first group.
func (s *service) line(form string) string {
	s.t.Helper()
	var seen []string
	for {
		text, err := s.out.ReadString('\n')
		if m := regexp.MustCompile(form).FindStringSubmatch(text); m != nil {
			return m[len(m)-1]
		}
		if err != nil {
			s.t.Fatalf("%v before %q, after %q", err, form, seen)
		}
		seen = append(seen, text)
	}
}

// stop sends SIGTERM and waits for status 0.
func (s *service) stop() {
	s.t.Helper()
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	rest, _ := io.ReadAll(s.out)
	if err := s.Wait(); err != nil {
		s.t.Errorf("%v\n%s", err, rest)
	}
}

// wantPage gets a page and looks for a text in it.
func wantPage(t *testing.T, url, want string) {
	t.Helper()
	client := http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(body), want) {
		t.Errorf("GET %s: %d, %v, %q, want %q", url, resp.StatusCode, err, body, want)
	}
}

// TestServiceOfOperating runs the program of docs/operating.md by hand, and with a socket that is
// passed as systemd does.
func TestServiceOfOperating(t *testing.T) {
	exe := buildProgram(t, programOf(t, "docs/operating.md", "web"))
	const local = `local=(127\.0\.0\.1:\d+)`
	t.Run("by hand", func(t *testing.T) {
		s := startService(t, nil, exe, "-listen", "http://127.0.0.1:0", "-debug", "127.0.0.1:0")
		debug := s.line("debugging " + local)
		wantPage(t, "http://"+s.line("listening "+local), fmt.Sprintf("hello from process %d\n", s.Process.Pid))
		wantPage(t, "http://"+debug+"/metrics", `rikki_accepted_total{manager="web"} 1`)
		wantPage(t, "http://"+debug+"/debug/pprof/goroutine?debug=2", "Manager).Run")
		s.stop()
	})
	t.Run("activated", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		s := startService(t, []*os.File{f}, "sh", "-c",
			`LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web exec "$0" -debug 127.0.0.1:0`, exe)
		if at := s.line("listening " + local); at != l.Addr().String() {
			t.Errorf("listening at %s, want %v", at, l.Addr())
		}
		wantPage(t, "http://"+l.Addr().String(), "hello")
		s.stop()
	})
}

// TestServiceOfEmbedding runs the program of docs/embedding.md, on another port.
func TestServiceOfEmbedding(t *testing.T) {
	source := programOf(t, "docs/embedding.md", "both")
	s := startService(t, nil, buildProgram(t, strings.Replace(source, "127.0.0.1:8000", "127.0.0.1:0", 1)))
	url := s.line(`listening on (http://127\.0\.0\.1:\d+)`)
	wantPage(t, url+"/count", "0 WebSockets\n")
	wantPage(t, url+"/ws", "") // not a WebSocket
	s.stop()
}

// TestUnitsOfOperating asks systemd whether the units of docs/operating.md are correct. The test is
// skipped without systemd-analyze.
func TestUnitsOfOperating(t *testing.T) {
	dir, units := t.TempDir(), []string{}
	for _, d := range documents(t) {
		if d.Path != "docs/operating.md" {
			continue
		}
		for _, b := range d.Blocks {
			name, ok := strings.CutPrefix(b.Lines[0], "# /etc/systemd/system/")
			if b.Lang != "ini" || !ok {
				continue
			}
			// systemd looks for the executable.
			text := strings.ReplaceAll(strings.Join(b.Lines, "\n"), "/usr/local/bin/web", "/bin/sh")
			writeFile(t, filepath.Join(dir, name), text+"\n")
			units = append(units, filepath.Join(dir, name))
		}
	}
	if len(units) != 2 {
		t.Fatalf("docs/operating.md has the units %v, want a socket and a service", units)
	}
	analyze := looptest.Installed(t, "systemd-analyze")
	out, err := exec.Command(analyze, append([]string{"verify", "--man=no"}, units...)...).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, dir) || strings.Contains(line, "web.") {
			t.Error(strings.TrimSpace(line))
		}
	}
	if err != nil {
		t.Logf("systemd-analyze: %v\n%s", err, out)
	}
}
