// Command bench compares WebSocket echo servers: rikki's and those of other libraries. Each
// runs in its own process, on a core without the load, and gets the same load. README.md
// describes the measurements.
//
//	go run -C bench .          # less than six minutes
//	go run -C bench . -tls     # over TLS, two minutes
//	go run -C bench . -stall   # waits for delayed acknowledgements, one minute
//	go run -C bench . -mqtt    # clients of mosquitto, four minutes
//	go run -C bench . -quick   # less than one minute; too short for results
//
// The exit status is 0 after success, 1 after a failure, with the reason on standard error,
// and 2 for wrong usage.
package main
