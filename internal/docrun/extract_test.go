package docrun

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/markdown"
)

// root is the repository's root, as seen from this package.
const root = "../.."

// programs are the first words of commands. Code in a sentence that begins with another word is no
// command.
var programs = []string{
	"bash", "cd", "curl", "go", "kill", "make", "mosquitto_pub", "mosquitto_sub", "npm", "openssl",
	"systemctl", "systemd-socket-activate", "ulimit",
}

// command is a command of a document.
type command struct {
	text  string // in one line, without a comment
	place string // file
}

var (
	codeSpan     = regexp.MustCompile("`([^`]+)`")
	shellComment = regexp.MustCompile(`\s+#\s.*$`)
)

// commands returns the commands of a document: each line of a block of sh or of an indented block,
// and each piece of code in a sentence that begins with the name of a program and is more than
// that.
func commands(d markdown.Document) []command {
	var all []command
	add := func(text string) {
		text = strings.Join(strings.Fields(shellComment.ReplaceAllString(text, "")), " ")
		if first, rest, _ := strings.Cut(text, " "); rest != "" && slices.Contains(programs, first) {
			all = append(all, command{text, d.Path})
		}
	}
	for _, b := range d.Blocks {
		text := strings.Join(b.Lines, "\n")
		switch {
		case b.Kind == markdown.Fenced && b.Lang == "sh", b.Kind == markdown.Indented:
			for line := range strings.SplitSeq(strings.ReplaceAll(text, "\\\n", " "), "\n") {
				add(line)
			}
		case b.Kind == markdown.Paragraph, b.Kind == markdown.Row:
			for _, m := range codeSpan.FindAllStringSubmatch(text, -1) {
				add(m[1])
			}
		}
	}
	return all
}

// goPrograms returns the whole Go programs of a document by name: the word behind Command in its
// comment, or the path of the document.
func goPrograms(d markdown.Document) map[string]string {
	all := map[string]string{}
	for _, b := range d.Blocks {
		text := strings.Join(b.Lines, "\n") + "\n"
		if b.Kind != markdown.Fenced || b.Lang != "go" || !packageMain.MatchString(text) {
			continue
		}
		name := d.Path
		if m := commandName.FindStringSubmatch(text); m != nil {
			name += " " + m[1]
		}
		all[name] = text
	}
	return all
}

var (
	packageMain = regexp.MustCompile(`(?m)^package main$`)
	commandName = regexp.MustCompile(`^// Command ([\w-]+) `)
)

// documents returns the documents for users and contributors. The change log names commands of
// earlier versions.
func documents(t *testing.T) []markdown.Document {
	t.Helper()
	all, err := markdown.Documents(root)
	if err != nil {
		t.Fatal(err)
	}
	all = slices.DeleteFunc(all, func(d markdown.Document) bool { return d.Path == "CHANGELOG.md" })
	if len(all) < 8 {
		t.Fatalf("found only %d documents", len(all))
	}
	return all
}

// TestNothingIsMissing compares what the documents have with the two lists: each command and each
// program is in exactly one of them, and no list has one that is in no document.
func TestNothingIsMissing(t *testing.T) {
	found := map[string]string{} // the place of each command and program
	for _, d := range documents(t) {
		for _, c := range commands(d) {
			found[c.text] = c.place
		}
		for name := range goPrograms(d) {
			found[name] = d.Path
		}
	}
	run := map[string]bool{}
	for _, s := range scenarios {
		for _, step := range s.steps {
			if step.program != "" {
				run[step.program] = true
			}
			if !step.extra {
				run[step.cmd] = true
			}
		}
	}
	for text, place := range found {
		_, skipped := notRun[text]
		switch {
		case run[text] && skipped:
			t.Errorf("%s: %q is run and in the list of what is not run", place, text)
		case !run[text] && !skipped:
			t.Errorf("%s: %q is neither run nor in the list of what is not run", place, text)
		}
	}
	for text := range run {
		if found[text] == "" {
			t.Errorf("%q is run and in no document", text)
		}
	}
	for text := range notRun {
		if found[text] == "" {
			t.Errorf("%q is in the list of what is not run, and in no document", text)
		}
	}
	if len(run) < 40 {
		t.Errorf("only %d commands and programs are run", len(run))
	}
}

func TestCommands(t *testing.T) {
	const text = "Run `go run .` or `go doc`. Not `gofmt x`, `make`.\n\n```sh\ncd a && go test   # a comment\n" +
		"go run . \\\n    -n 1\n# nothing\n```\n\n```go\n// Command x is.\npackage main\n```\n\n    go vet ./...\n    s := 1\n\n" +
		"| `make run` | `curl -s '#x'` |\n"
	d := markdown.Document{Path: "a.md", Blocks: markdown.Blocks(text)}
	var got []string
	for _, c := range commands(d) {
		got = append(got, c.text)
	}
	want := []string{"go run .", "go doc", "cd a && go test", "go run . -n 1", "go vet ./...", "make run", "curl -s '#x'"}
	if !slices.Equal(got, want) {
		t.Errorf("commands %q, want %q", got, want)
	}
	if p := goPrograms(d); len(p) != 1 || p["a.md x"] != "// Command x is.\npackage main\n" {
		t.Errorf("programs %q", p)
	}
}
