package docrun

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/freeport"
	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/internal/markdown"
)

// stepTimeout is the timeout of each step. Most of it is for the compiler.
const stepTimeout = 3 * time.Minute

// step is a command of a document, or one that a scenario needs.
type step struct {
	cmd     string // as in the document
	extra   bool   // cmd is in no document
	add     string // flags that are added, with the defaults that the program has without them
	dir     string // where to run it: "rikki" (default) or "hello"
	program string // a Go program that is saved as hello/main.go before, as in goPrograms
	ready   string // cmd is a server: it prints this when it is ready, and ends with the scenario
	want    string // what cmd prints
}

// scenario is a reader who follows a document: the steps are done in order. The ports of 127.0.0.1
// and localhost that commands and programs name are replaced by free ones.
type scenario struct {
	name  string
	needs string // a program without which the scenario is skipped, or fails with RIKKI_REQUIRE_ALL
	steps []step
}

// TestDocuments runs the scenarios, in a copy of the repository: they write files.
func TestDocuments(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles many programs")
	}
	sources := map[string]string{}
	for _, d := range documents(t) {
		maps.Copy(sources, goPrograms(d))
	}
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			if s.needs != "" {
				looptest.Installed(t, s.needs)
			}
			r := newReader(t, sources)
			for _, st := range s.steps {
				if t.Failed() {
					break
				}
				r.do(st)
			}
			for i := len(r.servers) - 1; i >= 0; i-- {
				r.servers[i].stop(t)
			}
		})
	}
}

// reader is who follows a document, in a folder of their own: it has a clone, and a folder next
// to it.
type reader struct {
	*testing.T
	dir     string
	sources map[string]string
	ports   map[string]string
	servers []*process
}

func newReader(t *testing.T, sources map[string]string) *reader {
	t.Helper()
	r := &reader{t, t.TempDir(), sources, map[string]string{}, nil}
	if err := os.Mkdir(filepath.Join(r.dir, "hello"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := copyRepository(filepath.Join(r.dir, "rikki")); err != nil {
		t.Fatal(err)
	}
	return r
}

// copyRepository makes a clone, with changes that are not committed.
func copyRepository(to string) error {
	return filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		switch target := filepath.Join(to, rel); {
		case d.IsDir() && markdown.SkipFolder(root, name, d):
			return filepath.SkipDir
		case d.IsDir():
			return os.MkdirAll(target, 0o777)
		case !d.Type().IsRegular() || filepath.Ext(name) == ".pem":
			return nil
		default:
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			return os.WriteFile(target, text, 0o666)
		}
	})
}

var (
	hostPort = regexp.MustCompile(`\b(127\.0\.0\.1|localhost):(\d+)`)
	tmpPath  = regexp.MustCompile(`(^|[\s=])/tmp\b`)
)

// local replaces the ports of a text, and /tmp by the reader's folder.
func (r *reader) local(text string) string {
	text = hostPort.ReplaceAllStringFunc(text, func(s string) string {
		host, port, _ := strings.Cut(s, ":")
		if r.ports[port] == "" {
			r.ports[port] = freePort(r.T)
		}
		return host + ":" + r.ports[port]
	})
	return tmpPath.ReplaceAllString(text, "${1}"+r.dir)
}

// freePort returns a port of TCP that nobody uses.
func freePort(t *testing.T) string {
	t.Helper()
	addr, err := freeport.Addr()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(addr)
	return port
}

// do does a step.
func (r *reader) do(s step) {
	r.Helper()
	if s.program != "" {
		source, ok := r.sources[s.program]
		if !ok {
			r.Fatalf("no document has the program %s", s.program)
		}
		if err := os.WriteFile(filepath.Join(r.dir, "hello", "main.go"), []byte(r.local(source)), 0o666); err != nil {
			r.Fatal(err)
		}
	}
	if s.add != "" {
		r.wantDefaults(s)
	}
	p := r.start(s)
	if s.ready != "" {
		r.servers = append(r.servers, p)
		if !p.await(s.ready) {
			r.Fatalf("%s: did not print %q in time, but\n%s", s.cmd, s.ready, p.output())
		}
		return
	}
	if err := p.wait(); err != nil {
		r.Errorf("%s: %v\n%s", s.cmd, err, p.output())
	} else if !regexp.MustCompile(s.want).MatchString(p.output()) {
		r.Errorf("%s: printed\n%swant %q", s.cmd, p.output(), s.want)
	}
}

// wantDefaults checks that the values of the flags that are added are the defaults of the program.
func (r *reader) wantDefaults(s step) {
	r.Helper()
	help := r.start(step{cmd: s.cmd + " -h", dir: s.dir})
	if err := help.wait(); err != nil {
		r.Fatalf("%s -h: %v\n%s", s.cmd, err, help.output())
	}
	for word := range strings.FieldsSeq(s.add) {
		word = strings.TrimSuffix(word, ":1883") // the port of mqtt:// need not be said
		if !strings.HasPrefix(word, "-") && !strings.Contains(help.output(), word) {
			r.Errorf("%s: %s is not the default:\n%s", s.cmd, word, help.output())
		}
	}
}

// process is a running command.
type process struct {
	cmd    *exec.Cmd
	step   step
	cancel context.CancelFunc
	ended  chan error

	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // closed and replaced when text grows or ends
	done bool
}

// start starts a command in a process group of its own. Its programs have the same path in each
// run, so the compiler's cache has them.
func (r *reader) start(s step) *process {
	r.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), stepTimeout)
	r.Cleanup(cancel)
	dir := "rikki"
	if s.dir != "" {
		dir = s.dir
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", r.local(strings.TrimSpace("exec "+s.cmd+" "+s.add)))
	if strings.Contains(s.cmd, "&&") || strings.HasPrefix(s.cmd, "cd ") {
		cmd.Args[2] = r.local(s.cmd)
	}
	cmd.Dir = filepath.Join(r.dir, dir)
	// The modules are in the cache, and were compared with this repository's go.sum then. The
	// checksum database may not be reachable.
	cmd.Env = append(os.Environ(), "GOFLAGS=-trimpath", "GOWORK=off", "GONOSUMDB=*")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	p := &process{cmd: cmd, step: s, cancel: cancel, ended: make(chan error, 1), more: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p, p
	if err := cmd.Start(); err != nil {
		r.Fatalf("%s: %v", s.cmd, err)
	}
	go func() {
		err := cmd.Wait()
		p.mu.Lock()
		p.done = true
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
		p.ended <- err
	}()
	return p
}

var _ io.Writer = (*process)(nil)

// Write takes output of the process.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text.Write(b)
	close(p.more)
	p.more = make(chan struct{})
	return len(b), nil
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// await waits until the process has printed something. It returns false if the process has ended
// before.
func (p *process) await(form string) bool {
	re := regexp.MustCompile(form)
	for {
		p.mu.Lock()
		found, done, more := re.Match(p.text.Bytes()), p.done, p.more
		p.mu.Unlock()
		if found || done {
			return found
		}
		<-more
	}
}

func (p *process) wait() error {
	defer p.cancel()
	return <-p.ended
}

// stop ends a server as Ctrl-C does.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Errorf("%s has ended before it was stopped: %v\n%s", p.step.cmd, err, p.output())
	}
	err := p.wait()
	if strings.Contains(p.output(), "panic:") || p.cmd.ProcessState.ExitCode() < 0 && !interrupted(p.cmd) {
		t.Errorf("%s: %v\n%s", p.step.cmd, err, p.output())
	}
}

// interrupted reports whether SIGINT has ended a process. It ends programs that do not catch it.
func interrupted(cmd *exec.Cmd) bool {
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGINT
}
