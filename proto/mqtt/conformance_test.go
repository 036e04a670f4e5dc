package mqtt_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// The conformance suite has the numbered statements of MQTT 3.1.1 and 5.0, and rows that show
// them. docs/conformance.md lists both.

// binds says whom a statement binds.
type binds string

const (
	client binds = "client"
	server binds = "server"
	both   binds = "both"
	form   binds = "form" // the form of packets, so the sender and the receiver
)

// statement is a normative statement. Often both versions have it, under different numbers.
type statement struct {
	v4, v5 string // its numbers without "MQTT-", separated by blanks; "" if the version has none
	binds  binds
	says   string
	why    string // why no row shows it; "" if a row or test does
}

// numbers returns the numbers of a statement in a version.
func (s *statement) numbers(version uint8) []string {
	if version == 5 {
		return strings.Fields(s.v5)
	}
	return strings.Fields(s.v4)
}

// tester is a row of any type. In each version no two rows have the same title.
type tester interface {
	title() string
	shown() string // numbers of statements: "3.3.1-4" in both versions, "2.3.1-5/2.2.1-2" in each, "/2.2.2-1" in 5.0
	versions() []uint8
	run(t *testing.T, version uint8) // does nothing for the name of another test
}

// conformance returns the statements and the rows.
var conformance = sync.OnceValues(func() (all []statement, rows []tester) {
	all = slices.Concat(formatStatements, connectStatements, connackStatements, publishStatements,
		subscribeStatements, endStatements, operationStatements, trapStatements)
	rows = slices.Concat(malformedRows(), formatRows(), connectingRows(), connackedRows(), publishRows(), subscribeRows(), endingRows(), limitRows(), authRows(),
		operationRows(), appendRows(), otherTests())
	return all, rows
})

// bothVersions are the protocol levels of the suite.
var bothVersions = []uint8{4, 5}

// versionName is the name of a protocol level.
func versionName(version uint8) string { return map[uint8]string{4: "3.1.1", 5: "5.0"}[version] }

// Every row of the suite passes, in each of its versions.
func TestConformance(t *testing.T) {
	_, rows := conformance()
	for _, version := range bothVersions {
		for _, row := range rows {
			if slices.Contains(row.versions(), version) {
				t.Run(versionName(version)+" "+row.title(), func(t *testing.T) { row.run(t, version) })
			}
		}
	}
}

// numbersOf are the sections with numbered statements, and how many each has.
var numbersOf = map[uint8]string{
	4: `1.5.3:3 2.2.2:2 2.3.1:7
		3.1.0:2 3.1.2:24 3.1.3:11 3.1.4:5 3.2.0:1 3.2.2:6 3.3.1:12 3.3.2:3 3.3.4:1 3.3.5:2 3.6.1:1 3.8.1:1 3.8.3:4 3.8.4:6
		3.9.3:2 3.10.1:1 3.10.3:2 3.10.4:6 3.12.4:1 3.14.1:1 3.14.4:3
		4.1.0:2 4.3.1:1 4.3.2:2 4.3.3:2 4.4.0:1 4.5.0:2 4.6.0:6 4.7.1:3 4.7.2:1 4.7.3:4 4.8.0:2 6.0.0:4 7.0.0:2 7.1.1:1 7.1.2:1`,
	5: `1.5.4:3 1.5.5:1 1.5.7:1 2.1.3:1 2.2.1:6 2.2.2:1
		3.1.0:2 3.1.2:30 3.1.3:12 3.1.4:6 3.2.0:2 3.2.2:22 3.3.1:13 3.3.2:20 3.3.4:10 3.4.2:3 3.5.2:3 3.6.1:1 3.6.2:3 3.7.2:3
		3.8.1:1 3.8.3:5 3.8.4:8 3.9.2:2 3.9.3:2 3.10.1:1 3.10.3:2 3.10.4:6 3.11.2:2 3.11.3:2 3.12.4:1 3.14.0:1 3.14.1:1 3.14.2:4
		3.14.4:3 3.15.1:1 3.15.2:3
		4.1.0:2 4.2.0:1 4.3.1:1 4.3.2:5 4.3.3:13 4.4.0:2 4.5.0:2 4.6.0:6 4.7.0:1 4.7.1:2 4.7.2:1 4.7.3:4 4.8.2:6 4.9.0:3
		4.12.0:7 4.12.1:2 4.13.1:1 4.13.2:1 6.0.0:4`,
}

