// Command bench compares rikki with other libraries that do the same work: echo and broadcast
// WebSocket messages, answer HTTP requests, accept connections, and publish with MQTT. Each server
// and client runs in its own process, on a core without the load. README.md describes the
// measurements.
//
//	go run -C bench .                   # three minutes
//	go run -C bench . echo http         # only these groups; -h lists them
//	go run -C bench . -quick            # one short round; not a result
//	go run -C bench . -full             # all groups and all peers, about 40 minutes
//	go run -C bench . -full -write ..   # also write docs/performance.md and its charts
//
// Progress goes to standard error, and the tables to standard output. The exit status is 0 after
// success, 1 after a failure, with the reason on standard error, and 2 for wrong usage.
package main
