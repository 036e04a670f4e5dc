package http_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
)

func TestNextPart(t *testing.T) {
	for _, tt := range multiparts {
		if strings.Contains(tt.err, "limit") { // NextPart has the default limits
			continue
		}
		got, err := nextParts(t, tt.body)
		if tt.err == "" && (got != tt.want || err != nil) || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %q, %v, want %q, %q", tt.name, got, err, tt.want, tt.err)
		}
		if tt.err != "" && err == nil {
			t.Errorf("%s: no error, want %q", tt.name, tt.err)
		}
	}
	for _, ofs := range []int{-1, 5} {
		if next, err := http.NextPart(new(http.Part), []byte("--x-"), "x", ofs); next != 0 || err == nil {
			t.Errorf("offset %d: %d, %v", ofs, next, err)
		}
	}
}

func TestBoundary(t *testing.T) {
	for _, tt := range []struct{ contentType, want, err string }{
		{"multipart/form-data; boundary=a", "a", ""},
		{`Multipart/Mixed; x=y; Boundary="a b:c"`, "a b:c", ""},
		{"", "", "no Content-Type"},
		{"text/plain; boundary=a", "", `is "text/plain; boundary=a", want multipart`},
		{"multipart/form-data", "", `"" is not a boundary`},
		{`multipart/form-data; boundary="a "`, "", `"a " is not`},
		{`multipart/form-data; boundary="a@b"`, "", `"a@b" is not`},
		{`multipart/form-data; boundary=a; boundary=b`, "", "malformed"},
		{"multipart/form-data; boundary=" + strings.Repeat("a", 71), "", "is not a boundary"},
	} {
		headers := ""
		if tt.contentType != "" {
			headers = "Content-Type: " + tt.contentType + "\r\n"
		}
		msg := parseRequest(t, "POST / HTTP/1.1\r\nHost: h\r\n"+headers+"\r\n")
		got, err := msg.Boundary()
		if got != tt.want || tt.err == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%q: %q, %v, want %q, %q", tt.contentType, got, err, tt.want, tt.err)
		}
		if _, partErr := msg.NextPart(new(http.Part), 0); err != nil && fmt.Sprint(partErr) != fmt.Sprint(err) {
			t.Errorf("%q: NextPart: %v, want %v", tt.contentType, partErr, err)
		}
	}
}

// NextPart reads what mime/multipart writes.
func TestNextPartOfAMessage(t *testing.T) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	w.WriteField("user", "Ann")
	file, _ := w.CreateFormFile("file", `a"b.txt`)
	file.Write([]byte("data\r\n"))
	w.Close()
	msg := parseRequest(t, fmt.Sprintf("POST / HTTP/1.1\r\nHost: h\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
		w.FormDataContentType(), body.Len(), body.Bytes()))
	var p http.Part
	got := ""
	ofs, err := msg.NextPart(&p, 0)
	for ; ofs > 0; ofs, err = msg.NextPart(&p, ofs) {
		got += fmt.Sprintf("%s %s %s %q;", p.Name, p.Filename, p.Header("content-type"), p.Body)
	}
	if want := `user   "Ann";file a"b.txt application/octet-stream "data\r\n";`; got != want || err != nil {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
}
