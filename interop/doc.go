// Package interop has only tests. They run rikki against brokers, servers and clients of other
// projects. README.md lists these and says how to run the tests.
package interop
