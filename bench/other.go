//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench: needs Linux: it reads CPU clocks and memory of other processes as Linux tells them")
	os.Exit(1)
}
