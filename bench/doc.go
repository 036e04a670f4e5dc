// Command bench measures WebSocket echo servers: rikki's and others', each in a
// process and on a core of its own, with the same load. README.md tells what is
// measured and how.
//
//	go run -C bench .          # less than six minutes
//	go run -C bench . -tls     # the same over TLS, two minutes
//	go run -C bench . -stall   # waits for delayed acknowledgements, one minute
//	go run -C bench . -quick   # less than one; a look, not a result
package main
