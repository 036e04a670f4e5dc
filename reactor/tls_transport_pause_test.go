package reactor_test

import (
	"bytes"
	"crypto/tls"
	"net"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// A pause in any event, on either side, holds back input until Resume. Nothing is lost:
// much comes back whole, and each event is in its place.
func TestTLSPauseInEveryEvent(t *testing.T) {
	msg := noise(300_000)
	for _, row := range []struct {
		role string
		ev   reactor.Event
	}{
		{"server", reactor.EvOpen}, {"server", reactor.EvAccept}, {"server", reactor.EvTLSHS}, {"server", reactor.EvRead}, {"server", reactor.EvWrite},
		{"client", reactor.EvConnect}, {"client", reactor.EvTLSHS}, {"client", reactor.EvRead}, {"client", reactor.EvWrite},
	} {
		t.Run(row.role+" "+row.ev.String(), func(t *testing.T) {
			m := newManager(t)
			var held *reactor.Conn
			pauses := 0
			side := func(role string, then *recorder) reactor.Handler {
				return func(c *reactor.Conn, ev reactor.Event, data any) {
					if c == held && (ev == reactor.EvRead || ev == reactor.EvTLSHS) {
						t.Errorf("%v while paused in %v", ev, row.ev)
					}
					if role == row.role && ev == row.ev {
						c.Pause()
						held = c
						pauses++
					}
					then.Handle(c, ev, data)
				}
			}
			server, client := &recorder{On: hooks{reactor.EvRead: sendBack}}, &recorder{}
			_, url := tlsListen(t, m, serverConfig(), side("server", server))
			c := tlsConnect(t, m, url, clientConfig(), side("client", client))
			c.Write(msg)
			await(t, m, "the echo", func() bool {
				if held != nil {
					spin(t, m, 3)
					c := held
					held = nil
					c.Resume()
				}
				return len(client.Got) >= len(msg)
			})
			c.Resume()
			c.Drain()
			await(t, m, "the end", func() bool {
				if held != nil {
					held.Resume()
				}
				return client.Closed() && server.Closed()
			})
			if !bytes.Equal(client.Got, msg) || pauses == 0 || len(client.Errs)+len(server.Errs) > 0 {
				t.Errorf("%d bytes came back, %d pauses, errors %v, %v", len(client.Got), pauses, client.Errs, server.Errs)
			}
			for _, r := range []*recorder{client, server} {
				for _, ev := range []reactor.Event{reactor.EvOpen, reactor.EvTLSHS, reactor.EvClose} {
					if r.Count(ev) != 1 {
						t.Errorf("%d %v", r.Count(ev), ev)
					}
				}
			}
		})
	}
}

// The peer breaks the protocol while the connection is paused. The alert is sent at once.
// The error is raised on Resume, or by the next write, which can no longer be encrypted.
func TestTLSViolationBehindPause(t *testing.T) {
	for name, then := range map[string]func(c *reactor.Conn){
		"Resume": func(c *reactor.Conn) { c.Resume() },
		"Write":  func(c *reactor.Conn) { c.Write([]byte("never said")) },
	} {
		m := newManager(t)
		var conn *reactor.Conn
		r := &recorder{On: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
			conn = c
			c.Recv.Reset()
			c.Pause()
		}}}
		h := startRecords(t, m, "server", r.Handle)
		h.feed(join(h.data("x"), make([]byte, 100)), 1<<20)
		spin(t, m, 3)
		r.Want(t, "OPEN ACCEPT TLS_HS READ")
		if kind, p := h.record(); kind != looptest.RecordAlert || p[1] != protocolVersion {
			t.Errorf("record of type %d, %v", kind, p)
		}
		then(conn)
		if end := h.until(-1, 0); len(end.data) > 0 || end.alerted {
			t.Errorf("after %s the peer has heard %+v", name, end)
		}
		h.Shutdown()
		await(t, m, "the end", r.Closed)
		looptest.WantErr(t, r.Err(t), nil, "tls: ")
		r.Want(t, "OPEN ACCEPT TLS_HS READ ERROR CLOSE")
	}
}

// EvRead counts every byte once, also bytes that were decrypted during a pause. Recv
// grows by nothing else.
func TestTLSCountsWhatCameDuringPause(t *testing.T) {
	const size = 300_000
	m := newManager(t)
	counted, paused := 0, 0
	r := &recorder{On: hooks{reactor.EvRead: func(c *reactor.Conn, data any) {
		counted += *data.(*int)
		if counted != c.Recv.Len() {
			t.Fatalf("%d bytes in Recv, %d counted", c.Recv.Len(), counted)
		}
		if n := *data.(*int); n > 0 && counted < size { // all of it stays in Recv
			paused++
			c.Pause()
			m.AddTimer(0, reactor.TimerOnce, c.Resume)
		}
	}}}
	l, _ := tlsListen(t, m, serverConfig(), r.Handle)
	raw := netDial(t, l.LocalAddr().String())
	done := make(chan error)
	go func() {
		_, err := tls.Client(raw, small(authority().Client(), tls.VersionTLS13)).Write(bytes.Repeat([]byte("x"), size))
		done <- err
	}()
	await(t, m, "the bytes", func() bool { return counted == size })
	if err := <-done; err != nil || paused == 0 {
		t.Errorf("error %v, %d pauses", err, paused)
	}
}

// Plaintext, close_notify and the end of the socket's stream come in one piece. The
// plaintext is delivered first. A pause holds back the end.
func TestTLSEndBehindPause(t *testing.T) {
	m := newManager(t)
	var conn *reactor.Conn
	r := &recorder{On: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
		conn = c
		c.Pause()
	}}}
	l, _ := tlsListen(t, m, serverConfig(), r.Handle)
	raw := sendAndEnd(t, m, l, r, "some words")
	raw.(*net.TCPConn).CloseWrite() // Close would reset it, because there are unread tickets
	await(t, m, "the words", r.Saw(reactor.EvRead))
	spin(t, m, 5)
	r.Want(t, "OPEN ACCEPT TLS_HS READ")
	r.On[reactor.EvRead] = nil
	conn.Resume()
	await(t, m, "the end", r.Closed)
	r.Want(t, "OPEN ACCEPT TLS_HS READ READ CLOSE")
	if string(r.Got) != "some words" {
		t.Errorf("got %q", r.Got)
	}
}
