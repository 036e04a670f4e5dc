// Package arch has no code. Its tests check what the compiler does not check: which package imports
// which, which files know nothing of connections, how long files and functions are, how comments
// and documents are worded, and whether the documents agree with the code.
package arch
