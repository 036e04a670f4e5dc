package markdown

import (
	"fmt"
	"testing"
)

func TestBlocks(t *testing.T) {
	const text = "# A title: one, two\n\nProse\nof two lines.\n- item one\n  goes on\n- item two\n\n" +
		"    no code, but item two\n\nProse.\n\n    make test\n\n    make run\n\n```go\nx := 1\n\n\ty()\n```\n| a | b |\n| --- | --- |\n"
	want := []Block{
		{Heading, "", 1, []string{"# A title: one, two"}},
		{Paragraph, "", 3, []string{"Prose", "of two lines."}},
		{Paragraph, "", 5, []string{"- item one", "  goes on"}},
		{Paragraph, "", 7, []string{"- item two"}},
		{Paragraph, "", 9, []string{"    no code, but item two"}},
		{Paragraph, "", 11, []string{"Prose."}},
		{Indented, "", 13, []string{"    make test", "    make run"}},
		{Fenced, "go", 18, []string{"x := 1", "", "\ty()"}},
		{Row, "", 22, []string{"| a | b |"}},
		{Row, "", 23, []string{"| --- | --- |"}},
	}
	got := Blocks(text)
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || fmt.Sprint(got[i]) != fmt.Sprint(want[i]) {
			t.Fatalf("block %d of\n%v\nis not that of\n%v", i, got, want)
		}
	}
	if a := (Document{"", got}).Anchors(); !a["a-title-one-two"] || len(a) != 1 {
		t.Errorf("anchors are %v", a)
	}
}
