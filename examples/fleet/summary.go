package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rikki-go/rikki/internal/quote"
	"github.com/rikki-go/rikki/proto/mqtt/session"
)

const (
	maxSeconds = 24 * 60 * 60 // of perSecond; what happens later counts for the last one
	maxTexts   = 50           // different errors that are counted
	maxRows    = 60           // rows of reconnects in the text
)

// summary is what the program prints at the end. Times are in ms, except those in seconds.
type summary struct {
	Devices             int         `json:"devices"`
	Connected           int         `json:"connected"`
	Subscribed          int         `json:"subscribed"`
	ConnectSeconds      float64     `json:"connect_seconds"`
	ConnectsPerSecond   float64     `json:"connects_per_second"`
	Published           uint64      `json:"published"`
	Refused             uint64      `json:"refused"`
	Acknowledged        uint64      `json:"acknowledged"`
	Sent                uint64      `json:"sent"`
	Rejected            uint64      `json:"rejected"`
	Dropped             uint64      `json:"dropped"`
	Expired             uint64      `json:"expired"`
	Abandoned           uint64      `json:"abandoned"`
	Received            uint64      `json:"received"`
	Duplicates          uint64      `json:"duplicates"`
	Lost                uint64      `json:"lost"`
	Foreign             uint64      `json:"foreign"`
	Reconnects          uint64      `json:"reconnects"`
	AttemptsPerSecond   perSecond   `json:"attempts_per_second"` // since the first loss
	ReconnectsPerSecond perSecond   `json:"reconnects_per_second"`
	P50                 float64     `json:"latency_p50_ms"`
	P99                 float64     `json:"latency_p99_ms"`
	Max                 float64     `json:"latency_max_ms"`
	HeapPerSession      int64       `json:"heap_bytes_per_session"`
	Seed                uint64      `json:"seed"`
	Errors              errorCounts `json:"errors"` // how often, by text
}

// summary returns the summary. All messages have their outcome.
func (f *fleet) summary() *summary {
	s := &summary{
		Devices: f.opts.devices, Connected: f.atEnd, Subscribed: f.ready,
		ConnectSeconds: f.connectTime.Seconds(),
		Published:      f.published, Refused: f.refused,
		Acknowledged: f.outcomes[session.Acknowledged], Sent: f.outcomes[session.Sent],
		Rejected: f.outcomes[session.Rejected], Dropped: f.outcomes[session.Dropped],
		Expired: f.outcomes[session.Expired], Abandoned: f.outcomes[session.Abandoned],
		Received: f.received, Duplicates: f.duplicates, Lost: uint64(max(f.missing(), 0)), Foreign: f.foreign,
		Reconnects: f.reconnects, AttemptsPerSecond: f.attemptsAt, ReconnectsPerSecond: f.reconnectsAt,
		P50: ms(f.latency.percentile(50)), P99: ms(f.latency.percentile(99)), Max: ms(f.latency.max),
		Seed: f.opts.seed, Errors: f.errors,
	}
	if s.ConnectSeconds > 0 {
		s.ConnectsPerSecond = float64(f.ready) / s.ConnectSeconds
	}
	if n := len(f.devices); n > 0 {
		s.HeapPerSession = (int64(f.heap) - int64(f.baseline)) / int64(n)
	}
	return s
}

// ms returns a time in milliseconds, with three places.
func ms(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}

// result returns why the exit status is 1, nil if it is 0.
func (f *fleet) result() error {
	var reasons []string
	add := func(bad bool, format string, args ...any) {
		if bad {
			reasons = append(reasons, fmt.Sprintf(format, args...))
		}
	}
	n, word := f.opts.devices, "acknowledged"
	if f.opts.qos == 0 {
		word = "sent"
	}
	add(f.ready < n, "%d of %d devices have not subscribed", n-f.ready, n)
	add(f.ready == n && f.atEnd < n, "%d of %d devices were not connected at the end", n-f.atEnd, n)
	add(f.refused > 0, "%d messages were refused", f.refused)
	add(f.good < f.published, "%d of %d messages were not %s", f.published-f.good, f.published, word)
	add(f.missing() > 0, "%d messages were lost", f.missing())
	add(f.opts.qos == 2 && f.duplicates > 0, "%d messages of QoS 2 came again", f.duplicates)
	if reasons == nil {
		return nil
	}
	text := strings.Join(reasons, ", ")
	if most := f.errors.sorted(); len(most) > 0 {
		text += "; the most frequent error: " + most[0]
	}
	return errors.New(text)
}

