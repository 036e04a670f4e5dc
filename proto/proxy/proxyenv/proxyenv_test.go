package proxyenv_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/proxy/proxyenv"
	"github.com/rikki-go/rikki/reactor"
)

// net/http reads the environment once, so each case is a process of its own: this binary, which
// prints what URL returns for its arguments.
const childVariable = "RIKKI_PROXYENV_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) == "" {
		os.Exit(m.Run())
	}
	for _, server := range strings.Fields(os.Getenv(childVariable)) {
		p, err := proxyenv.URL(server)
		if err != nil {
			p = err.Error()
		}
		os.Stdout.WriteString(p + "\n")
	}
}

// ask returns what URL returns for servers, in a process with that environment.
func ask(t *testing.T, env []string, servers ...string) []string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(env, childVariable+"="+strings.Join(servers, " "))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

func TestURL(t *testing.T) {
	both := []string{"HTTP_PROXY=http://user:password@plain:3128", "https_proxy=socks5://secure:1080", "NO_PROXY=internal.test,192.0.2.0/24,other.test:1883"}
	for _, test := range []struct {
		name string
		env  []string
		want map[string]string
	}{
		{"none", nil, map[string]string{"ws://a.test": "", "mqtts://a.test": ""}},
		{"both", both, map[string]string{
			"http://a.test": "http://user:password@plain:3128", "ws://a.test/x": "http://user:password@plain:3128",
			"mqtt://a.test": "http://user:password@plain:3128", "tcp://a.test:1": "http://user:password@plain:3128",
			"https://a.test": "socks5://secure:1080", "wss://a.test:8443": "socks5://secure:1080",
			"mqtts://[2001:db8::1]": "socks5://secure:1080", "tls://a.test:1": "socks5://secure:1080",
			"ws://x.internal.test": "", "wss://192.0.2.7": "", "mqtt://other.test:1883": "", "mqtt://other.test:1884": "http://user:password@plain:3128",
			"ws://localhost:8000": "", "mqtt://127.0.0.1": "", "wss://[::1]:1": "", "unix:///run/s": "",
			"udp://a.test:1": `proxyenv: bad URL "udp://a.test:1": unknown scheme udp`,
		}},
		{"bad", []string{"HTTP_PROXY=http://user:secret@%zz", "HTTPS_PROXY=https://secure"}, map[string]string{
			"ws://a.test": "proxyenv: HTTP_PROXY in the environment is no URL of a proxy", "wss://a.test": "https://secure",
		}},
		{"CGI", []string{"HTTP_PROXY=http://plain:1", "REQUEST_METHOD=GET"}, map[string]string{"ws://a.test": "proxyenv: HTTP_PROXY is not used in a CGI program"}},
	} {
		var servers, want []string
		for s, w := range test.want {
			servers, want = append(servers, s), append(want, w)
		}
		if got := ask(t, test.env, servers...); !slices.Equal(got, want) {
			t.Errorf("%s: %q\n got %q\nwant %q", test.name, servers, got, want)
		}
	}
}

// Dial asks the environment of this process, which it sets before the first question.
func TestDial(t *testing.T) {
	m := looptest.NewManager(t)
	plain, plainAddr := looptest.ListenSocket(t)
	secure, secureAddr := looptest.ListenSocket(t)
	t.Setenv("HTTP_PROXY", "http://"+plainAddr)
	t.Setenv("HTTPS_PROXY", "socks5://"+secureAddr)
	t.Setenv("NO_PROXY", "")
	none := func(*reactor.Conn, reactor.Event, any) {}
	for _, test := range []struct {
		url  string
		l    *looptest.Socket
		want string
	}{
		{"tcp://a.test:80", plain, "CONNECT a.test:80 HTTP/1.1\r\nHost: a.test:80\r\n\r\n"},
		{"tls://a.test:443", secure, "\x05\x01\x00"},
	} {
		c, err := m.Connect(test.url, none, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := proxyenv.Dial(c); err != nil {
			t.Fatal(err)
		}
		looptest.Await(t, m, "the request", test.l.AwaitAccept(m).Received(test.want))
	}
	direct, addr := looptest.ListenSocket(t)
	c, err := m.Connect("tcp://"+addr, none, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := proxyenv.Dial(c); err != nil {
		t.Fatal(err)
	}
	direct.AwaitAccept(m)
	w, _ := looptest.Wrap(t, m, none)
	if err := proxyenv.Dial(w); err == nil || !strings.Contains(err.Error(), "made by Connect") {
		t.Errorf("WrapFD: %v", err)
	}
}
