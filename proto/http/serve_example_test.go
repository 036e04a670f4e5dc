package http_test

import (
	"fmt"
	"io"
	nethttp "net/http"
	"testing/fstest"
	"time"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// A server for the files in a directory. Instead of web, most programs have the result of
// http.Dir("web_root") or an embed.FS.
func ExampleServeDir() {
	web := fstest.MapFS{
		"index.html":  {Data: []byte("<h1>Hello</h1>")},
		"css/app.css": {Data: []byte("h1 { color: navy }")},
	}
	opts := &http.ServeOptions{FS: web, Headers: "Cache-Control: max-age=60\r\n"}
	m, err := reactor.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	ln, err := http.Listen(m, "http://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvHTTPMsg {
			http.ServeDir(c, data.(*http.Message), opts)
		}
	}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}

	done := make(chan bool)
	go func() { // a client
		defer close(done)
		for _, path := range []string{"/", "/css/app.css", "/../secret"} {
			res, err := nethttp.Get("http://" + ln.LocalAddr().String() + path)
			if err != nil {
				fmt.Println(err)
				return
			}
			body, _ := io.ReadAll(res.Body)
			res.Body.Close()
			fmt.Printf("%s %d %s %q\n", path, res.StatusCode, res.Header.Get("Content-Type"), body)
		}
	}()
	for running := true; running; {
		m.Poll(10 * time.Millisecond)
		select {
		case <-done:
			running = false
		default:
		}
	}
	// Output:
	// / 200 text/html; charset=utf-8 "<h1>Hello</h1>"
	// /css/app.css 200 text/css; charset=utf-8 "h1 { color: navy }"
	// /../secret 404 text/plain; charset=utf-8 "404 Not Found\n"
}
