// Package mdns resolves the names of hosts on the local network, and answers for one's own name:
// multicast DNS [RFC 6762] over IPv4.
//
//	c, err := mdns.Query(m, "printer.local", nil, fn, nil) // asks for a name
//	l, err := mdns.Listen(m, &mdns.Options{Host: "sensor"}, fn, nil) // answers
//	err = mdns.Ask(l, "printer.local", mdns.TypeA) // asks from a listener
//
// Each record of an answer is reactor.EvMDNSResp with a *Response.
//
// Query is the simple querier of [RFC 6762 5.1]: it needs no port of its own, and hosts answer to
// it alone. Listen shares port 5353 with other responders of the host, and hears all answers.
//
// What is left out: Listen does not probe whether its name is unique, and does not announce it or
// say goodbye [RFC 6762 8, 10.1]. There are no negative answers [RFC 6762 6.1] and no cache.
// Records of services (PTR, SRV, TXT) can be asked for and are parsed, but Listen does not answer
// for any.
//
// Anybody on the local network can answer for any name. Use TLS if it matters who the host is.
package mdns
