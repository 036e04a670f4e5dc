//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "attack: runs on Linux only, because it reads the memory of other processes from /proc")
	os.Exit(1)
}
