//go:build race

package http_test

// raced: with the race detector sync.Pool forgets at random, as a test of its users.
const raced = true
