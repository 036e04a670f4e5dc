package http_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	nethttp "net/http"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// An upload larger than Limits.Body arrives in pieces, from a client of net/http, in chunks and
// with a length.
func TestMultipartUpload(t *testing.T) {
	const size = 5 << 20
	data := make([]byte, size)
	rnd := rand.NewChaCha8([32]byte{1})
	rnd.Read(data)
	want := fmt.Sprintf("note:;file:a.bin:%x;", sha256.Sum256(data))

	var got string
	s := &server{loop: newLoop(t)}
	ln, err := http.Listen(s.m, "http://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvHTTPHdrs:
			boundary, err := data.(*http.Message).Boundary()
			must(t, err)
			sum, parts := sha256.New(), ""
			c.FnData = &http.MultipartParser{
				Boundary: boundary,
				Begin: func(p *http.Part) error {
					sum.Reset()
					parts += fmt.Sprintf("%s:%s", p.Name, p.Filename)
					return nil
				},
				Data: func(b []byte) error { sum.Write(b); return nil },
				End: func() error {
					if parts != "note:" {
						parts += fmt.Sprintf(":%x", sum.Sum(nil))
					}
					parts += ";"
					got = parts
					return nil
				},
			}
			must(t, http.StreamBody(c, -1))
		case reactor.EvHTTPBody:
			_, err := c.FnData.(io.Writer).Write(data.(*http.Piece).Data)
			must(t, err)
		case reactor.EvHTTPMsg:
			must(t, c.FnData.(io.Closer).Close())
			must(t, http.Reply(c, 200, "", "%s", got))
		}
	}, nil)
	must(t, err)

	r, w := io.Pipe()
	form := multipart.NewWriter(w)
	go func() {
		form.WriteField("note", "")
		file, _ := form.CreateFormFile("file", "/tmp/a.bin")
		for rest := data; len(rest) > 0; {
			n := min(len(rest), 1+int(rnd.Uint64()%40000))
			file.Write(rest[:n])
			rest = rest[n:]
		}
		form.Close()
		w.Close()
	}()
	answer := make(chan string, 1)
	go func() {
		res, err := nethttp.Post("http://"+ln.LocalAddr().String(), form.FormDataContentType(), r)
		if err != nil {
			answer <- err.Error()
			return
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		answer <- fmt.Sprint(res.StatusCode, " ", string(body))
	}()
	s.until("answer", func() bool { return len(answer) > 0 })
	if a := <-answer; a != "200 "+want {
		t.Errorf("%s, want 200 %s", a, want)
	}
	nethttp.DefaultClient.CloseIdleConnections()
}
