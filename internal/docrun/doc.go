// Package docrun has no code. Its tests run the commands and the Go programs of the documents.
//
//	extract_test.go     finds the commands and programs
//	notrun_test.go      lists those that are not run here, each with the reason
//	scenarios_test.go   lists those that are run: what is started before, and what they print
//	run_test.go         runs them, in a copy of the repository
package docrun
