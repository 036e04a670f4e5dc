package reactor_test

import (
	"bytes"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// Alerts [RFC 8446 6].
const (
	closeNotify       = 0
	unexpectedMessage = 10
	badRecordMAC      = 20
	recordOverflow    = 22
	protocolVersion   = 70
	internalError     = 80
	userCanceled      = 90
)

func (h *handPeer) data(s string) []byte { return h.say.Seal(looptest.RecordData, []byte(s), 0) }
func (h *handPeer) alert(level, name byte) []byte {
	return h.say.Seal(looptest.RecordAlert, []byte{level, name}, 0)
}
func (h *handPeer) message(part string) []byte {
	return h.say.Seal(looptest.RecordHandshake, []byte(part), 0)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// What a peer may say after the handshake, and what it must not, in one piece and
// byte by byte, to both sides. After a violation the peer sees the alert that names
// it and an orderly end, not a reset, and nothing of what lay in Send.
func TestTLSRecords(t *testing.T) {
	rows := []struct {
		name    string
		says    func(h *handPeer) []byte
		got     string
		err     string // "": the stream ends in order afterwards
		alert   byte   // of the loop
		updates int
	}{
		{"data in two records", func(h *handPeer) []byte { return join(h.data("hel"), h.data("lo")) }, "hello", "", closeNotify, 0},
		{"padding", func(h *handPeer) []byte { return h.say.Seal(looptest.RecordData, []byte("hello"), 1000) }, "hello", "", closeNotify, 0},
		{"empty records", func(h *handPeer) []byte {
			return join(h.data("he"), h.data(""), h.data(""), h.data("llo"), h.data(""))
		}, "hello", "", closeNotify, 0},
		{"KeyUpdate", func(h *handPeer) []byte { return join(h.data("he"), h.say.KeyUpdate(false), h.data("llo")) }, "hello", "", closeNotify, 0},
		{"KeyUpdate, ours wanted", func(h *handPeer) []byte { return join(h.data("he"), h.say.KeyUpdate(true), h.data("llo")) }, "hello", "", closeNotify, 1},
		{"KeyUpdate in two records", func(h *handPeer) []byte {
			first := join(h.data("he"), h.message("\x18\x00"), h.message("\x00\x01\x01"))
			h.say.Next()
			return join(first, h.data("llo"))
		}, "hello", "", closeNotify, 1},
		{"KeyUpdate at the end", func(h *handPeer) []byte { return join(h.data("hello"), h.say.KeyUpdate(true)) }, "hello", "", closeNotify, 1},
		{"a warning", func(h *handPeer) []byte { return join(h.data("he"), h.alert(1, userCanceled), h.data("llo")) }, "hello", "", closeNotify, 0},

		{"a fatal alert", func(h *handPeer) []byte { return join(h.data("hello"), h.alert(2, internalError)) }, "hello", "remote error: tls: internal error", 0, 0},
		{"too many empty records", func(h *handPeer) []byte {
			return join(h.data("hello"), times(17, func() []byte { return h.data("") }))
		}, "hello", "too many ignored records", unexpectedMessage, 0},
		{"too many KeyUpdates", func(h *handPeer) []byte {
			return join(h.data("hello"), times(17, func() []byte { return h.say.KeyUpdate(true) }))
		}, "hello", "too many non-advancing records", unexpectedMessage, 16},
		{"data within a message", func(h *handPeer) []byte { return join(h.data("hello"), h.message("\x18\x00"), h.data("x")) },
			"hello", "tls: unexpected message", unexpectedMessage, 0},
		{"unencrypted data", func(h *handPeer) []byte {
			return join(h.data("hello"), []byte("\x17\x03\x03\x00\x20in the clear, but long enough..."))
		},
			"hello", "tls: bad record MAC", badRecordMAC, 0},
		{"unencrypted alert", func(h *handPeer) []byte { return join(h.data("hello"), []byte("\x15\x03\x03\x00\x02\x01\x00")) },
			"hello", "tls: bad record MAC", badRecordMAC, 0},
		{"the keys of before", func(h *handPeer) []byte {
			late := h.data("x")
			h.say.Next()
			return join(late, h.data("y"))
		}, "x", "tls: bad record MAC", badRecordMAC, 0},
		{"a record too long", func(h *handPeer) []byte { return join(h.data("hello"), []byte{23, 3, 3, 0x41, 1}) }, "hello", "oversized record", recordOverflow, 0},
		{"too much plaintext", func(h *handPeer) []byte {
			return join(h.data("hello"), h.say.Seal(looptest.RecordData, make([]byte, 16<<10+1), 0))
		}, "hello", "tls: record overflow", recordOverflow, 0},
	}
	for _, row := range rows {
		for _, role := range []string{"server", "client"} {
			for _, size := range []int{1 << 20, 1} {
				if size == 1 && row.name == "too much plaintext" {
					continue // tested by the first byte behind it already
				}
				t.Run(row.name+" "+role+map[int]string{1: " bytewise"}[size], func(t *testing.T) {
					m := newManager(t)
					r := &recorder{}
					r.on = hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
						r.got = append(r.got, c.Recv.Bytes()...)
						if row.err == "" {
							c.Write(c.Recv.Bytes())
						} else if size > 1 { // together with what breaks it
							c.Write([]byte("never said"))
						}
						c.Recv.Reset()
					}}
					h := startHand(t, m, role, r.handle)
					var all heard
					switch {
					case row.err != "" && size > 1: // what is left unread is a reason for a reset
						h.Write(append(row.says(h), make([]byte, 256<<10)...))
					case row.err != "":
						h.feed(row.says(h), size)
					default:
						h.feed(row.says(h), size)
						all = h.until(len(row.got), row.updates) // without more from the peer
						h.feed(h.alert(1, closeNotify), size)
					}
					end := h.until(-1, 0)
					if h.err == nil {
						h.shutdown()
					}
					await(t, m, "the end", r.closed)
					if string(r.got) != row.got || all.updates+end.updates != row.updates || end.alert != row.alert || h.err != nil {
						t.Errorf("got %q; the peer %d KeyUpdates, alert %d, %v", r.got, all.updates+end.updates, end.alert, h.err)
					}
					if row.err == "" {
						if string(all.data) != row.got || len(end.data) > 0 || !end.alerted || len(r.errs) > 0 {
							t.Errorf("the peer got %q, %q, alert %v; errors %v", all.data, end.data, end.alerted, r.errs)
						}
						return
					}
					looptest.WantErr(t, r.err(t), nil, row.err)
					if len(end.data) > 0 || end.alerted != (row.alert != 0) {
						t.Errorf("the peer got %q, alert %v", end.data, end.alerted)
					}
				})
			}
		}
	}
}

func times(n int, one func() []byte) (all []byte) {
	for range n {
		all = append(all, one()...)
	}
	return all
}
