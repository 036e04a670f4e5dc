package ws_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// process passes bytes to an open layer, in pieces, as the loop does. It returns the events and
// the content of Send.
func process(t *testing.T, m *reactor.Manager, r role, pieces ...[]byte) (log []string, sent string) {
	t.Helper()
	c := bareConn(t, m, r)
	rec := new(recorder)
	c.Fn = rec.handle
	ws.PushOpen(c)
	for _, p := range pieces {
		if c.InputStopped() {
			break
		}
		c.Recv.Append(p)
		n := len(p)
		c.Call(reactor.EvRead, &n)
	}
	if rec.LastErr() != nil {
		rec.Note("%v", rec.LastErr())
	}
	log, sent = slices.Clone(rec.Lines), string(c.Send.Bytes())
	if r == asClient {
		sent = strings.Join(describeFrames(t, []byte(sent), true), "\n") // keys differ
	} else {
		describeFrames(t, []byte(sent), false)
	}
	c.Close()
	if err := m.Poll(0); err != nil {
		t.Fatal(err)
	}
	if n := len(rec.Lines); rec.Lines[n-1] != "CLOSE" {
		t.Fatalf("events %v", rec.Lines)
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

// FuzzFrames passes arbitrary bytes to an open server and client. Nothing panics, all answers are
// whole frames, and the result does not depend on where the bytes are cut.
func FuzzFrames(f *testing.F) {
	for _, r := range roles {
		in, _, _ := conversation(r)
		f.Add([]byte(in), r == asServer, uint16(1), uint16(9))
		masked := r == asServer
		for _, s := range []string{
			buildFrame(fin|text, masked, -1, "hello"), buildFrame(fin|text, !masked, -1, "hello"), buildFrame(fin|text, masked, 2, "hello"), buildFrame(fin|bin, masked, 8, "x"),
			buildFrame(text, masked, -1, "\xe2\x82") + buildFrame(fin|ping, masked, -1, "p") + buildFrame(fin|cont, masked, -1, "\xac"),
			buildFrame(fin|opClose, masked, -1, closePayload(1000, "bye")) + "\xff", buildFrame(fin|opClose, masked, -1, closePayload(1005, "")), buildFrame(fin|opClose, masked, -1, "\x03"),
			buildFrame(fin|cont, masked, -1, "x"), buildFrame(bin, masked, -1, "x") + buildFrame(fin|bin, masked, -1, "y"), buildFrame(bin, masked, -1, "x") + buildFrame(fin|bin, !masked, -1, "y"), buildFrame(ping, masked, -1, ""),
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
		log, sent := process(t, m, r, in)
		a := min(int(i), len(in))
		b := min(a+int(j), len(in))
		for _, pieces := range [][][]byte{{in[:a], in[a:b], in[b:]}, slices.Collect(slices.Chunk(in, 1))} {
			if len(pieces) > 4096 {
				continue
			}
			log2, sent2 := process(t, m, r, pieces...)
			if !slices.Equal(log, log2) || sent != sent2 {
				t.Fatalf("cut differently\n     %q, sent %q\nthen %q, sent %q", log, sent, log2, sent2)
			}
		}
	})
}

// FuzzConnect parses what Connect sends with a strict HTTP parser. It must be one request with the
// given target and headers, or Connect must fail.
func FuzzConnect(f *testing.F) {
	for _, s := range [][2]string{
		{"ws://h.test/", ""}, {"ws://u:p@[::1]:8080/a%20b?c=d", "Sec-WebSocket-Protocol: mqtt\r\n"}, {"ws://h/?a b", "X: y\r\n"}, {"ws://h/ü?\"<>", "X: y\rZ: z\r\n"},
		{"ws://[fe80::1%25eth0]/", "X y\r\n"}, {"ws://h_ö!:1/{}|\\^`", "\r\n"}, {"wss://h/", ""}, {"ws://a%3Ab@h/", "Host: x\r\n"}, {"ws://h/", "A: b\r\nHOST: x:1\r\n"}, {"unix:///a%20b", ""}, {"ws://h/%zz", ": \r\n"}, {"ws://h/#", "a:b\r\n\r\n"},
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
		if strings.HasPrefix(strings.ToLower(headers), "host:") || strings.Contains(strings.ToLower(headers), "\r\nhost:") {
			own-- // it replaces the one of the URL
		}
		if n := len(msg.Headers); n != own && n != own+1 { // credentials
			t.Fatalf("Connect(%q, %q) writes %d headers: %q", url, headers, n, raw)
		}
	})
}

// deliveries passes bytes to an open connection that compresses. It returns the messages and
// control frames that the handler has received, and the error.
func deliveries(t *testing.T, m *reactor.Manager, r role, how ws.Delivery, pieces ...[]byte) (log []string, err error) {
	t.Helper()
	c := bareConn(t, m, r)
	a := &assembler{TB: t}
	c.Fn = func(c *reactor.Conn, ev reactor.Event, data any) {
		a.handle(c, ev, data)
		if ev == reactor.EvError {
			err = data.(error)
		}
	}
	ws.PushDeflating(c, &ws.Options{Delivery: how, Limits: ws.Limits{Message: 100_000}, Deflate: &ws.Deflate{MaxRatio: 50}})
	for _, p := range pieces {
		if c.InputStopped() {
			break
		}
		c.Recv.Append(p)
		n := len(p)
		c.Call(reactor.EvRead, &n)
	}
	c.Close()
	if err := m.Poll(0); err != nil {
		t.Fatal(err)
	}
	return a.log, err
}

// FuzzDeliveries passes arbitrary bytes with each Delivery, compressed messages among them. The
// handler gets the same messages and the same bytes are refused, wherever the bytes are cut. All
// memory is released.
func FuzzDeliveries(f *testing.F) {
	for _, r := range roles {
		masked := r == asServer
		in, _, _ := conversation(r)
		f.Add([]byte(in), masked, uint16(7))
		z := deflated(strings.Repeat("some words, €", 30))
		for _, s := range []string{
			buildFrame(fin|rsv1|text, masked, -1, z) + buildFrame(fin|rsv1|text, masked, -1, z),
			buildFrame(rsv1|text, masked, -1, z[:9]) + buildFrame(fin|ping, masked, -1, "p") + buildFrame(fin|cont, masked, -1, z[9:]),
			buildFrame(fin|rsv1|bin, masked, -1, deflated(strings.Repeat("\x00", 99_999))),
			buildFrame(fin|rsv1|text, masked, -1, deflated("ab\xff")), buildFrame(fin|rsv1|text, masked, -1, "\xff\xff"),
			buildFrame(text, masked, -1, "\xe2\x82") + buildFrame(fin|cont, masked, -1, "\xac") + buildFrame(fin|rsv1|bin, masked, -1, ""),
		} {
			f.Add([]byte(s), masked, uint16(3))
		}
	}
	m := fuzzManager(f)
	f.Fuzz(func(t *testing.T, in []byte, server bool, cut uint16) {
		r := asClient
		if server {
			r = asServer
		}
		if len(in) > 4096 {
			return
		}
		at := min(int(cut), len(in))
		want, refused := deliveries(t, m, r, ws.Whole, in)
		for _, how := range []ws.Delivery{ws.Whole, ws.Frames, ws.Chunks} {
			for _, pieces := range [][][]byte{{in[:at], in[at:]}, slices.Collect(slices.Chunk(slices.Clone(in), 1))} {
				got, err := deliveries(t, m, r, how, pieces...)
				if !slices.Equal(got, want) || (err == nil) != (refused == nil) {
					t.Fatalf("delivery %d\n     %q, %v\nwant %q, %v", how, got, err, want, refused)
				}
			}
		}
		if _, _, _, spent := ws.Spares(m); spent != 0 {
			t.Fatal(fmt.Sprint(spent, " bytes of the budget are still used"))
		}
	})
}
