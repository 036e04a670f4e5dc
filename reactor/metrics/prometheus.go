package metrics

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/rikki-go/rikki/reactor"
)

// ContentType is the media type of what Append writes.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// metric describes one field of reactor.Stats.
type metric struct {
	name string // without rikki_, _total and _seconds
	kind kind
	help string
	get  func(s *reactor.Stats) uint64 // a time is in nanoseconds
}

// kind says how a metric is named and typed.
type kind uint8

const (
	gauge   kind = iota // what there is now
	counter             // what has happened since New
	seconds             // a gauge that is a time
)

func count(n int) uint64 { return uint64(max(n, 0)) }

func nanos(d time.Duration) uint64 { return uint64(max(d, 0)) }

// table has a row for each field of reactor.Stats, in the order of the fields.
var table = [...]metric{
	{"connections", gauge, "Connections now, without listeners.", func(s *reactor.Stats) uint64 { return count(s.Conns) }},
	{"listeners", gauge, "Listeners now.", func(s *reactor.Stats) uint64 { return count(s.Listeners) }},
	{"paused", gauge, "Connections and listeners that are paused now.", func(s *reactor.Stats) uint64 { return count(s.Paused) }},
	{"send_bytes", gauge, "Bytes that wait to be sent now.", func(s *reactor.Stats) uint64 { return count(s.Queued) }},
	{"tls_handshake_slots", gauge, "Slots that TLS handshakes take now.", func(s *reactor.Stats) uint64 { return count(s.TLSHandshaking) }},
	{"recv_bytes", gauge, "Bytes in receive buffers now.", func(s *reactor.Stats) uint64 { return count(s.Unread) }},
	{"held_bytes", gauge, "Bytes that count towards the memory budget now.", func(s *reactor.Stats) uint64 { return count(s.Held) }},
	{"opened", counter, "Connections and listeners made.", func(s *reactor.Stats) uint64 { return s.Opened }},
	{"accepted", counter, "Connections that listeners accepted.", func(s *reactor.Stats) uint64 { return s.Accepted }},
	{"evicted", counter, "Idle connections that a full listener closed for a new one.", func(s *reactor.Stats) uint64 { return s.Evicted }},
	{"refused", counter, "Connections that a full listener closed at once, or that ended in their opening.", func(s *reactor.Stats) uint64 { return s.Refused }},
	{"failed", counter, "Connections and listeners that failed.", func(s *reactor.Stats) uint64 { return s.Failed }},
	{"closed", counter, "Connections and listeners that closed.", func(s *reactor.Stats) uint64 { return s.Closed }},
	{"suppressed_log_records", counter, "Log records that connections caused and that were not logged.", func(s *reactor.Stats) uint64 { return s.Suppressed }},
	{"turns", counter, "Turns of the loop.", func(s *reactor.Stats) uint64 { return s.Turns }},
	{"tls_handshakes", counter, "TLS handshakes that succeeded.", func(s *reactor.Stats) uint64 { return s.TLSHandshakes }},
	{"tls_evicted", counter, "Connections that lost the slot of their TLS handshake.", func(s *reactor.Stats) uint64 { return s.TLSEvicted }},
	{"events", counter, "Events raised.", func(s *reactor.Stats) uint64 { return s.Events }},
	{"reads", counter, "Reads that returned bytes, and datagrams received.", func(s *reactor.Stats) uint64 { return s.Reads }},
	{"writes", counter, "Writes to sockets.", func(s *reactor.Stats) uint64 { return s.Writes }},
	{"read_bytes", counter, "Bytes read from sockets.", func(s *reactor.Stats) uint64 { return s.BytesIn }},
	{"written_bytes", counter, "Bytes written to sockets.", func(s *reactor.Stats) uint64 { return s.BytesOut }},
	{"pauses", counter, "Times that a connection was paused.", func(s *reactor.Stats) uint64 { return s.Pauses }},
	{"yields", counter, "Times that input of a connection waited for a later turn.", func(s *reactor.Stats) uint64 { return s.Yields }},
	{"datagram_drops", counter, "Datagrams that the kernel dropped.", func(s *reactor.Stats) uint64 { return s.DatagramDrops }},
	{"quick_acks", counter, "Acknowledgements that were asked for early.", func(s *reactor.Stats) uint64 { return s.QuickAcks }},
	{"timer_lag", seconds, "How late the timer that fired last was.", func(s *reactor.Stats) uint64 { return nanos(s.Lag) }},
	{"timer_lag_max", seconds, "The largest lag of a timer.", func(s *reactor.Stats) uint64 { return nanos(s.MaxLag) }},
	{"handler_longest", seconds, "The longest time that a handler took; 0 without WithHandlerTiming.", func(s *reactor.Stats) uint64 { return nanos(s.LongestHandler) }},
}

// key is the metric's name in JSON.
func (t *metric) key() string { return t.name }

// suffix is what follows name in the text format.
func (t *metric) suffix() string {
	switch t.kind {
	case counter:
		return "_total"
	case seconds:
		return "_seconds"
	}
	return ""
}

func (t *metric) appendName(b []byte) []byte {
	b = append(b, "rikki_"...)
	b = append(b, t.name...)
	return append(b, t.suffix()...)
}

func (t *metric) appendValue(b []byte, s *reactor.Stats) []byte {
	n := t.get(s)
	if t.kind == seconds {
		return strconv.AppendFloat(b, time.Duration(n).Seconds(), 'g', -1, 64)
	}
	return strconv.AppendUint(b, n, 10)
}

// Append appends the samples in the text format of Prometheus, and returns the extended slice. Each
// metric has a HELP and a TYPE line, and a line for each sample. The metric rikki_up is 1 for a
// manager that answered, and 0 for one that did not; the latter has no other metrics. Sample.Name
// is the value of the label manager. If b is large enough, Append does not allocate.
func Append(b []byte, samples ...Sample) []byte {
	b = append(b, "# HELP rikki_up Whether the manager answered.\n# TYPE rikki_up gauge\n"...)
	for i := range samples {
		up := byte('1')
		if samples[i].Err != nil {
			up = '0'
		}
		b = append(appendLabel(append(b, "rikki_up"...), samples[i].Name), up, '\n')
	}
	for k := range table {
		t, hasHeader := &table[k], false
		for i := range samples {
			s := &samples[i]
			if s.Err != nil {
				continue
			}
			if !hasHeader {
				b, hasHeader = t.appendHeader(b), true
			}
			b = appendLabel(t.appendName(b), s.Name)
			b = append(t.appendValue(b, &s.Stats), '\n')
		}
	}
	return b
}

func (t *metric) appendHeader(b []byte) []byte {
	b = t.appendName(append(b, "# HELP "...))
	b = append(append(b, ' '), t.help...)
	b = t.appendName(append(b, "\n# TYPE "...))
	if t.kind == counter {
		return append(b, " counter\n"...)
	}
	return append(b, " gauge\n"...)
}

// appendLabel appends the label manager. Its value is escaped, and what is not UTF-8 is replaced.
func appendLabel(b []byte, manager string) []byte {
	b = append(b, `{manager="`...)
	for _, r := range manager {
		switch r {
		case '\\', '"':
			b = append(b, '\\', byte(r))
		case '\n':
			b = append(b, `\n`...)
		default:
			b = utf8.AppendRune(b, r) // U+FFFD for a byte that is not UTF-8
		}
	}
	return append(b, `"} `...)
}
