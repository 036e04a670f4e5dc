// Package allocs has no code. Its tests measure how often the calls of this module allocate, and
// how much memory idle connections take. They compare the results with docs/allocations.md.
package allocs
