package mqtt_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// serveTruncated accepts a client over TLS, sends CONNACK, and ends the socket without close_notify
// when the client has sent a packet of two bytes.
func serveTruncated(t *testing.T, cfg *tls.Config, packet string) (addr string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		socket, err := l.Accept()
		if err != nil {
			return
		}
		defer socket.Close()
		c := tls.Server(socket, cfg)
		var got []byte
		for buf := make([]byte, 100); !bytes.HasSuffix(got, []byte(packet)); {
			n, err := c.Read(buf)
			if err != nil {
				t.Error(err)
				return
			}
			if len(got) == 0 {
				c.Write(connackOK[4])
			}
			got = append(got, buf[:n]...)
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

// Over TLS many servers end the stream without close_notify. After the DISCONNECT of the client
// nothing is missing, so that is no error, even if the program does not call Drain. Otherwise it
// is.
func TestEndWithoutCloseNotify(t *testing.T) {
	for packet, call := range map[string]func(c *reactor.Conn) error{
		"\xe0\x00": func(c *reactor.Conn) error { return mqtt.Disconnect(c, nil) },
		"\xc0\x00": mqtt.Ping,
	} {
		m, authority := looptest.NewManager(t), looptest.NewAuthority(t)
		r := newRecorder(t, hooks{reactor.EvMQTTOpen: func(c *reactor.Conn, _ any) { looptest.Must(t, call(c)) }})
		opts := &mqtt.Options{TLS: authority.Client()}
		mustConn(t)(mqtt.Connect(m, "mqtts://"+serveTruncated(t, authority.Server(t), packet), opts, r.handle, nil))
		looptest.Await(t, m, "EvClose", r.Closed)
		if packet == "\xe0\x00" && len(r.Errs) > 0 || packet != "\xe0\x00" && (len(r.Errs) != 1 || !errors.Is(r.Errs[0], io.ErrUnexpectedEOF)) {
			t.Errorf("after % x: errors %v", packet, r.Errs)
		}
	}
}