// writeJSON writes the summary as a JSON object.
func (s *summary) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(s)
}

// writeText writes the summary for people.
func (s *summary) writeText(w io.Writer) error {
	var b strings.Builder
	row := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-14s"+format+"\n", append([]any{name}, args...)...)
	}
	row("devices", "%d, %d subscribed within %.2f s, %.0f per second", s.Devices, s.Subscribed, s.ConnectSeconds, s.ConnectsPerSecond)
	row("connected", "%d", s.Connected)
	row("published", "%d, %d refused", s.Published, s.Refused)
	row("acknowledged", "%d", s.Acknowledged)
	row("sent", "%d", s.Sent)
	row("rejected", "%d", s.Rejected)
	row("not sent", "%d dropped, %d expired, %d abandoned", s.Dropped, s.Expired, s.Abandoned)
	row("received", "%d, %d foreign", s.Received, s.Foreign)
	row("duplicates", "%d", s.Duplicates)
	row("lost", "%d", s.Lost)
	row("reconnects", "%d", s.Reconnects)
	row("latency", "p50 %.3f ms, p99 %.3f ms, max %.3f ms", s.P50, s.P99, s.Max)
	row("heap", "%d bytes per session", s.HeapPerSession)
	if s.Reconnects > 0 {
		b.WriteString("seconds since the first loss, attempts to connect, reconnects\n")
		b.WriteString(bars(s.AttemptsPerSecond, s.ReconnectsPerSecond))
	}
	if lines := s.Errors.sorted(); len(lines) > 0 {
		b.WriteString("errors\n  " + strings.Join(lines, "\n  ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// perSecond counts what happens in each second.
type perSecond []uint64

// add counts something that happens at this time after the beginning.
func (p *perSecond) add(at time.Duration) {
	second := min(int(at/time.Second), maxSeconds-1)
	for second >= len(*p) {
		*p = append(*p, 0)
	}
	(*p)[second]++
}

// bars returns a chart of reconnects. Seconds without attempts and reconnects have no row.
func bars(attempts, reconnects perSecond) string {
	var b strings.Builder
	most, rows := max(slices.Max(reconnects), 1), 0
	for second := range max(len(attempts), len(reconnects)) {
		var tried, done uint64
		if second < len(attempts) {
			tried = attempts[second]
		}
		if second < len(reconnects) {
			done = reconnects[second]
		}
		if tried == 0 && done == 0 {
			continue
		}
		if rows++; rows > maxRows {
			b.WriteString("  ...\n")
			break
		}
		bar := strings.Repeat("#", int((done*50+most-1)/most))
		b.WriteString(strings.TrimRight(fmt.Sprintf("%6d %7d %7d %s", second, tried, done, bar), " ") + "\n")
	}
	return b.String()
}

// errorCounts counts errors by their text.
type errorCounts map[string]uint64

// others is the text for all errors beyond the first maxTexts.
const others = "(other errors)"

// add counts an error.
func (e errorCounts) add(err error) {
	text := quote.Text(err.Error(), quote.MaxText)
	if _, known := e[text]; !known && len(e) >= maxTexts {
		text = others
	}
	e[text]++
}

// sorted returns a line with count and text for each error, the most frequent first.
func (e errorCounts) sorted() (lines []string) {
	texts := slices.SortedFunc(maps.Keys(e), func(a, b string) int {
		return cmp.Or(cmp.Compare(e[b], e[a]), cmp.Compare(a, b))
	})
	for _, text := range texts {
		lines = append(lines, fmt.Sprintf("%d %s", e[text], text))
	}
	return lines
}
