// Package arch holds no code, only tests of what the compiler does not check:
// who may import whom, which files stay free of connections, how long files
// and functions get, and whether the documents name what exists.
package arch
