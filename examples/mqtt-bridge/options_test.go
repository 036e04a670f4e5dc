package main

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

// Wrong usage has status 2 and one line that names the flag. It never shows a password.
func TestUsage(t *testing.T) {
	const from, to = "mqtt://127.0.0.1", "mqtt://127.0.0.2"
	looptest.WantUsage(t, run, "mqtt-bridge", []string{"-from-user", "-from-password", "-to-user", "-to-password"}, []looptest.Refusal{
		looptest.Wrong("-id is missing", "-to", to),
		looptest.Wrong("-id is missing", "-id", "", "-to", to),
		looptest.Wrong("-to is missing", "-id", "x"),
		looptest.Wrong("-to http://h: want mqtt://", "-id", "x", "-to", "http://h"),
		looptest.Wrong("want mqtt://", "-id", "x", "-to", to, "-from", "tcp://me:s3cret@h"),
		looptest.Wrong("-from: ", "-id", "x", "-to", to, "-from", "mqtt://me:s3cret@h:x"),
		looptest.Wrong("-qos 3: want 0, 1 or 2", "-id", "x", "-to", to, "-qos", "3"),
		looptest.Wrong("-version 261: want 4 or 5", "-id", "x", "-to", to, "-version", "261"),
		looptest.Wrong("-expiry 0", "-id", "x", "-to", to, "-expiry", "0"),
		looptest.Wrong("-buffer: it is negative", "-id", "x", "-to", to, "-buffer", "-1"),
		looptest.Wrong(`-filter "a/#/b" is not a topic filter`, "-id", "x", "-to", to, "-filter", "a/#/b"),
		looptest.Wrong(`-prefix "a/+/" cannot begin a topic`, "-id", "x", "-to", to, "-prefix", "a/+/"),
		looptest.Wrong("need a URL with TLS", "-id", "x", "-to", to, "-ca", "ca.pem"),
		looptest.Wrong("-ca: open no/such: no such file", "-id", "x", "-to", "wss://h", "-ca", "no/such"),
		looptest.Wrong("-cert: open no/such: no such file", "-id", "x", "-to", "wss://h", "-cert", "no/such", "-key", "x"),
		looptest.Wrong("-cert and -key must be given together", "-id", "x", "-to", "wss://h", "-key", "x"),
		looptest.Wrong("the same broker", "-id", "x", "-to", from+":1883"),
		looptest.Wrong("the same broker", "-id", "x", "-to", from, "-prefix", "p/"),
		looptest.Wrong("the same broker", "-id", "x", "-to", from, "-version", "5", "-filter", "$share/g/+/a", "-prefix", "p-"),
		looptest.Wrong("-from: mqtt: CONNECT: ", "-id", "x", "-to", to, "-version", "4", "-from-password", "s3cret"),
		looptest.Wrong("password without user name", "-id", "x", "-to", to, "-version", "4", "-to-password", "s3cret"),
		looptest.Wrong("the client identifier is not well-formed UTF-8", "-id", "a\xff", "-to", to),
		looptest.Wrong("-to: mqtt: CONNECT: ", "-id", strings.Repeat("x", 65533), "-to", to), // with -to behind it
	})
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
