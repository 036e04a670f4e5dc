package reactor_test

import (
	"bytes"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// What a peer may send after the handshake, and what it must not, in one piece and byte
// by byte, to both sides. After a violation the peer gets the alert that names it and an
// orderly end, not a reset. It gets nothing that was in Send.
func TestTLSRecords(t *testing.T) {
	rows := []struct {
		name    string
		says    func(h *recordPeer) []byte
		got     string
		err     string // "": the stream ends without an error afterwards
		alert   byte   // of the loop
		updates int
	}{
		{"data in two records", func(h *recordPeer) []byte { return join(h.data("hel"), h.data("lo")) }, "hello", "", closeNotify, 0},
		{"padding", func(h *recordPeer) []byte { return h.say.Seal(looptest.RecordData, []byte("hello"), 1000) }, "hello", "", closeNotify, 0},
		{"empty records", func(h *recordPeer) []byte {
			return join(h.data("he"), h.data(""), h.data(""), h.data("llo"), h.data(""))
		}, "hello", "", closeNotify, 0},
		{"KeyUpdate", func(h *recordPeer) []byte { return join(h.data("he"), h.say.KeyUpdate(false), h.data("llo")) }, "hello", "", closeNotify, 0},
		{"KeyUpdate, ours wanted", func(h *recordPeer) []byte { return join(h.data("he"), h.say.KeyUpdate(true), h.data("llo")) }, "hello", "", closeNotify, 1},
		{"KeyUpdate in two records", func(h *recordPeer) []byte {
			first := join(h.data("he"), h.message("\x18\x00"), h.message("\x00\x01\x01"))
			h.say.Next()
			return join(first, h.data("llo"))
		}, "hello", "", closeNotify, 1},
		{"KeyUpdate at the end", func(h *recordPeer) []byte { return join(h.data("hello"), h.say.KeyUpdate(true)) }, "hello", "", closeNotify, 1},
		{"a warning", func(h *recordPeer) []byte { return join(h.data("he"), h.alert(1, userCanceled), h.data("llo")) }, "hello", "", closeNotify, 0},

		{"a fatal alert", func(h *recordPeer) []byte { return join(h.data("hello"), h.alert(2, internalError)) }, "hello", "remote error: tls: internal error", 0, 0},
		{"too many empty records", func(h *recordPeer) []byte {
			return join(h.data("hello"), times(17, func() []byte { return h.data("") }))
		}, "hello", "too many ignored records", unexpectedMessage, 0},
		{"too many KeyUpdates", func(h *recordPeer) []byte {
			return join(h.data("hello"), times(17, func() []byte { return h.say.KeyUpdate(true) }))
		}, "hello", "too many non-advancing records", unexpectedMessage, 16},
		{"data within a message", func(h *recordPeer) []byte { return join(h.data("hello"), h.message("\x18\x00"), h.data("x")) },
			"hello", "tls: unexpected message", unexpectedMessage, 0},
		{"unencrypted data", func(h *recordPeer) []byte {
			return join(h.data("hello"), []byte("\x17\x03\x03\x00\x20in the clear, but long enough..."))
		},
			"hello", "tls: bad record MAC", badRecordMAC, 0},
		{"unencrypted alert", func(h *recordPeer) []byte { return join(h.data("hello"), []byte("\x15\x03\x03\x00\x02\x01\x00")) },
			"hello", "tls: bad record MAC", badRecordMAC, 0},
		{"the keys of before", func(h *recordPeer) []byte {
			late := h.data("x")
			h.say.Next()
			return join(late, h.data("y"))
		}, "x", "tls: bad record MAC", badRecordMAC, 0},
		{"a record too long", func(h *recordPeer) []byte { return join(h.data("hello"), []byte{23, 3, 3, 0x41, 1}) }, "hello", "oversized record", recordOverflow, 0},
		{"too much plaintext", func(h *recordPeer) []byte {
			return join(h.data("hello"), h.say.Seal(looptest.RecordData, make([]byte, 16<<10+1), 0))
		}, "hello", "tls: record overflow", recordOverflow, 0},
	}
	for _, row := range rows {
		for _, role := range []string{"server", "client"} {
			for _, size := range []int{1 << 20, 1} {
				if size == 1 && row.name == "too much plaintext" {
					continue // the case "a record too long" covers it
				}
				t.Run(row.name+" "+role+map[int]string{1: " bytewise"}[size], func(t *testing.T) {
					m := newManager(t)
					r := &recorder{}
					r.On = hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
						r.Got = append(r.Got, c.Recv.Bytes()...)
						if row.err == "" {
							c.Write(c.Recv.Bytes())
						} else if size > 1 { // in the same turn as the violation
							c.Write([]byte("never said"))
						}
						c.Recv.Reset()
					}}
					h := startRecords(t, m, role, r.Handle)
					var all heard
					switch {
					case row.err != "" && size > 1: // unread bytes would cause a reset
						h.Write(append(row.says(h), make([]byte, 256<<10)...))
					case row.err != "":
						h.feed(row.says(h), size)
					default:
						h.feed(row.says(h), size)
						all = h.until(len(row.got), row.updates) // without more from the peer
						h.feed(h.alert(1, closeNotify), size)
					}
					end := h.until(-1, 0)
					if h.Err == nil {
						h.Shutdown()
					}
					await(t, m, "the end", r.Closed)
					if string(r.Got) != row.got || all.updates+end.updates != row.updates || end.alert != row.alert || h.Err != nil {
						t.Errorf("got %q; the peer %d KeyUpdates, alert %d, %v", r.Got, all.updates+end.updates, end.alert, h.Err)
					}
					if row.err == "" {
						if string(all.data) != row.got || len(end.data) > 0 || !end.alerted || len(r.Errs) > 0 {
							t.Errorf("the peer got %q, %q, alert %v; errors %v", all.data, end.data, end.alerted, r.Errs)
						}
						return
					}
					looptest.WantErr(t, r.Err(t), nil, row.err)
					if len(end.data) > 0 || end.alerted != (row.alert != 0) {
						t.Errorf("the peer got %q, alert %v", end.data, end.alerted)
					}
				})
			}
		}
	}
}

