//go:build !race

package allocs_test

const raced = false
