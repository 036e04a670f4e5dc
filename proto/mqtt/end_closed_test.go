package mqtt_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// The error of a client has the code and the reason of the server's Close frame.
func TestClosedErrorHasCloseFrame(t *testing.T) {
	for _, row := range []struct {
		payload string
		code    ws.StatusCode
		reason  string
		words   string
	}{
		{"", ws.StatusNoStatusRcvd, "", "closed by the server: WebSocket close without a code: unexpected EOF"},
		{"\x03\xe8", 1000, "", "WebSocket close code 1000 normal closure: "},
		{"\x03\xe9going down", 1001, "going down", `WebSocket close code 1001 going away, reason "going down": `},
		{"\x0f\xa0bad\ntoken", 4000, "bad\ntoken", `WebSocket close code 4000, reason "bad\ntoken": `},
		{"\x03\xf0" + strings.Repeat("r", 123), 1008, strings.Repeat("r", 123), `1008 policy violation, reason "rrrr`},
	} {
		for _, phase := range []string{"connecting", "connected", "inside a packet"} {
			t.Run(fmt.Sprintf("%d %s", row.code, phase), func(t *testing.T) {
				x, words := awaitingConnack(t, "ws", 5, nil), row.words
				if phase != "connecting" {
					x.p.send(connackOK[5])
				}
				if phase == "inside a packet" {
					x.p.send(pack("30 06 00"))
				}
				x.p.Write(x.p.frame(8, []byte(row.payload)))
				x.waitClose()
				var closed *mqtt.ClosedError
				if err := x.r.Err(t); !errors.As(err, &closed) || !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Fatalf("error %v, want a ClosedError", err)
				}
				if closed.Code != row.code || closed.Reason != row.reason {
					t.Errorf("code %d, reason %q, want %d %q", closed.Code, closed.Reason, row.code, row.reason)
				}
				switch phase {
				case "connecting":
					words = strings.Replace(words, "by the server", "before CONNACK", 1)
				case "inside a packet":
					words = strings.Replace(words, "by the server", phase, 1)
				}
				looptest.WantErr(t, closed, nil, words)
			})
		}
	}
}

// What this side does before the server ends the connection, and whether the end is then an error.
var endRows = []struct {
	name   string
	isErr  bool
	before func(c *reactor.Conn) error
}{
	{"nothing", true, func(*reactor.Conn) error { return nil }},
	{"Ping", true, mqtt.Ping},
	{"Disconnect", false, func(c *reactor.Conn) error { return mqtt.Disconnect(c, nil) }},
	{"DisconnectCode", false, func(c *reactor.Conn) error { return mqtt.DisconnectCode(c, mqtt.ReasonDisconnectWithWill) }},
	{"Disconnect and Drain", false, func(c *reactor.Conn) error { c.Drain(); return mqtt.Disconnect(c, nil) }},
	{"Drain", false, func(c *reactor.Conn) error { c.Drain(); return nil }},
	{"AwaitEnd", false, func(c *reactor.Conn) error { c.Stack().AwaitEnd(); return nil }},
	{"Close", false, func(c *reactor.Conn) error { c.Close(); return nil }},
	{"ws.Close", false, func(c *reactor.Conn) error { return ws.Close(c, ws.StatusNormalClosure, "") }},
	{"ws.Close and Drain", false, func(c *reactor.Conn) error {
		c.Drain()
		return ws.Close(c, ws.StatusNormalClosure, "")
	}},
}

// A client that has ended the connection itself gets no error when the server ends it too: with
// the end of the stream, or with a Close frame.
func TestNoErrorAfterOwnEnd(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, row := range endRows {
			for _, closeFrame := range []bool{false, true} {
				if scheme != "ws" && (closeFrame || strings.HasPrefix(row.name, "ws.")) {
					continue
				}
				for moment, at := range looptest.Moments {
					t.Run(fmt.Sprintf("%s, Close frame %v, %s", row.name, closeFrame, moment), func(t *testing.T) {
						x := connectedClient(t, scheme, 5, nil)
						at(t, x.m, func() {
							if err := row.before(x.c); err != nil {
								t.Error(err)
							}
							if closeFrame {
								x.p.Write(x.p.frame(8, closeNormal))
							}
							x.p.Shutdown()
						})
						x.waitClose()
						if !row.isErr && len(x.r.Errs) > 0 {
							t.Fatalf("errors %v, want none", x.r.Errs)
						} else if row.isErr {
							looptest.WantErr(t, x.r.Err(t), io.ErrUnexpectedEOF, "closed by the server")
						}
					})
				}
			}
		}
	})
}

// The server ends its stream while the client drains and has bytes in Send. That is no error.
func TestNoErrorWhileDraining(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		h := keptAlive(t, scheme, false, mqtt.Options{}, connack4, nil)
		h.fillSend()
		h.c.Drain()
		h.p.Shutdown()
		h.wantAlive("the server has ended its stream")
	})
}

