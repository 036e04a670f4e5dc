package ws

import (
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

type Deflate struct{}
type deflation struct{}
type messageDeflater struct{}

func (d *deflation) release(c *reactor.Conn)                {}
func (d *deflation) begin(c *reactor.Conn) *messageDeflater { return nil }
func (d *deflation) shape() (uint8, int8)                   { return 0, 0 }
func (d *deflation) forget()                                {}
func (m *messageDeflater) write(dst, p []byte) []byte       { return dst }
func (m *messageDeflater) flush(dst []byte) []byte          { return dst }
func (m *messageDeflater) end(dst []byte) []byte            { return dst }

func (l *layer) deflates() bool                            { return false }
func (l *layer) compresses(op OpCode, n int) bool          { return false }
func (l *layer) compress(c *reactor.Conn, p []byte) []byte { return p }
func (l *layer) inflate(c *reactor.Conn, p []byte)         {}

type deflatePool struct{}

func (d *deflatePool) once(level int8, bits uint8, p []byte) []byte { return p }

func (l *layer) agree(c *reactor.Conn, hm *http.Message) string { return "" }
