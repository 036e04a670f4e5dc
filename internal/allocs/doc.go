// Package allocs has no code. Its tests measure how often the calls of this module allocate, and
// compare the results with the table of docs/allocations.md.
package allocs