// A connection of Login whose program has sent DISCONNECT, or drains, gets no error. Without that
// the end is an error, over WebSocket with the code of the Close frame.
func TestClosedErrorOfLogin(t *testing.T) {
	for _, scheme := range transports {
		for _, row := range endRows {
			if strings.HasPrefix(row.name, "ws.") && scheme != "ws" {
				continue
			}
			t.Run(scheme+" "+row.name, func(t *testing.T) {
				x := loggedIn(t, scheme, &mqtt.Options{ClientID: "c", Clean: true}, nil)
				start := x.c.Send.Len()
				if err := row.before(x.c); err != nil {
					t.Fatal(err)
				}
				if n := x.c.Send.Len() - start; n > 0 && scheme == "ws" && !strings.HasPrefix(row.name, "ws.") {
					ws.Wrap(x.c, n, ws.OpBinary)
				}
				if scheme == "ws" {
					x.p.Write(x.p.frame(8, pack("03 e9'bye'")))
				}
				x.p.Shutdown()
				x.waitClose()
				if !row.isErr {
					if len(x.r.Errs) > 0 {
						t.Errorf("errors %v, want none", x.r.Errs)
					}
					return
				}
				var closed *mqtt.ClosedError
				if err := x.r.Err(t); !errors.As(err, &closed) || scheme == "ws" && (closed.Code != 1001 || closed.Reason != "bye") {
					t.Errorf("error %v, want a ClosedError with the code", err)
				}
			})
		}
	}
}

// loggedIn is a connection of m.Connect or ws.Connect whose program has called Login. Over
// WebSocket the program frames CONNECT. The peer has read it, and got is empty.
func loggedIn(t *testing.T, scheme string, opts *mqtt.Options, on hooks, mo ...reactor.Option) *pair {
	t.Helper()
	x := &pair{t: t, m: looptest.NewManager(t, mo...), r: newRecorder(t, on)}
	l, addr := looptest.ListenSocket(t)
	login := func(c *reactor.Conn) {
		start := c.Send.Len()
		looptest.Must(t, mqtt.Login(c, opts))
		if scheme == "ws" {
			ws.Wrap(c, c.Send.Len()-start, ws.OpBinary)
		}
	}
	must := mustConn(t)
	if scheme == "ws" {
		x.c = must(ws.Connect(x.m, "ws://"+addr, x.r.handle, nil, answerMQTT))
	} else {
		x.c = must(x.m.Connect("tcp://"+addr, x.r.handle, nil))
	}
	x.p = &peer{Socket: l.AwaitAccept(x.m), ws: scheme == "ws"}
	if x.p.ws {
		x.p.agree(x.m, answerMQTT)
		looptest.Await(t, x.m, "the WebSocket", x.r.Noted("WS_OPEN"))
	} else {
		looptest.Await(t, x.m, "the connection", x.r.Noted("CONNECT"))
	}
	login(x.c)
	looptest.Await(t, x.m, "CONNECT", func() bool { x.p.readAll(); return len(x.p.got) > 0 })
	x.p.got, x.p.frames = nil, nil
	return x
}

// A server that is in the same situations gets no error: its clients come and go.
func TestVanishedClientIsNoError(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, version := range []uint8{4, 5} {
			x := connectedServer(t, scheme, version, nil)
			x.p.Shutdown()
			x.waitClose()
			x.r.wantPackets("CLOSE")
		}
	})
}

// A server that ends TLS with close_notify, without DISCONNECT, is a ClosedError too. Without
// close_notify the stream is truncated.
func TestClosedErrorOverTLS(t *testing.T) {
	for _, scheme := range []string{"mqtts", "wss"} {
		t.Run(scheme, func(t *testing.T) {
			m, authority := looptest.NewManager(t), looptest.NewAuthority(t)
			server := newRecorder(t, acceptAll)
			l, err := mqtt.Listen(m, scheme+"://127.0.0.1:0", server.handle, nil)
			if err != nil {
				t.Fatal(err)
			}
			l.StartTLS(authority.Server(t))
			client := newRecorder(t, nil)
			url := scheme + "://" + l.LocalAddr().String()
			if _, err := mqtt.Connect(m, url, &mqtt.Options{TLS: authority.Client()}, client.handle, nil); err != nil {
				t.Fatal(err)
			}
			looptest.Await(t, m, "CONNACK", client.Noted("connack"))
			server.Conn.Drain()
			looptest.Await(t, m, "EvClose", client.Closed)
			var closed *mqtt.ClosedError
			if err := client.Err(t); !errors.As(err, &closed) {
				t.Errorf("error %v, want a ClosedError", err)
			}
			looptest.Await(t, m, "the server's EvClose", server.Closed)
		})
	}
}
