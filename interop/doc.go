// Package interop has no code, only tests: rikki against brokers and clients
// that others wrote. README.md says which, and how to run them.
package interop
