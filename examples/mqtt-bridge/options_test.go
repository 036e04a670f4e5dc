package main

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

// Wrong usage has status 2 and one line that names the flag. It never shows a password.
func TestUsage(t *testing.T) {
	const from, to = "mqtt://127.0.0.1", "mqtt://127.0.0.2"
	for _, row := range []struct {
		args   []string
		stderr string
	}{
		{[]string{"-to", to}, "-id is missing"},
		{[]string{"-id", "x"}, "-to is missing"},
		{[]string{"-id", "x", "-to", "http://h"}, "-to http://h: want mqtt://"},
		{[]string{"-id", "x", "-to", to, "-from", "tcp://me:s3cret@h"}, "want mqtt://"},
		{[]string{"-id", "x", "-to", to, "-from", "mqtt://me:s3cret@h:x"}, "-from: "},
		{[]string{"-id", "x", "-to", to, "-qos", "3"}, "-qos 3: want 0, 1 or 2"},
		{[]string{"-id", "x", "-to", to, "-version", "261"}, "-version 261: want 4 or 5"},
		{[]string{"-id", "x", "-to", to, "-expiry", "0"}, "-expiry 0"},
		{[]string{"-id", "x", "-to", to, "-buffer", "-1"}, "-buffer: it is negative"},
		{[]string{"-id", "x", "-to", to, "-filter", "a/#/b"}, `-filter "a/#/b" is not a topic filter`},
		{[]string{"-id", "x", "-to", to, "-prefix", "a/+/"}, `-prefix "a/+/" cannot begin a topic`},
		{[]string{"-id", "x", "-to", to, "-ca", "ca.pem"}, "need a URL with TLS"},
		{[]string{"-id", "x", "-to", from + ":1883"}, "the same broker"},
		{[]string{"-id", "x", "-to", from, "-prefix", "p/"}, "the same broker"},
		{[]string{"-id", "x", "-to", from, "-version", "5", "-filter", "$share/g/+/a", "-prefix", "p-"}, "the same broker"},
		{[]string{"-id", "x", "-to", to, "-version", "4", "-from-password", "s3cret"}, "-from: mqtt: CONNECT: "},
		{[]string{"-id", "x", "-to", to, "-version", "4", "-to-password", "s3cret"}, "password without user name"},
		{[]string{"-id", "a\xff", "-to", to}, "the client identifier is not well-formed UTF-8"},
		{[]string{"-id", strings.Repeat("x", 65533), "-to", to}, "-to: mqtt: CONNECT: "}, // with -to behind it
		{[]string{"-id", "x", "-to", to, "-from-password", "s3cret", "more"}, `unexpected argument "more"`},
	} {
		r := looptest.Run(t, run, row.args...)
		if r.Status != 2 || !strings.Contains(r.Stderr, row.stderr) || strings.Count(r.Stderr, "\n") != 1 {
			t.Errorf("%q: status %d, stderr %q", row.args, r.Status, r.Stderr)
		}
		if strings.Contains(r.Stderr+r.Stdout, "s3cret") {
			t.Errorf("%q shows the password: %s%s", row.args, r.Stdout, r.Stderr)
		}
	}
}

func TestOverlap(t *testing.T) {
	for _, row := range []struct {
		a, b string
		want bool
	}{
		{"#", "p/#", true}, {"a/#", "a/#", true}, {"a/#", "p/a/#", false}, {"a/#", "a", true}, {"a", "a/#", true},
		{"+/b", "a/+", true}, {"+/b", "a/c", false}, {"+", "a/b", false}, {"a/b", "a", false}, {"a/+/c", "a/b/#", true},
		{"a/+", "a", false}, {"a", "a", true}, {"a", "b", false}, {"a/b/#", "a/+", true}, {"/a", "+/a", true},
	} {
		if got := overlap(row.a, row.b); got != row.want || overlap(row.b, row.a) != row.want {
			t.Errorf("overlap(%q, %q) is %v", row.a, row.b, got)
		}
	}
	if got := unshared("$share/g/a/b"); got != "a/b" || unshared("$share/g") != "$share/g" || unshared("a/b/c") != "a/b/c" {
		t.Errorf("unshared: %q", got)
	}
}

// A password of a flag goes with the user name of the URL.
func TestUserOfURL(t *testing.T) {
	b := &bridge{}
	b.source.Login.Password, b.destination.Login.Password, b.destination.Login.User = "s", "d", "flag"
	looptest.Must(t, b.configure(&flags{from: "mqtt://me:x@a", to: "mqtt://you@b", id: "x", filter: "#", version: 4, expiry: 1}))
	if from, to := b.source.Login, b.destination.Login; from.User != "me" || from.Password != "s" || to.User != "flag" || to.Password != "d" {
		t.Errorf("%s %s, %s %s", from.User, from.Password, to.User, to.Password)
	}
}

// Only a URL with TLS gets the configuration. The two identifiers differ.
func TestConfigure(t *testing.T) {
	for _, row := range []struct {
		from, to             string
		fromSecure, toSecure bool
	}{
		{"mqtt://a", "mqtt://b", false, false}, {"mqtts://a", "ws://b", true, false},
		{"ws://a", "WSS://b", false, true}, {"wss://a", "mqtts://b", true, true},
	} {
		f := newFixture(t)
		if err := f.b.configure(&flags{from: row.from, to: row.to, id: "x", filter: "#", qos: 1, version: 5, expiry: 1}); err != nil {
			t.Fatal(err)
		}
		if got := f.b.source.Login.TLS != nil; got != row.fromSecure {
			t.Errorf("%s: TLS %v", row.from, got)
		}
		if got := f.b.destination.Login.TLS != nil; got != row.toSecure {
			t.Errorf("%s: TLS %v", row.to, got)
		}
		if f.b.source.Login.ClientID != "x" || f.b.destination.Login.ClientID != "x-to" {
			t.Errorf("identifiers %q, %q", f.b.source.Login.ClientID, f.b.destination.Login.ClientID)
		}
	}
}
