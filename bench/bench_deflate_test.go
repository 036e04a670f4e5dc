package main

import (
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"

	kflate "github.com/klauspost/compress/flate"
)

// compressor compresses as permessage-deflate does [RFC 7692 7.2]: it writes a message and
// flushes. Before the next message it is reset, or it keeps the context.
// docs/performance.md has the conclusions.
//
//	go test -C bench -run '^$' -bench 'Deflate|Inflate|Reset|Window|State' -benchtime 200ms
type compressor interface {
	io.Writer
	Flush() error
	Reset(io.Writer)
}

// stateless is klauspost's compressor that keeps no state between writes.
type stateless struct{ w io.Writer }

func (s *stateless) Write(p []byte) (int, error) {
	return len(p), kflate.StatelessDeflate(s.w, p, false, nil)
}
func (s *stateless) Flush() error      { return nil } // each write flushes
func (s *stateless) Reset(w io.Writer) { s.w = w }

// coder is one implementation at one level.
type coder struct {
	name string
	make func(io.Writer) compressor
}

func coders() []coder {
	var all []coder
	for _, level := range []int{-2, 1, 2, 3, 4, 5, 6, 7, 8, 9} {
		all = append(all, coder{fmt.Sprint("std", level), func(w io.Writer) compressor {
			c, err := flate.NewWriter(w, level)
			if err != nil {
				panic(err)
			}
			return c
		}}, coder{fmt.Sprint("klauspost", level), func(w io.Writer) compressor {
			c, err := kflate.NewWriter(w, level)
			if err != nil {
				panic(err)
			}
			return c
		}})
	}
	return append(all, coder{"klauspostStateless", func(w io.Writer) compressor { return &stateless{w} }})
}

// records returns different messages of n bytes each: JSON with the same names and
// different values.
func records(count, n int) [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	words := []string{"accepted", "pending", "cancelled", "berlin", "osaka", "lima", "temperature", "pressure", "voltage", "gateway"}
	all := make([][]byte, count)
	for i := range all {
		var m []byte
		for len(m) < n {
			m = fmt.Appendf(m, `{"id":%d,"time":17%09d,"kind":%q,"place":%q,"value":%.3f,"tags":[%q,%q],"ok":%t},`, r.IntN(1e7), r.IntN(1e9),
				words[r.IntN(len(words))], words[r.IntN(len(words))], r.Float64()*1000, words[r.IntN(len(words))], words[r.IntN(len(words))], r.IntN(2) == 0)
		}
		all[i] = m[:n]
	}
	return all
}

var lengths = []int{64, 128, 256, 512, 4 << 10, 64 << 10}

// counter counts the bytes that are written.
type counter struct{ n int }

func (c *counter) Write(p []byte) (int, error) {
	c.n += len(p)
	return len(p), nil
}

func BenchmarkDeflate(b *testing.B) {
	for _, context := range []string{"fresh", "takeover"} {
		for _, n := range lengths {
			messages := records(1<<20/n, n) // far more than any window
			for _, k := range coders() {
				b.Run(fmt.Sprintf("%s/%d/%s", context, n, k.name), func(b *testing.B) {
					out := new(counter)
					c := k.make(out)
					b.SetBytes(int64(n))
					b.ReportAllocs()
					i := 0
					for b.Loop() {
						if context == "fresh" {
							c.Reset(out)
						}
						c.Write(messages[i%len(messages)])
						c.Flush()
						i++
					}
					b.ReportMetric(float64(out.n-4*i)/float64(i*n), "ratio")
				})
			}
		}
	}
}

// BenchmarkReset measures the cost of a reset. At level 1 Go's compressor moves a mark.
// From level 2 on it clears its tables.
func BenchmarkReset(b *testing.B) {
	for _, k := range coders() {
		b.Run(k.name, func(b *testing.B) {
			c := k.make(io.Discard)
			for b.Loop() {
				c.Reset(io.Discard)
			}
		})
	}
}

