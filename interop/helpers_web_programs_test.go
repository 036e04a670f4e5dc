package interop

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
)

// writeFile writes a file of a test and returns its path.
func writeFile(t *testing.T, name string, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// accepting waits until a program accepts connections at each address. It returns false if the
// program ends instead.
func (p *process) accepting(addrs ...string) bool {
	p.t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	late := time.After(timeout)
	for len(addrs) > 0 {
		if c, err := net.Dial("tcp", addrs[0]); err == nil {
			c.Close()
			addrs = addrs[1:]
			continue
		}
		select {
		case <-again.C:
		case <-p.done:
			return false
		case <-late:
			p.t.Fatalf("%s does not listen on %s", p.name, addrs[0])
		}
	}
	return true
}

// startAt starts a program that listens on n free ports. Another process may take such a port
// before the program does, so this is repeated.
func startAt(t *testing.T, n int, start func(addrs []string) *process) (p *process, addrs []string) {
	t.Helper()
	for range 5 {
		addrs = freePorts(t, n)
		if p = start(addrs); p.accepting(addrs...) {
			return p, addrs
		}
	}
	t.Fatalf("%s does not start: %q", p.name, p.output())
	return nil, nil
}

// startNginx starts an nginx that listens on n free ports. config returns what its configuration
// has besides the places of files.
func startNginx(t *testing.T, n int, config func(addrs []string) (http, stream string)) []string {
	t.Helper()
	program := looptest.Installed(t, "nginx")
	const module = "/usr/lib/nginx/modules/ngx_stream_module.so"
	if _, err := os.Stat(module); err != nil {
		looptest.Missing(t, "nginx has no stream module: %v", err)
	}
	_, addrs := startAt(t, n, func(addrs []string) *process {
		http, stream := config(addrs)
		dir := t.TempDir()
		places := ""
		for _, what := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
			places += what + "_temp_path " + filepath.Join(dir, what) + ";\n"
		}
		user := ""
		if os.Getuid() == 0 {
			user = "user root;" // otherwise its worker cannot read the files of the test
		}
		path := writeFile(t, "nginx.conf", "load_module "+module+";", user, "daemon off; worker_processes 1;",
			"error_log stderr warn; pid "+filepath.Join(dir, "pid")+";", "events { worker_connections 256; }",
			"http {", places, "access_log off;", http, "}", "stream {", stream, "}")
		return launch(t, program, "-p", dir, "-e", "stderr", "-c", path)
	})
	return addrs
}

// startHAProxy starts an haproxy that listens on n free ports.
func startHAProxy(t *testing.T, n int, config func(addrs []string) string) []string {
	t.Helper()
	program := looptest.Installed(t, "haproxy")
	_, addrs := startAt(t, n, func(addrs []string) *process {
		p := launch(t, program, "-db", "-f", writeFile(t, "haproxy.cfg", "global", "  maxconn 200", "defaults",
			"  timeout connect 60s", "  timeout client 60s", "  timeout server 60s", "  timeout tunnel 60s", config(addrs)))
		p.bySignal = true
		return p
	})
	return addrs
}

// startTinyproxy starts a proxy for CONNECT. With a user it wants a login.
func startTinyproxy(t *testing.T, login string) string {
	t.Helper()
	program := looptest.Installed(t, "tinyproxy")
	_, addrs := startAt(t, 1, func(addrs []string) *process {
		host, port, _ := net.SplitHostPort(addrs[0])
		return launch(t, program, "-d", "-c", writeFile(t, "tinyproxy.conf",
			"Listen "+host, "Port "+port, "Timeout 60", "MaxClients 50", "Allow 127.0.0.1", "LogLevel Warning", login))
	})
	return addrs[0]
}

// startMicrosocks starts a SOCKS5 proxy. It does not handle SIGTERM.
func startMicrosocks(t *testing.T, args ...string) string {
	t.Helper()
	program := looptest.Installed(t, "microsocks")
	_, addrs := startAt(t, 1, func(addrs []string) *process {
		host, port, _ := net.SplitHostPort(addrs[0])
		p := launch(t, program, append([]string{"-i", host, "-p", port}, args...)...)
		p.bySignal = true
		return p
	})
	return addrs[0]
}
