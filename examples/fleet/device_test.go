package main

import (
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
)

// A message that is received and has a bad outcome does not hide one that is lost, in any order.
func TestBadOutcomeDoesNotHideLoss(t *testing.T) {
	o := &options{devices: 1, qos: 1, size: stampSize, seed: 1, urls: []string{"mqtt://h"}, topic: "t"}
	for _, row := range []struct {
		name  string
		steps string // r1: 1 is received. a1: acknowledged. b1: rejected. s: sent, without content. d: dropped, without content
		lost  int64
		dups  uint64
	}{
		{"all is well", "a1 r1 r2 a2", 0, 0},
		{"one is lost", "a1 r1 a2", 1, 0},
		{"rejected and received, another lost", "b1 r1 a2", 1, 0},
		{"received and rejected, another lost", "r1 b1 a2", 1, 0},
		{"rejected, not received", "b1 a2 r2", 0, 0},
		{"twice after a rejection", "b1 r1 r1 a2", 1, 1},
		{"QoS 0", "s d r1", 0, 0},
		{"QoS 0, lost", "s d", 1, 0},
	} {
		f := newFleet(o, nil, looptest.NewStillManager(t), newScreen(io.Discard), slog.New(slog.DiscardHandler))
		d := &device{fleet: f, topic: "t/x", published: 2}
		for step := range strings.FieldsSeq(row.steps) {
			var out session.Outcome
			p := append([]byte(nil), f.payload...)
			if len(step) > 1 {
				stamp(p, uint64(step[1]-'0'), 0)
				out.Message = &mqtt.Message{Data: p}
			}
			switch step[0] {
			case 'r':
				d.receive(&mqtt.Message{Topic: []byte(d.topic), Data: p})
				continue
			case 'a':
				out.Result = session.Acknowledged
			case 's':
				out.Result = session.Sent
			case 'b':
				out.Result, out.Err = session.Rejected, errors.New("no")
			case 'd':
				out.Result, out.Err = session.Dropped, errors.New("no")
			}
			d.outcome(&out)
		}
		if f.missing() != row.lost || f.duplicates != row.dups {
			t.Errorf("%s: lost %d, duplicates %d, want %d, %d", row.name, f.missing(), f.duplicates, row.lost, row.dups)
		}
		if f.good+f.bad != 2 || f.outcomes[session.Acknowledged]+f.outcomes[session.Sent] != f.good {
			t.Errorf("%s: %d good and %d bad outcomes", row.name, f.good, f.bad)
		}
	}
}

// Errors of several devices that differ in the topic alone count as one.
func TestReason(t *testing.T) {
	plain := errors.New("plain")
	if got := reason(plain); got != plain {
		t.Error(got)
	}
	if got := reason(errors.Join(plain)); got == nil {
		t.Error("no reason for an error that wraps several")
	}
	m := looptest.NewStillManager(t)
	s, err := session.New(m, &session.Options{URLs: []string{"mqtt://127.0.0.1:1"}}, nil, nil)
	looptest.Must(t, err)
	s.Close()
	if _, err := s.Publish(&session.Message{Topic: "a"}); reason(err).Error() != err.Error() {
		t.Error(err)
	}
	s, err = session.New(m, &session.Options{URLs: []string{"mqtt://127.0.0.1:1"}, Queue: session.Queue{Messages: 1}}, nil, nil)
	looptest.Must(t, err)
	for range 2 {
		_, err = s.Publish(&session.Message{Topic: "a/b/c", QoS: 1})
	}
	if got := reason(err); !errors.Is(got, session.ErrQueueFull) || strings.Contains(got.Error(), "a/b/c") {
		t.Error(got)
	}
}
