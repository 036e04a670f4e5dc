package ws_test

import (
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// offered hands bytes to an open layer, in pieces, as the loop does, and
// returns what was heard and what lies in Send.
func offered(t *testing.T, m *reactor.Manager, r role, pieces ...[]byte) (log []string, sent string) {
	t.Helper()
	c := idle(t, m, r)
	rec := new(recorder)
	c.Fn = rec.handle
	ws.PushOpen(c)
	for _, p := range pieces {
		if c.Stopped() {
			break
		}
		c.Recv.Append(p)
		n := len(p)
		c.Call(reactor.EvRead, &n)
	}
	if rec.err != nil {
		rec.note("%v", rec.err)
	}
	log, sent = slices.Clone(rec.log), string(c.Send.Bytes())
	if r == asClient {
		sent = strings.Join(decode(t, []byte(sent), true), "\n") // keys differ
	} else {
		decode(t, []byte(sent), false)
	}
	c.Close()
	if err := m.Poll(0); err != nil {
		t.Fatal(err)
	}
	if n := len(rec.log); rec.log[n-1] != "CLOSE" {
		t.Fatalf("events %v", rec.log)
	}
	return log, sent
}

func fuzzManager(f *testing.F) *reactor.Manager {
	m, err := reactor.New(reactor.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { m.Close() })
	return m
}

// FuzzFrames offers arbitrary bytes to an open connection of either side:
// nothing panics, what is answered are whole frames, and where the bytes are
// cut makes no difference.
func FuzzFrames(f *testing.F) {
	for _, r := range roles {
		in, _, _ := conversation(r)
		f.Add([]byte(in), r == asServer, uint16(1), uint16(9))
		masked := r == asServer
		for _, s := range []string{
			build(fin|text, masked, -1, "hello"), build(fin|text, !masked, -1, "hello"), build(fin|text, masked, 2, "hello"), build(fin|bin, masked, 8, "x"),
			build(text, masked, -1, "\xe2\x82") + build(fin|ping, masked, -1, "p") + build(fin|cont, masked, -1, "\xac"),
			build(fin|closs, masked, -1, closing(1000, "bye")) + "\xff", build(fin|closs, masked, -1, closing(1005, "")), build(fin|closs, masked, -1, "\x03"),
			build(fin|cont, masked, -1, "x"), build(bin, masked, -1, "x") + build(fin|bin, masked, -1, "y"), build(ping, masked, -1, ""),
			"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", "\x82\xff\x00\x00\x00\x00\x01\x00\x00\x01\x00\x00\x00\x00", "\xff\xff", "", "GET / HTTP/1.1\r\n",
		} {
			f.Add([]byte(s), masked, uint16(2), uint16(3))
		}
	}
	m := fuzzManager(f)
	f.Fuzz(func(t *testing.T, in []byte, server bool, i, j uint16) {
		r := asClient
		if server {
			r = asServer
		}
		log, sent := offered(t, m, r, in)
		a := min(int(i), len(in))
		b := min(a+int(j), len(in))
		for _, pieces := range [][][]byte{{in[:a], in[a:b], in[b:]}, slices.Collect(slices.Chunk(in, 1))} {
			if len(pieces) > 4096 {
				continue
			}
			log2, sent2 := offered(t, m, r, pieces...)
			if !slices.Equal(log, log2) || sent != sent2 {
				t.Fatalf("cut differently\n     %q, sent %q\nthen %q, sent %q", log, sent, log2, sent2)
			}
		}
	})
}

// FuzzConnect holds what Connect makes of its arguments against a strict
// parser of HTTP: it is one request with the target and headers asked for, or
// an error.
func FuzzConnect(f *testing.F) {
	for _, s := range [][2]string{
		{"ws://h.test/", ""}, {"ws://u:p@[::1]:8080/a%20b?c=d", "Sec-WebSocket-Protocol: mqtt\r\n"}, {"ws://h/?a b", "X: y\r\n"}, {"ws://h/ü?\"<>", "X: y\rZ: z\r\n"},
		{"ws://[fe80::1%25eth0]/", "X y\r\n"}, {"ws://h_ö!:1/{}|\\^`", "\r\n"}, {"wss://h/", ""}, {"ws://a%3Ab@h/", "Host: x\r\n"}, {"ws://h/%zz", ": \r\n"}, {"ws://h/#", "a:b\r\n\r\n"},
	} {
		f.Add(s[0], s[1])
	}
	m := fuzzManager(f)
	f.Fuzz(func(t *testing.T, url, headers string) {
		c, err := ws.Connect(m, url, nil, nil, headers)
		if err != nil {
			return
		}
		c.Call(reactor.EvConnect, nil)
		raw := []byte(string(c.Send.Bytes()))
		c.Close()
		if err := m.Poll(0); err != nil {
			t.Fatal(err)
		}
		p := http.Parser{Limits: http.Limits{Head: 1 << 20, Headers: 1 << 16}}
		msg := new(http.Message)
		if n, err := p.Parse(raw, msg); err != nil || n != len(raw) {
			t.Fatalf("Connect(%q, %q) writes %q: %v", url, headers, raw, err)
		}
		own := 5 + strings.Count(headers, "\r\n")
		if n := len(msg.Headers); n != own && n != own+1 { // credentials
			t.Fatalf("Connect(%q, %q) writes %d headers: %q", url, headers, n, raw)
		}
	})
}
