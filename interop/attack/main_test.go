//go:build linux

package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
)

// Wrong usage has status 2 and one line that names the flag. Nothing begins.
func TestUsage(t *testing.T) {
	looptest.WantUsage(t, run, "attack", nil, []looptest.Refusal{
		looptest.Wrong("-only: error parsing regexp", "-only", "("),
		looptest.Wrong("-only none matches no row; -list prints them", "-only", "none"),
		looptest.Wrong("-seconds 0: want more than 0 and at most 600", "-seconds", "0"),
		looptest.Wrong("-seconds -1: want more than 0 and at most 600", "-seconds", "-1"),
		looptest.Wrong("-seconds 601: want more than 0 and at most 600", "-seconds", "601"),
		looptest.Wrong("-seconds NaN: want more than 0 and at most 600", "-seconds", "NaN"),
		looptest.Wrong(`invalid value "x" for flag -seconds`, "-seconds", "x"),
		looptest.Wrong("-rounds 0: want 1 to 100", "-rounds", "0"),
		looptest.Wrong("-rounds 101: want 1 to 100", "-rounds", "101"),
		looptest.Wrong(`-server "none": want one of http, `, "-server", "none"),
		looptest.Wrong("-files -1 is negative", "-server", "raw", "-files", "-1"),
		looptest.Wrong("-files needs -server", "-files", "1"),
		looptest.Wrong("-addr needs -bystander or -attacker", "-addr", "127.0.0.1:1"),
		looptest.Wrong(`-attacker "none": -list prints the rows`, "-attacker", "none"),
	})
}

func TestHelpHidesTheFlagsOfChildren(t *testing.T) {
	var out, errs bytes.Buffer
	if status := run([]string{"-h"}, &out, &errs); status != 0 {
		t.Errorf("status %d", status)
	}
	for _, name := range []string{"only", "short", "seconds", "rounds", "list"} {
		if !strings.Contains(errs.String(), "  -"+name) {
			t.Errorf("-h does not say -%s: %q", name, &errs)
		}
	}
	if strings.Contains(errs.String(), "-server") {
		t.Errorf("-h says -server: %q", &errs)
	}
}

func TestList(t *testing.T) {
	var out, errs bytes.Buffer
	if status := run([]string{"-list", "-only", "^udp"}, &out, &errs); status != 0 || errs.Len() > 0 {
		t.Errorf("status %d, %q", status, &errs)
	}
	if got := strings.Count(out.String(), "\n"); got != 2 || !strings.Contains(out.String(), "udp-flood") {
		t.Errorf("%q", &out)
	}
}

func TestRows(t *testing.T) {
	names := map[string]bool{}
	for _, r := range rows {
		if names[r.name] {
			t.Errorf("%s: twice", r.name)
		}
		names[r.name] = true
		if servers[r.server] == nil && !slices.Contains([]string{"mqtt-server", "tcp-proxy"}, r.server) {
			t.Errorf("%s: no server %s", r.name, r.server)
		}
		if _, ok := protocols[r.bystander]; !ok {
			t.Errorf("%s: no bystander %s", r.name, r.bystander)
		}
		if r.attack == nil || r.memory < base || r.reason == "" {
			t.Errorf("%s: without attack, bound or reason", r.name)
		}
		if r.late && servers[r.server] == nil {
			t.Errorf("%s: the clock of %s cannot run faster", r.name, r.server)
		}
	}
}

func TestBounds(t *testing.T) {
	r := &row{memory: 100 * mb, log: 10, reason: "a reason"}
	at := result{memory: 100 * mb, log: smallLog + 1000, late: -1, attacker: report{Sent: 100}, attacked: watched{Requests: 1}}
	if all := r.exceeded(at); len(all) > 0 {
		t.Errorf("at the bounds: %q", all)
	}
	for want, change := range map[string]func(res *result){
		"of memory, more than 100: a reason": func(res *result) { res.memory++ },
		"1049577 bytes of log for 100 bytes": func(res *result) { res.log++ },
		"1 connections are open after three": func(res *result) { res.late = 1 },
		"1 connections are open after the":   func(res *result) { res.after = 1 },
		"failed 1 times of 1: a cause":       func(res *result) { res.attacked.Failures, res.attacked.Why = 1, "a cause" },
		"made no request":                    func(res *result) { res.attacked.Requests = 0 },
		"killed":                             func(res *result) { res.ended = "killed" },
	} {
		res := at
		change(&res)
		if all := r.exceeded(res); len(all) != 1 || !strings.Contains(all[0], want) {
			t.Errorf("%q, want %q", all, want)
		}
	}
}

func TestTableShowsTheWorstOfAllRounds(t *testing.T) {
	l := line{row: &row{name: "a-row", memory: base, reason: "a reason"}}
	l.add(result{memory: 3 * mb, late: -1, attacked: watched{Requests: 1, P99: 2 * time.Millisecond}, quiet: watched{P99: time.Millisecond}})
	l.add(result{memory: 65 * mb, late: -1, attacked: watched{Requests: 1, P99: time.Millisecond}, quiet: watched{P99: 2 * time.Millisecond}})
	var out bytes.Buffer
	if err := writeTable(&out, []line{l}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"a-row ", " 65.0 MB ", " 2.0 ", "a-row: 65 MB of memory, more than 64: a reason"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table has no %q:\n%s", want, &out)
		}
	}
}

func TestLatencies(t *testing.T) {
	var all latencies
	if got := all.quantile(0.5); got != 0 {
		t.Errorf("%v without requests", got)
	}
	for range 95 {
		all.add(pace / 2)
	}
	all.add(5 * pace) // and four requests that it has kept from being made
	if len(all) != 100 {
		t.Errorf("%d, want 100", len(all))
	}
	for part, want := range map[float64]time.Duration{0: pace / 2, 0.94: pace / 2, 0.95: pace, 0.98: 4 * pace, 0.99: 5 * pace, 1: 5 * pace} {
		if got := all.quantile(part); got != want {
			t.Errorf("%v of the requests: %v, want %v", part, got, want)
		}
	}
}

func TestClockRunsFaster(t *testing.T) {
	k := newClock()
	begin := time.Now()
	k.at.Store(&rate{begin.Add(-time.Minute), begin, 60})
	if got := k.now().Sub(begin); got < time.Hour {
		t.Errorf("a minute is %v, want an hour", got)
	}
	k.speedUp(1)
	if got := k.now().Sub(begin); got < time.Hour || got > 2*time.Hour {
		t.Errorf("the clock jumps to %v when its speed changes", got)
	}
}