// BenchmarkWindow compresses messages of 4 KiB for a peer with a window of 1<<bits bytes.
// Compressors without windows are flushed and reset before a reference could reach further.
func BenchmarkWindow(b *testing.B) {
	messages := records(64, 4<<10)
	for _, bits := range []int{8, 9, 10, 11, 12} {
		all := append(coders(), coder{"klauspostWindow", func(w io.Writer) compressor {
			c, err := kflate.NewWriterWindow(w, 1<<bits)
			if err != nil {
				panic(err)
			}
			return c
		}})
		for _, k := range all {
			switch k.name {
			case "std-2", "std1", "std2", "std6", "klauspost1", "klauspostStateless", "klauspostWindow":
			default:
				continue
			}
			b.Run(fmt.Sprintf("%d/%s", bits, k.name), func(b *testing.B) {
				out := new(counter)
				c := k.make(out)
				step := 1 << bits
				if k.name == "klauspostWindow" || k.name == "std-2" { // has no references
					step = 4 << 10
				}
				b.SetBytes(4 << 10)
				i := 0
				for b.Loop() {
					for p := messages[i%len(messages)]; len(p) > 0; {
						piece := p[:min(step, len(p))]
						p = p[len(piece):]
						c.Reset(out)
						c.Write(piece)
						c.Flush()
					}
					i++
				}
				b.ReportMetric(float64(out.n-4*i)/float64(i*4<<10), "ratio")
			})
		}
	}
}

// tailed reads a complete compressed stream.
type tailed struct {
	p []byte
	i int
}

func (r *tailed) ReadByte() (byte, error) {
	if r.i == len(r.p) {
		return 0, io.EOF
	}
	r.i++
	return r.p[r.i-1], nil
}

func (r *tailed) Read(p []byte) (int, error) {
	if r.i == len(r.p) {
		return 0, io.EOF
	}
	n := copy(p, r.p[r.i:])
	r.i += n
	return n, nil
}

type appender struct{ p []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.p = append(a.p, p...)
	return len(p), nil
}

// BenchmarkInflate decompresses messages of level 6, without history and with 32 KiB of it.
func BenchmarkInflate(b *testing.B) {
	makers := map[string]func(io.Reader) io.ReadCloser{"std": flate.NewReader, "klauspost": kflate.NewReader}
	for _, history := range []int{0, 32 << 10} {
		dict := records(1, 32<<10)[0][:history]
		for _, n := range lengths {
			messages := make([]tailed, 16)
			for i, m := range records(16, n) {
				var a appender
				c, err := flate.NewWriterDict(&a, 6, dict)
				if err != nil {
					b.Fatal(err)
				}
				c.Write(m)
				c.Close()
				messages[i].p = a.p
			}
			for _, name := range []string{"std", "klauspost"} {
				b.Run(fmt.Sprintf("history%d/%d/%s", history, n, name), func(b *testing.B) {
					d := makers[name](new(tailed))
					buf := make([]byte, n+1)
					b.SetBytes(int64(n))
					b.ReportAllocs()
					i := 0
					for b.Loop() {
						r := &messages[i%len(messages)]
						r.i = 0
						d.(flate.Resetter).Reset(r, dict)
						got, err := io.ReadFull(d, buf)
						if got != n || err != io.ErrUnexpectedEOF {
							b.Fatal(got, err)
						}
						i++
					}
				})
			}
		}
	}
}

// heapOf returns the bytes of heap that a value from make takes.
func heapOf(make func() any) float64 {
	const count = 16
	var kept [count]any
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range kept {
		kept[i] = make()
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(kept[:])
	return float64(int64(after.HeapAlloc-before.HeapAlloc)) / count
}

// BenchmarkState reports the heap of a compressor or decompressor after 256 KiB.
func BenchmarkState(b *testing.B) {
	message := records(1, 256<<10)[0]
	for _, k := range coders() {
		b.Run("compressor/"+k.name, func(b *testing.B) {
			n := heapOf(func() any {
				c := k.make(io.Discard)
				c.Write(message)
				c.Flush()
				return c
			})
			for b.Loop() {
			}
			b.ReportMetric(n, "B/state")
		})
	}
	var packed appender
	c, _ := flate.NewWriter(&packed, 6)
	c.Write(message)
	c.Close()
	for name, make := range map[string]func(io.Reader) io.ReadCloser{"std": flate.NewReader, "klauspost": kflate.NewReader} {
		b.Run("decompressor/"+name, func(b *testing.B) {
			n := heapOf(func() any {
				d := make(&tailed{p: packed.p})
				io.Copy(io.Discard, d)
				return d
			})
			for b.Loop() {
			}
			b.ReportMetric(n, "B/state")
		})
	}
}
