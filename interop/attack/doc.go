// Command attack attacks rikki's servers and measures what that costs. Each row of its table is
// one attack against one server, which has rikki's defaults and runs in a process of its own.
//
//	go run -C interop/attack .                   # every row, eight minutes
//	go run -C interop/attack . -only '^tls-'     # some rows
//	go run -C interop/attack . -list             # what they are and what they may cost
//	go run -C interop/attack . -seconds 10 -rounds 3
//
// A bystander is another client, which makes one request after the other: on one connection, or
// on a new one each time if the attack is against accepting. It measures how long its requests
// take, first alone and then beside the attacker. A request that takes long keeps others from
// being made. These count with the time that they would have waited, so a percentile is a part of
// the time and not of the requests.
//
// The server has a core of its own. The bystander and the attacker share another one, and the
// attacker runs there only when the bystander does not. All connections are on loopback. An attack
// has an end: its time, and a number of connections.
//
// The columns are:
//
//	quiet, attacked   the bystander's times before the attack, and from its beginning until the
//	                  attacker has left and the server is done with it
//	ratio             of the two 99th percentiles
//	failed            requests of the bystander that got no answer, or a wrong one
//	sent              what the attacker has sent
//	memory            the server's peak resident memory
//	peak              connections of the server, at most: descriptors beside those when it is idle
//	late              connections after three minutes, with the attacker still there
//	after             connections after the attacker has left
//	log               what the server has logged
//
// Nobody waits three minutes: the server's clock runs sixty times faster then (reactor.WithClock),
// so all deadlines are the default ones. The examples' programs have no such clock, and their rows
// have no such column.
//
// Below the table are the rows that exceed a bound: of memory, of the log, of what stays open, or
// because the bystander has failed. Times are printed only. The test runs smaller forms of the same
// rows and fails if one of them exceeds a bound.
//
// The exit status is 0 if all rows have run, 1 after a failure and 2 for wrong usage.
package main
