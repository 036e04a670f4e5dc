package interop

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	rikkihttp "github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/proxy"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// The files of a rikkiWeb. small.txt also has a compressed form.
var (
	smallFile = []byte("0123456789abcdefghijklmnopqrstuvwxyz\n")
	bigFile   = pattern(1<<20 + 7)
)

// pattern returns n bytes in which no short piece repeats at a power of two.
func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i ^ i>>8 ^ i>>16*7)
	}
	return p
}

// sum is how a rikkiWeb reports a body.
func sum(p []byte) string { return fmt.Sprintf("%d %x", len(p), sha256.Sum256(p)) }

// rikkiWeb is our HTTP server on several listeners. Its loop has a goroutine of its own. These
// are its resources:
//
//	/files/…    small.txt, big.bin
//	/chunked    "one", "two", "three" as chunks, one per tick of a timer
//	/peer       the client's address, and the number of the connection
//	/upload     the sum of the body, which arrives in pieces
//	/refuse     403 without waiting for the body
//	/form       the fields of a form of either kind
//	/login      the user and the password; 401 without
//	/cookie     the cookie "taste"
//	/move       302 to /files/small.txt
//	/ws         a WebSocket that echoes
type rikkiWeb struct {
	t     *testing.T
	m     *reactor.Manager
	files fs.StatFS

	checks atomic.Int32 // accepted connections with a LOCAL header: health checks

	plain, tls           string // addresses of HTTP
	unix                 string // a path
	proxied, proxiedTLS  string // HTTP, with the PROXY protocol
	broker, brokerPlain  string // MQTT with and without the PROXY protocol
	brokerWS, brokerWSTo string // MQTT over WebSocket with and without the PROXY protocol
}

