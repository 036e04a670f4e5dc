package reactor_test

import (
	"crypto/tls"
	"errors"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// A callback of the Config may call what handlers may call. The owner check accepts it.
// If it ends the connection, that takes effect when it has returned.
func TestTLSCallbacks(t *testing.T) {
	cause := errors.New("not today")
	for name, act := range map[string]func(c *reactor.Conn){
		"nothing": func(c *reactor.Conn) { c.Manager().Now() },
		"Fail":    func(c *reactor.Conn) { c.Fail(cause) },
		"Close":   func(c *reactor.Conn) { c.Close() },
		"Manager": func(c *reactor.Conn) { c.Manager().Close() },
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t, reactor.WithOwnerCheck())
			var conn *reactor.Conn
			server := &recorder{On: hooks{reactor.EvAccept: func(c *reactor.Conn, _ any) { conn = c }}}
			called := false
			cfg := &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
				called = true
				conn.InputStopped()
				conn.Write(nil)
				if conn.TLS() != nil {
					t.Error("TLS is there in the middle of the handshake")
				}
				act(conn)
				return &serverConfig().Certificates[0], nil
			}}
			_, url := tlsListen(t, m, cfg, server.Handle)
			client := &recorder{}
			var theirs *reactor.Conn
			verified := false
			clientCfg := clientConfig()
			clientCfg.VerifyConnection = func(tls.ConnectionState) error { // in a later step
				theirs.Write(nil)
				verified = true
				return nil
			}
			theirs = tlsConnect(t, m, url, clientCfg, client.Handle)
			if name == "Manager" {
				for i := 0; i < turns && m.Poll(time.Millisecond) == nil; i++ {
				}
			} else {
				await(t, m, "the end of it", func() bool {
					return name == "nothing" && server.Count(reactor.EvTLSHS) > 0 || server.Closed() && client.Closed()
				})
			}
			if !called || name == "nothing" && !verified {
				t.Error("the callbacks were not called")
			}
			if name != "nothing" && server.Count(reactor.EvTLSHS) > 0 {
				t.Errorf("events %s", eventList(server.Events))
			}
			if name == "Fail" && !errors.Is(server.Err(t), cause) {
				t.Error(server.Errs)
			}
		})
	}
}

// A callback of the handshake's last step ends the connection: EvTLSHS is not raised.
func TestTLSEndInLastCallback(t *testing.T) {
	cause := errors.New("not today")
	for _, row := range []struct {
		act  func(c *reactor.Conn)
		want string
	}{
		{func(c *reactor.Conn) { c.Fail(cause) }, "OPEN RESOLVE CONNECT ERROR CLOSE"},
		{func(c *reactor.Conn) { c.Close() }, "OPEN RESOLVE CONNECT CLOSE"},
	} {
		for _, version := range versions {
			m := newManager(t, reactor.WithOwnerCheck())
			server, client := &recorder{}, &recorder{}
			_, url := tlsListen(t, m, serverConfig(), server.Handle)
			var conn *reactor.Conn
			cfg := small(authority().Client(), version)
			cfg.VerifyConnection = func(tls.ConnectionState) error { row.act(conn); return nil }
			conn = tlsConnect(t, m, url, cfg, client.Handle)
			await(t, m, "the end", func() bool { return client.Closed() && server.Closed() })
			client.Want(t, row.want)
		}
	}
}