// A record of full size is cut at any place, while a rest of any size is in Recv.
func TestTLSLargeRecordsInPieces(t *testing.T) {
	const full, sealedFull = 16 << 10, 5 + 16<<10 + 1 + 16
	const readSize = 48 << 10
	for _, role := range []string{"server", "client"} {
		t.Run(role, func(t *testing.T) {
			m := newManager(t)
			keep, r := 0, &recorder{}
			r.On = hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
				if n := c.Recv.Len() - keep; n > 0 {
					r.Got = append(r.Got, c.Recv.Bytes()[:n]...)
					c.Recv.Consume(n)
				}
			}}
			h := startRecords(t, m, role, r.Handle)
			var sent []byte
			msg := noise(full)
			for i, cut := range []int{1, 2, 4, 5, 6, 7, 21, 22, 23, 512, 1024, 4096, full - 1, full, full + 1, full + 4, full + 5, full + 6, full + 20, sealedFull - 1} {
				keep = []int{0, 1, 100, full - 1, full, full + 1, 100_000}[i%7]
				msg[0]++
				record := h.say.Seal(looptest.RecordData, msg, 0)
				h.feed(record[:cut], 1<<20)
				h.feed(record[cut:], 1<<20)
				sent = append(sent, msg...)
			}
			for _, cut := range []int{readSize - 1, readSize, readSize + 1, 2 * readSize, 1 << 20} { // several records in one write
				stream := times(10, func() []byte {
					msg[0]++
					sent = append(sent, msg...)
					return h.say.Seal(looptest.RecordData, msg, 0)
				})
				h.feed(stream, cut)
			}
			for keep = 17_000; keep < 70_000; keep += 1000 { // the plaintext does not fit into Recv at once
				h.feed(times(4, func() []byte {
					sent = append(sent, msg[:10_000]...)
					return h.say.Seal(looptest.RecordData, msg[:10_000], 0)
				}), 1<<20)
				await(t, m, "all of it but the rest", func() bool { return len(r.Got) >= len(sent)-keep })
			}
			keep = 0
			h.feed(h.data("."), 1<<20)
			await(t, m, "all of it", func() bool { return len(r.Got) > len(sent) })
			if !bytes.Equal(r.Got, append(sent, '.')) || len(r.Errs) > 0 {
				t.Errorf("%d bytes arrived, %d were sent; errors %v", len(r.Got), len(sent)+1, r.Errs)
			}
		})
	}
}
