package netconn

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/rikki-go/rikki/reactor"
)

// Dial connects to a URL of Manager.Connect, such as tcp://host:port, tls://host:port or
// unix:///path, and waits until the connection is established. For tls:// that is after the
// handshake; cfg is its Config and may be nil. Dial is for other goroutines than the loop's. It
// panics in handlers, as Manager.Do does.
//
// If ctx is done before, the error wraps that of ctx, and the connection is closed. Other errors
// are those of Connect and of EvError. opts may be nil. Its Replaces is ignored.
func Dial(ctx context.Context, m *reactor.Manager, url string, cfg *tls.Config, opts *Options) (*Conn, error) {
	var own Options
	if opts != nil {
		own = *opts
		own.Replaces = nil
	}
	var n *Conn
	var failed error
	err := m.Do(ctx, func() {
		var c *reactor.Conn
		if c, failed = m.Connect(url, nil, nil); failed != nil {
			return
		}
		if n, failed = New(c, &own); failed != nil { // udp
			c.Close()
		} else if cfg != nil {
			c.StartTLS(cfg)
		}
	})
	switch {
	case err != nil:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
	case failed != nil:
		return nil, failed
	}
	if err := n.awaitEstablished(ctx); err != nil {
		return nil, err
	}
	return n, nil
}

// awaitEstablished waits until the connection is established. On an error it closes the connection.
func (n *Conn) awaitEstablished(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.mu.Changed.Broadcast()
	})
	defer stop()
	n.mu.Lock()
	for !n.established && n.readErr == nil && ctx.Err() == nil {
		n.mu.Changed.Wait()
	}
	err := n.readErr
	switch {
	case n.established: // a connection that has failed since then says so in Read
		n.mu.Unlock()
		return nil
	case err == nil:
		err = n.opError("dial", ctx.Err())
	}
	n.mu.Unlock()
	n.Close()
	return err
}

// Dialer returns a function with the signature of net.Dialer.DialContext that connects with Dial.
// It is for code that takes such a function, for example http.Transport. The network is "tcp" or
// "unix"; others are a net.UnknownNetworkError. The function is for other goroutines than the
// loop's.
func Dialer(m *reactor.Manager, opts *Options) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if network != "tcp" && network != "unix" {
			return nil, &net.OpError{Op: "dial", Net: network, Err: net.UnknownNetworkError(network)}
		}
		n, err := Dial(ctx, m, network+"://"+address, nil, opts)
		if err != nil {
			return nil, err
		}
		return n, nil
	}
}