// missingNumbers are numbers that a standard skips.
var missingNumbers = map[uint8][]string{5: {"2.2.1-1"}}

// allNumbers returns the numbers of a version in the order of the standard.
func allNumbers(version uint8) (all []string) {
	for _, section := range strings.Fields(numbersOf[version]) {
		name, count, _ := strings.Cut(section, ":")
		var n int
		fmt.Sscan(count, &n)
		for i := range n {
			if number := fmt.Sprintf("%s-%d", name, i+1); !slices.Contains(missingNumbers[version], number) {
				all = append(all, number)
			}
		}
	}
	return all
}

// The suite has each number of the standards exactly once. 3.1.1 has 141 numbers, 5.0 has 251.
func TestConformanceNumbers(t *testing.T) {
	all, _ := conformance()
	for version, want := range map[uint8]int{4: 141, 5: 251} {
		numbers := allNumbers(version)
		if len(numbers) != want {
			t.Errorf("%s: %d numbers, want %d", versionName(version), len(numbers), want)
		}
		count := map[string]int{}
		for _, s := range all {
			for _, n := range s.numbers(version) {
				count[n]++
			}
		}
		for _, n := range numbers {
			if count[n] != 1 {
				t.Errorf("%s: statement %s occurs %d times", versionName(version), n, count[n])
			}
			delete(count, n)
		}
		for n := range count {
			if !isTrap(n) {
				t.Errorf("%s: there is no statement %s", versionName(version), n)
			}
		}
	}
}

// shows returns the numbers that a row shows in a version.
func shows(row tester, version uint8) (numbers []string) {
	for _, word := range strings.Fields(row.shown()) {
		v4, v5, two := strings.Cut(word, "/")
		if number := map[bool]string{true: v5, false: v4}[two && version == 5]; number != "" {
			numbers = append(numbers, number)
		}
	}
	return numbers
}

// showing returns the titles of the rows that show each number of a version.
func showing(version uint8) map[string][]string {
	_, rows := conformance()
	titles := map[string][]string{}
	for _, row := range rows {
		if !slices.Contains(row.versions(), version) {
			continue
		}
		for _, n := range shows(row, version) {
			if !slices.Contains(titles[n], row.title()) {
				titles[n] = append(titles[n], row.title())
			}
		}
	}
	return titles
}

// Each statement is shown by a row, or has a reason why not. Each row shows statements that
// exist. No two rows have the same title.
func TestConformanceIsComplete(t *testing.T) {
	all, rows := conformance()
	for _, version := range bothVersions {
		name, titles, seen := versionName(version), showing(version), map[string]bool{}
		for _, s := range all {
			for _, n := range s.numbers(version) {
				if rows := len(titles[n]); rows == 0 && s.why == "" {
					t.Errorf("%s: no row shows %s: %s", name, n, s.says)
				} else if rows > 0 && s.why != "" {
					t.Errorf("%s: %s is shown by %q, so it needs no reason why not", name, n, titles[n])
				}
				delete(titles, n)
			}
		}
		for n, rows := range titles {
			t.Errorf("%s: rows %q show %s, which does not exist", name, rows, n)
		}
		for _, row := range rows {
			if !slices.Contains(row.versions(), version) {
				continue
			}
			if title := row.title(); seen[title] || strings.ContainsAny(title, "`|\n") {
				t.Errorf("%s: the name %q is used twice, or has a character that a table cannot contain", name, title)
			} else {
				seen[title] = true
			}
			if len(shows(row, version)) == 0 {
				t.Errorf("%s: row %q shows nothing", name, row.title())
			}
		}
	}
}
