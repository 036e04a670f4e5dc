package http_test

import (
	"fmt"
	"io"
	"strings"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// An upload of any size, which is never in memory as a whole. The handler keeps its parser in
// FnData.
func ExampleMultipartParser() {
	handler := func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvHTTPHdrs:
			hm := data.(*http.Message)
			boundary, err := hm.Boundary()
			if err != nil {
				http.Reply(c, 400, "", "%v\n", err)
				return
			}
			c.FnData = &http.MultipartParser{
				Boundary: boundary,
				Begin:    func(part *http.Part) error { return nil }, // open the file part.Filename
				Data:     func(b []byte) error { return nil },        // write to it
				End:      func() error { return nil },                // close it
			}
			http.StreamBody(c, -1)
		case reactor.EvHTTPBody:
			if _, err := c.FnData.(io.Writer).Write(data.(*http.Piece).Data); err != nil {
				http.Reply(c, 400, "", "%v\n", err)
			}
		case reactor.EvHTTPMsg:
			if err := c.FnData.(io.Closer).Close(); err != nil {
				http.Reply(c, 400, "", "%v\n", err)
				return
			}
			http.Reply(c, 200, "", "thank you\n")
		}
	}
	_ = handler // for http.Listen

	p := &http.MultipartParser{
		Boundary: "xyz",
		Begin: func(part *http.Part) error {
			fmt.Printf("%s, file %q: ", part.Name, part.Filename)
			return nil
		},
		Data: func(b []byte) error { fmt.Printf("%s", b); return nil },
		End:  func() error { fmt.Println(); return nil },
	}
	body := "--xyz\r\nContent-Disposition: form-data; name=\"doc\"; filename=\"a.txt\"\r\n\r\nHello, reader\r\n--xyz--\r\n"
	for piece := range strings.SplitAfterSeq(body, "o") { // pieces of any size
		if _, err := io.WriteString(p, piece); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(p.Close())
	// Output:
	// doc, file "a.txt": Hello, reader
	// <nil>
}

// The parts of a form that was collected.
func ExampleNextPart() {
	body := []byte("--xyz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n" +
		"--xyz\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n2\r\n--xyz--\r\n")
	var part http.Part
	ofs, err := http.NextPart(&part, body, "xyz", 0)
	for ; ofs > 0; ofs, err = http.NextPart(&part, body, "xyz", ofs) {
		fmt.Printf("%s=%s\n", part.Name, part.Body)
	}
	fmt.Println(err)
	// Output:
	// a=1
	// b=2
	// <nil>
}
