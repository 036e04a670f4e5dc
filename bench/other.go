//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench: runs on Linux only, because it reads CPU clocks and memory of other processes from /proc")
	os.Exit(1)
}