// startWeb starts a server. It ends with the test.
func startWeb(t *testing.T) *rikkiWeb {
	t.Helper()
	dir := t.TempDir()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(smallFile)
	z.Close()
	for name, content := range map[string][]byte{"small.txt": smallFile, "small.txt.gz": packed.Bytes(), "big.bin": bigFile} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := rikkihttp.Dir(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := reactor.New(reactor.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	s := &rikkiWeb{t: t, m: m, files: files, unix: filepath.Join(dir, "socket")}
	s.plain = s.listen("http://127.0.0.1:0", false)
	s.tls = s.listen("https://127.0.0.1:0", false)
	s.proxied = s.listen("http://127.0.0.1:0", true)
	s.proxiedTLS = s.listen("https://127.0.0.1:0", true)
	s.listen("unix://"+s.unix, false)
	s.brokerPlain = s.listenMQTT("mqtt://127.0.0.1:0", false)
	s.broker = s.listenMQTT("mqtt://127.0.0.1:0", true)
	s.brokerWS = s.listenMQTT("ws://127.0.0.1:0/", true)
	s.brokerWSTo = s.listenMQTT("ws://127.0.0.1:0/", false)
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() {
		if err := m.Run(ctx); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
		m.Close()
	})
	t.Cleanup(func() {
		cancel()
		ended.Wait()
	})
	return s
}

// listen starts an HTTP listener.
func (s *rikkiWeb) listen(url string, header bool) (addr string) {
	s.t.Helper()
	l, err := rikkihttp.Listen(s.m, url, s.serve, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if strings.HasPrefix(url, "https:") {
		l.StartTLS(identities().server())
	}
	s.balanced(l, header)
	return fmt.Sprint(l.LocalAddr())
}

// balanced makes a listener expect the PROXY protocol, from loopback addresses only.
func (s *rikkiWeb) balanced(l *reactor.Conn, header bool) {
	s.t.Helper()
	if !header {
		return
	}
	err := proxy.Accept(l, &proxy.AcceptOptions{Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		s.t.Fatal(err)
	}
}

// listenMQTT starts a broker that sends each message back to its publisher, with the publisher's
// address in front.
func (s *rikkiWeb) listenMQTT(url string, header bool) (addr string) {
	s.t.Helper()
	l, err := mqtt.Listen(s.m, url, func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvMQTTCmd:
			switch hm := data.(*mqtt.Message); hm.Cmd {
			case mqtt.CmdConnect:
				noError(s.t, mqtt.Connack(c, false, 0))
			case mqtt.CmdSubscribe:
				noError(s.t, mqtt.Suback(c, hm.ID, 0))
			}
		case reactor.EvMQTTMsg:
			hm := data.(*mqtt.Message)
			_, err := mqtt.Pub(c, &mqtt.Options{Topic: string(hm.Topic), Message: fmt.Append(nil, c.RemoteAddr(), " ", string(hm.Data))})
			noError(s.t, err)
		}
	}, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.balanced(l, header)
	return fmt.Sprint(l.LocalAddr())
}

// serve is the handler of the HTTP listeners.
func (s *rikkiWeb) serve(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvAccept:
		if h, _ := proxy.HeaderOf(c); h != nil && h.Local {
			s.checks.Add(1)
		}
	case reactor.EvHTTPHdrs:
		switch hm := data.(*rikkihttp.Message); string(hm.URI) {
		case "/upload":
			c.FnData = &upload{sum: sha256.New()}
			noError(s.t, rikkihttp.StreamBody(c, 64<<20))
		case "/refuse":
			noError(s.t, rikkihttp.Reply(c, 403, "", "refused\n"))
		}
	case reactor.EvHTTPBody:
		u, p := c.FnData.(*upload), data.(*rikkihttp.Piece)
		u.sum.Write(p.Data)
		u.size += int64(len(p.Data))
	case reactor.EvHTTPMsg:
		s.answer(c, data.(*rikkihttp.Message))
	case reactor.EvWSMsg:
		m := data.(*ws.Message)
		noError(s.t, ws.Send(c, m.Data, m.Op))
	}
}

// upload is the state of a request for /upload.
type upload struct {
	sum interface {
		io.Writer
		Sum([]byte) []byte
	}
	size int64
}

// answer answers a complete request.
func (s *rikkiWeb) answer(c *reactor.Conn, hm *rikkihttp.Message) {
	const text = "Content-Type: text/plain\r\n"
	reply := func(status int, headers, format string, args ...any) {
		noError(s.t, rikkihttp.Reply(c, status, headers, format, args...))
	}
	switch path := string(hm.URI); path {
	case "/chunked":
		s.chunks(c)
	case "/peer":
		reply(200, text, "%s %d", c.RemoteAddr(), c.ID())
	case "/upload":
		u := c.FnData.(*upload)
		reply(200, text, "%d %x", u.size, u.sum.Sum(nil))
	case "/refuse": // has been answered
	case "/form":
		reply(200, text, "%s", fields(hm))
	case "/login":
		if user, password := hm.Creds(); user != "" {
			reply(200, text, "%s %s", user, password)
		} else {
			reply(401, "WWW-Authenticate: Basic realm=\"web\"\r\n", "")
		}
	case "/cookie":
		reply(200, "Set-Cookie: taste=sweet\r\n", "%s", hm.Cookie("taste"))
	case "/move":
		reply(302, "Location: /files/small.txt\r\n", "")
	case "/ws":
		noError(s.t, ws.Upgrade(c, hm, ""))
	default:
		noError(s.t, rikkihttp.ServeDir(c, hm, &rikkihttp.ServeOptions{FS: s.files, Prefix: "/files"}))
	}
}

// chunks sends a response in three pieces, one per tick of a timer.
func (s *rikkiWeb) chunks(c *reactor.Conn) {
	noError(s.t, rikkihttp.ReplyStart(c, 200, "Content-Type: text/plain\r\n", rikkihttp.Chunked))
	words := []string{"one", "two", "three"}
	var ticks *reactor.Timer
	ticks = s.m.AddTimer(time.Millisecond, reactor.TimerRepeat, func() {
		var err error
		if len(words) > 0 {
			err = rikkihttp.Chunkf(c, "%s\n", words[0])
			words = words[1:]
		} else {
			err = rikkihttp.EndChunks(c)
			ticks.Stop()
		}
		if errors.Is(err, reactor.ErrClosed) { // a client of HEAD does not wait for the end
			ticks.Stop()
		} else {
			noError(s.t, err)
		}
	})
}

// fields returns the fields of a form: name=value, or name=file:size for files.
func fields(hm *rikkihttp.Message) string {
	var all []string
	if _, err := hm.Boundary(); err != nil {
		for name, value := range hm.Vars() {
			all = append(all, name+"="+value)
		}
		return strings.Join(all, "&")
	}
	var p rikkihttp.Part
	ofs, err := hm.NextPart(&p, 0)
	for ; ofs > 0; ofs, err = hm.NextPart(&p, ofs) {
		if len(p.Filename) > 0 {
			all = append(all, fmt.Sprintf("%s=%s:%d", p.Name, p.Filename, len(p.Body)))
		} else {
			all = append(all, fmt.Sprintf("%s=%s", p.Name, p.Body))
		}
	}
	if err != nil {
		return err.Error()
	}
	return strings.Join(all, "&")
}
