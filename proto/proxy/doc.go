// Package proxy reaches servers through proxies, and tells servers behind load balancers who their
// clients are.
//
// Dial makes a client's connection go through a proxy: HTTP CONNECT [RFC 9110 9.3.6] or SOCKS5
// [RFC 1928]. It works for each client of a stream, so also for those of the protocols:
//
//	c, err := ws.Connect(m, "wss://example.com/chat", fn, nil, "")
//	if err == nil {
//		err = proxy.Dial(c, "socks5://user:password@127.0.0.1:1080")
//	}
//
// Everything above the tunnel is as without a proxy: TLS is between the client and the server, and
// its names are those of the server. The events are the same too. EvConnect comes when the tunnel
// is open. The Connect deadline bounds the dialing and the proxy's answers together. RemoteAddr
// returns the proxy's address. Package proxyenv finds the proxy in the environment.
//
// Accept makes a listener expect the PROXY protocol: each connection begins with a header from the
// load balancer, and RemoteAddr returns the client's address from EvAccept on. Send puts such a
// header in front of a client's connection. ParseHeader and AppendHeader are the codec.
package proxy
