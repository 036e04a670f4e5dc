package arch_test

import (
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/markdown"
)

var (
	codeSpan = regexp.MustCompile("`[^`]*`")
	link     = regexp.MustCompile(`\]\(([^)\s]*)\)|(?m)^\[[^\]]+\]:\s*(\S+)`)
)

// TestLinks follows every link of every document: the file and the heading exist. Of addresses
// on the web it checks the syntax only.
func TestLinks(t *testing.T) {
	all := documents(t)
	anchors := map[string]map[string]bool{}
	for _, d := range all {
		anchors[d.Path] = d.Anchors()
	}
	links := 0
	for _, d := range all {
		for _, b := range d.Blocks {
			if b.Kind == markdown.Fenced || b.Kind == markdown.Indented {
				continue
			}
			text := codeSpan.ReplaceAllString(strings.Join(b.Lines, "\n"), "code")
			for _, m := range link.FindAllStringSubmatchIndex(text, -1) {
				from, to := m[2], m[3]
				if from < 0 {
					from, to = m[4], m[5]
				}
				links++
				if err := checkLink(d.Path, text[from:to], anchors); err != nil {
					t.Errorf("%s:%d: %v", d.Path, b.Line+strings.Count(text[:from], "\n"), err)
				}
			}
		}
	}
	if links < 20 {
		t.Errorf("found only %d links", links)
	}
}

// checkLink checks the target of a link in the document at from.
func checkLink(from, target string, anchors map[string]map[string]bool) error {
	u, err := url.Parse(target)
	switch {
	case err != nil:
		return err
	case u.Scheme == "http" || u.Scheme == "https":
		if u.Host == "" {
			return fmt.Errorf("link %q has no host", target)
		}
		return nil
	case u.Scheme != "" || u.Host != "":
		return fmt.Errorf("link %q is neither a path nor an address on the web", target)
	}
	file := from
	if u.Path != "" {
		file = path.Join(path.Dir(from), u.Path)
	}
	if strings.HasPrefix(file, "..") {
		return fmt.Errorf("link %q leaves the repository", target)
	}
	if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(file))); err != nil {
		return fmt.Errorf("link %q: %s does not exist", target, file)
	}
	if u.Fragment != "" && !anchors[file][u.Fragment] {
		return fmt.Errorf("link %q: %s has no heading for #%s", target, file, u.Fragment)
	}
	return nil
}

func TestCheckLink(t *testing.T) {
	anchors := map[string]map[string]bool{"docs/tls.md": {"alpn": true}}
	for _, x := range []struct {
		target string
		good   bool
	}{
		{"https://example.org/a#b", true},
		{"tls.md", true},
		{"tls.md#alpn", true},
		{"#alpn", true},
		{"../reactor/doc.go", true},
		{"../reactor/", true},
		{"https:///nothing", false},
		{"mailto:a@example.org", false},
		{"nothing.md", false},
		{"tls.md#nothing", false},
		{"#nothing", false},
		{"../../outside", false},
	} {
		if err := checkLink("docs/tls.md", x.target, anchors); (err == nil) != x.good {
			t.Errorf("link %q: %v", x.target, err)
		}
	}
}
