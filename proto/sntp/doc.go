// Package sntp asks time servers for the time: the client of SNTP version 4 [RFC 4330, RFC 5905
// 14].
//
//	c, err := sntp.Connect(m, "udp://time.google.com:123", fn, nil)
//	err = sntp.Request(c)
//
// The answer is reactor.EvSNTPTime with a *Time. Each request has one result: the event, or EvError
// if the server does not answer within Timeout, sends a kiss-o'-death, or has no time itself. After
// EvError the connection closes. Connect again for the next request: this also looks up the name
// again, as [RFC 4330 10] recommends.
//
// A server must not be asked more often than every 15 seconds, and in the long run much more
// seldom [RFC 4330 10]. The package does not repeat requests.
//
// Anybody can send datagrams with a forged sender. An answer counts only if it repeats the
// transmit timestamp of the request, which is a random number here. So only those that see the
// request can forge an answer. SNTP does not protect against them.
//
// The package does not set the clock of the system.
package sntp
