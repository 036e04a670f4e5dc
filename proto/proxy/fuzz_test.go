package proxy_test

import (
	"reflect"
	"testing"

	"github.com/rikki-go/rikki/proto/proxy"
)

// Whatever the input is: a header is parsed in the same way if more follows, each beginning of it
// is incomplete, and AppendHeader makes a header that means the same.
func FuzzParseHeader(f *testing.F) {
	for _, h := range headers {
		f.Add([]byte(h.text))
	}
	f.Add([]byte("GET / HTTP/1.1\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var h proxy.Header
		n, err := proxy.ParseHeader(b, &h, 0)
		if err != nil {
			if n != 0 || !reflect.DeepEqual(h, proxy.Header{}) {
				t.Fatalf("%d, %+v with the error %v", n, h, err)
			}
			return
		}
		for i := range n {
			if _, err := proxy.ParseHeader(b[:i], &proxy.Header{}, 0); err != proxy.ErrIncomplete {
				t.Fatalf("%d of %d bytes: %v", i, n, err)
			}
		}
		var sent []proxy.TLV // those that can be sent
		for _, v := range h.TLVs {
			if v.Type != proxy.TypeCRC32C {
				sent = append(sent, v)
			}
		}
		h.TLVs = sent
		again, err := proxy.AppendHeader(nil, &h)
		if err != nil {
			t.Fatalf("%+v: %v", h, err)
		}
		var h2 proxy.Header
		if k, err := proxy.ParseHeader(again, &h2, 0); err != nil || k != len(again) || !reflect.DeepEqual(h, h2) {
			t.Fatalf("%d, %v\n got %+v\nwant %+v", k, err, h2, h)
		}
	})
}
