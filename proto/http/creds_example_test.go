package http_test

import (
	"crypto/subtle"
	"fmt"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// A handler that lets in one user.
func ExampleMessage_Creds() {
	handler := func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev != reactor.EvHTTPMsg {
			return
		}
		user, password := data.(*http.Message).Creds()
		if user != "admin" || subtle.ConstantTimeCompare([]byte(password), []byte("secret")) != 1 {
			http.Reply(c, 401, "WWW-Authenticate: Basic realm=\"api\"\r\n", "")
			return
		}
		http.Reply(c, 200, "", "Hello, %s\n", user)
	}
	_ = handler // for http.Listen

	line, err := http.BasicAuth("admin", "secret") // what a client sends
	fmt.Printf("%q %v\n", line, err)
	var hm http.Message
	if _, err := http.ParseHead([]byte("GET / HTTP/1.1\r\nHost: h\r\n"+line+"\r\n"), &hm, http.Limits{}); err != nil {
		fmt.Println(err)
	}
	fmt.Println(hm.Creds())
	// Output:
	// "Authorization: Basic YWRtaW46c2VjcmV0\r\n" <nil>
	// admin secret
}
