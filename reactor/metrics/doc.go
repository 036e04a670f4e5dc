// Package metrics shows the statistics of managers to monitoring systems. A [Collector] reads them
// from any goroutine. It is an expvar.Var, and writes the text format of Prometheus. The package
// imports neither expvar nor net/http: a program that uses these publishes the Collector, or serves
// it with package proto/http/nethttp. A program without them can call [Append] in a handler.
//
// The names of the metrics begin with rikki_. Counters end in _total, and times are in seconds. The
// label manager has the name that Add was given.
package metrics
