package mqtt_test

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

func TestValidTopic(t *testing.T) {
	for topic, want := range map[string]bool{
		"a": true, "/": true, "a//b": true, "$SYS/x": true, "a b": true, "\ufeffa": true, "äöü/\U0001f600": true,
		strings.Repeat("x", 65535): true, strings.Repeat("x", 65536): false,
		"": false, "+": false, "#": false, "a/+/b": false, "a#": false, "a\x00": false, "\xff": false, "\xed\xa0\x80": false,
	} {
		if got := mqtt.ValidTopic(topic); got != want {
			t.Errorf("ValidTopic(%.20q) is %v, want %v", topic, got, want)
		}
		if got := mqtt.ValidTopic([]byte(topic)); got != want {
			t.Errorf("ValidTopic of bytes %.20q is %v, want %v", topic, got, want)
		}
	}
}

func TestValidFilter(t *testing.T) {
	for _, tc := range []struct {
		filter string
		v4, v5 bool
	}{
		{"a", true, true}, {"#", true, true}, {"+", true, true}, {"/", true, true}, {"a/#", true, true}, {"/#", true, true},
		{"+/+", true, true}, {"+/a/#", true, true}, {"/+", true, true}, {"a/+/", true, true},
		{"", false, false}, {"a#", false, false}, {"#/a", false, false}, {"##", false, false}, {"a/#/b", false, false},
		{"a+", false, false}, {"+a", false, false}, {"++", false, false}, {"a/+b/c", false, false},
		{"a\x00", false, false}, {"\xc0\x80", false, false}, {strings.Repeat("x", 65536), false, false},
		{"$share", true, true}, {"$shared/a", true, true}, {"$share/g/a", true, true}, {"$share/g/#", true, true}, {"$share/g//", true, true},
		{"$share/", true, false}, {"$share//a", true, false}, {"$share/g", true, false}, {"$share/g/", true, false},
		{"$share/+/a", true, false}, {"$share/#", true, false}, {"$share/g/a#", false, false},
	} {
		if got := mqtt.ValidFilter(tc.filter, 4); got != tc.v4 {
			t.Errorf("ValidFilter(%.20q, 4) is %v, want %v", tc.filter, got, tc.v4)
		}
		if got := mqtt.ValidFilter([]byte(tc.filter), 5); got != tc.v5 {
			t.Errorf("ValidFilter(%.20q, 5) is %v, want %v", tc.filter, got, tc.v5)
		}
	}
}

func TestSplitShare(t *testing.T) {
	for _, tc := range []struct {
		filter, group, inner string
		ok                   bool
	}{
		{"$share/g/a/b", "g", "a/b", true}, {"$share/g//", "g", "/", true}, {"$share/g/#", "g", "#", true},
		{"$share/g", "", "", false}, {"$share//a", "", "", false}, {"a/b", "", "", false}, {"$share/+/a", "", "", false},
	} {
		if g, i, ok := mqtt.SplitShare(tc.filter); g != tc.group || i != tc.inner || ok != tc.ok {
			t.Errorf("SplitShare(%q) is %q, %q, %v, want %q, %q, %v", tc.filter, g, i, ok, tc.group, tc.inner, tc.ok)
		}
	}
}

// matches are filters and topics. The first rows are the examples of section 4.7 of 3.1.1 and
// 5.0.
var matches = []struct {
	filter, topic string
	want          bool
}{
	{"sport/tennis/player1/#", "sport/tennis/player1", true},
	{"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
	{"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
	{"sport/#", "sport", true},
	{"#", "sport/tennis", true},
	{"sport/tennis/+", "sport/tennis/player1", true},
	{"sport/tennis/+", "sport/tennis/player1/ranking", false},
	{"sport/+", "sport", false},
	{"sport/+", "sport/", true},
	{"+/+", "/finance", true},
	{"/+", "/finance", true},
	{"+", "/finance", false},
	{"#", "$SYS/monitor", false},
	{"+/monitor/Clients", "$SYS/monitor/Clients", false},
	{"$SYS/#", "$SYS/monitor", true},
	{"$SYS/#", "$SYS", true},
	{"$SYS/monitor/+", "$SYS/monitor/Clients", true},
	{"ACCOUNTS", "Accounts", false},
	{"a/b", "a/b", true}, {"a/b", "a/bc", false}, {"a/bc", "a/b", false}, {"a", "a/", false}, {"a/", "a", false},
	{"a//b", "a//b", true}, {"a/+/b", "a//b", true}, {"+/#", "a", true}, {"+/b/#", "a/b", true}, {"+/b/#", "a/c", false},
	{"sport#", "sport", false}, {"a/$b/+", "a/$b/c", true}, {"#", "a/$b", true}, {"", "a", false}, {"a", "", false}, {"#", "", false},
	{"ab/#", "a", false}, {"a/#", "ab", false}, {"a/#", "a/", true}, {"/#", "/", true}, {"/", "/", true}, {"+/+", "/", true},
}

func TestMatch(t *testing.T) {
	for _, tc := range matches {
		if got := mqtt.Match(tc.filter, tc.topic); got != tc.want {
			t.Errorf("Match(%q, %q) is %v, want %v", tc.filter, tc.topic, got, tc.want)
		}
		if got := mqtt.Match([]byte(tc.filter), []byte(tc.topic)); got != tc.want {
			t.Errorf("Match of bytes (%q, %q) is %v, want %v", tc.filter, tc.topic, got, tc.want)
		}
	}
}

// matchLevels is a simple implementation of Match: it compares level by level.
func matchLevels(filter, topic []string) bool {
	switch {
	case len(filter) > 0 && filter[0] == "#":
		return true
	case len(filter) == 0 || len(topic) == 0:
		return len(filter) == len(topic)
	}
	return (filter[0] == "+" || filter[0] == topic[0]) && matchLevels(filter[1:], topic[1:])
}

// FuzzMatch compares Match with matchLevels.
func FuzzMatch(f *testing.F) {
	for _, tc := range matches {
		f.Add(tc.filter, tc.topic)
	}
	f.Fuzz(func(t *testing.T, filter, topic string) {
		got := mqtt.Match(filter, topic)
		if !mqtt.ValidFilter(filter, 4) || !mqtt.ValidTopic(topic) {
			return
		}
		want := matchLevels(strings.Split(filter, "/"), strings.Split(topic, "/"))
		if topic[0] == '$' && (filter[0] == '#' || filter[0] == '+') {
			want = false
		}
		if got != want {
			t.Errorf("Match(%q, %q) is %v, want %v", filter, topic, got, want)
		}
	})
}
