package termlog

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/rikki-go/rikki/internal/quote"
)

// dumpKey is the key of attributes that follow a record on lines of their own.
const dumpKey = "dump"

// New returns slog.New(NewHandler(w, level)).
func New(w io.Writer, level slog.Leveler) *slog.Logger { return slog.New(NewHandler(w, level)) }

// NewHandler returns a handler that writes each record at level or above to w, with one call of
// Write. level may be a *slog.LevelVar, which the program can change at any time; nil means
// slog.LevelInfo. Several goroutines may use the handler. An error of w is that of Handle, which a
// slog.Logger ignores.
//
// The attributes follow the message as key=value, and those of a group as group.key=value. A
// value with a space, a quotation mark or = is quoted. A []byte is written as text. In messages,
// keys and values, control characters and bytes that are not UTF-8 are escaped, and what is longer
// than 512 bytes is cut, with its length behind it. These attributes are special:
//
//   - One with the key "dump" outside of groups is written unchanged, on lines below the record.
//     Its value must come from a hexdump, because nothing in it is escaped.
//   - One without a value is left out: nil, an empty string or []byte, a group without
//     attributes, and a netip.AddrPort, netip.Addr or netip.Prefix that is not valid.
//
// A record has no time if that of the slog.Record is zero, and no place if it has no PC.
func NewHandler(w io.Writer, level slog.Leveler) slog.Handler {
	if level == nil {
		level = slog.LevelInfo
	}
	return &handler{w: w, mu: new(sync.Mutex), level: level}
}

type handler struct {
	w     io.Writer
	mu    *sync.Mutex // one at a time writes to w
	level slog.Leveler
	group string // prefix of keys, from WithGroup
	attrs string // from WithAttrs, formatted
	dump  string // from WithAttrs
}

// Enabled implements slog.Handler.
func (h *handler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level.Level() }

// Handle implements slog.Handler.
func (h *handler) Handle(_ context.Context, r slog.Record) error {
	var b line
	if !r.Time.IsZero() {
		b.WriteString(r.Time.Format("15:04:05.000 "))
	}
	level := r.Level.String()
	b.WriteString(level + strings.Repeat(" ", max(6-len(level), 1)))
	if r.PC != 0 {
		frame, _ := runtime.CallersFrames([]uintptr{r.PC}).Next()
		b.WriteString(filepath.Base(frame.File) + ":" + strconv.Itoa(frame.Line) + "  ")
	}
	b.WriteString(quote.Text(r.Message, quote.MaxText))
	b.WriteString(h.attrs)
	b.dump = h.dump
	r.Attrs(func(a slog.Attr) bool {
		b.add(h.group, a)
		return true
	})
	b.WriteString(strings.TrimRight(b.dump, "\n") + "\n")
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.w, b.String())
	return err
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	more := *h
	var b line
	for _, a := range attrs {
		b.add(h.group, a)
	}
	more.attrs += b.String()
	more.dump += b.dump
	return &more
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	more := *h
	more.group += name + "."
	return &more
}

// line is a record that is being written.
type line struct {
	strings.Builder
	dump string
}

// add appends an attribute. group is the prefix of its key: empty, or with a dot at its end.
func (b *line) add(group string, a slog.Attr) {
	v := a.Value.Resolve()
	switch {
	case v.Kind() == slog.KindGroup:
		if a.Key != "" {
			group += a.Key + "."
		}
		for _, inner := range v.Group() {
			b.add(group, inner)
		}
	case empty(v):
	case a.Key == dumpKey && group == "":
		b.dump += "\n" + strings.Trim(v.String(), "\n")
	default:
		b.WriteString(" " + quote.Text(group+a.Key, quote.MaxText) + "=" + text(v))
	}
}

// text returns a value as it is written.
func text(v slog.Value) string {
	s := v.String()
	if p, ok := v.Any().([]byte); ok {
		s = string(p)
	}
	if strings.ContainsAny(s, " \"=") {
		return quote.CutAt(s, quote.MaxText)
	}
	return quote.Text(s, quote.MaxText)
}

// empty reports whether an attribute has no value.
func empty(v slog.Value) bool {
	switch v.Kind() {
	case slog.KindString:
		return v.String() == ""
	case slog.KindAny:
		switch x := v.Any().(type) {
		case nil:
			return true
		case []byte:
			return len(x) == 0
		case netip.AddrPort:
			return !x.IsValid()
		case netip.Addr:
			return !x.IsValid()
		case netip.Prefix:
			return !x.IsValid()
		}
	}
	return false
}
