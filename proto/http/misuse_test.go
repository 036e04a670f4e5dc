package http_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
)

// A call that is given nil where it needs a value panics with its name, whatever
// else it is given.
func TestNilArguments(t *testing.T) {
	for call, f := range map[string]func(){
		"http: ParseHead into a nil Message":        func() { http.ParseHead(nil, nil, http.Limits{}) },
		"http: Parser.ParseHead into a nil Message": func() { new(http.Parser).ParseHead([]byte(get), nil) },
		"http: Parser.Parse into a nil Message":     func() { new(http.Parser).Parse([]byte(get), nil) },
		"http: Parser.ParseEnd into a nil Message":  func() { new(http.Parser).ParseEnd(nil, nil) },
		"http: EachHeader with a nil function":      func() { http.EachHeader("", nil) },
	} {
		t.Run(strings.Fields(call)[1], func(t *testing.T) {
			defer func() {
				if got := fmt.Sprint(recover()); got != call {
					t.Errorf("panic %q, want %q", got, call)
				}
			}()
			f()
		})
	}
}
