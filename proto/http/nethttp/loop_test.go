package nethttp_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	stdhttp "net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/http/nethttp"
	"github.com/rikki-go/rikki/reactor"
)

// When the client has gone, the context of the request is cancelled, and Read and Write fail.
func TestClientGone(t *testing.T) {
	for _, test := range []struct {
		name    string
		request string
		end     func(c *net.TCPConn)
		read    error
	}{
		{"end", "GET / HTTP/1.1\n\n", func(c *net.TCPConn) { c.Close() }, io.EOF},
		{"reset", "GET / HTTP/1.1\n\n", func(c *net.TCPConn) { c.SetLinger(0); c.Close() }, io.EOF},
		{"end in the body", "POST / HTTP/1.1\nContent-Length: 5\n\nab", func(c *net.TCPConn) { c.Close() }, io.ErrUnexpectedEOF},
		{"end in a chunk", "POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n5\nab", func(c *net.TCPConn) { c.Close() }, io.ErrUnexpectedEOF},
		{"reset in the body", "POST / HTTP/1.1\nContent-Length: 5\n\nab", func(c *net.TCPConn) { c.SetLinger(0); c.Close() }, syscall.ECONNRESET},
	} {
		t.Run(test.name, func(t *testing.T) {
			entered, ended := make(chan bool), make(chan error, 2)
			s := serve(t, stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
				entered <- true
				<-r.Context().Done()
				if cause := r.Context().Err(); cause != context.Canceled {
					t.Errorf("the context has %v", cause)
				}
				_, err := io.ReadAll(r.Body)
				if err == nil {
					err = io.EOF
				}
				ended <- err
				for err = nil; err == nil; {
					_, err = w.Write(make([]byte, 10000))
				}
				ended <- err
			}), nil)
			c := dial(t, s.addr)
			_, err := io.WriteString(c, crlf(strings.Replace(test.request, "1.1\n", "1.1\nHost: x\n", 1)))
			must(t, err)
			<-entered
			test.end(c.(*net.TCPConn))
			if err := <-ended; !errors.Is(err, test.read) {
				t.Errorf("Read returned %v, want %v", err, test.read)
			}
			if err := <-ended; err == nil {
				t.Error("Write works")
			}
			if text := s.log.String(); text != "" {
				t.Errorf("logged %q", text)
			}
		})
	}
}

// A Write that waits returns when the client has gone, also if more of the request's body waits
// than the handler reads, so that the connection is paused. The size of the buffer does not matter.
func TestClientGoneWhileWriteWaits(t *testing.T) {
	for _, size := range []int{1, 2, nethttp.DefaultBuffer} {
		testClientGoneWhileWriteWaits(t, size)
	}
}

func testClientGoneWhileWriteWaits(t *testing.T, size int) {
	ended := make(chan error, 1)
	path := filepath.Join(t.TempDir(), "socket") // with tcp the kernel buffers millions of small writes
	s := serveUnix(t, path, stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		must(t, stdhttp.NewResponseController(w).EnableFullDuplex())
		var err error
		for err == nil {
			_, err = w.Write(make([]byte, 1<<20))
		}
		ended <- err
	}), &nethttp.Options{Buffer: size})
	c, err := net.Dial("unix", path)
	must(t, err)
	defer c.Close()
	_, err = io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n")
	must(t, err)
	go func() {
		for err := error(nil); err == nil; {
			_, err = c.Write(make([]byte, 100<<10))
		}
	}()
	for full := 0; full < 50; { // Send and the socket are full, and Write waits
		s.do(func() {
			if full++; s.m.Stats().Queued < size || s.m.Stats().Paused == 0 {
				full = 0
			}
		})
	}
	c.Close() // resets the connection, because the answer is not read
	if err := <-ended; err == nil {
		t.Error("no error")
	}
}

// A client that has ended its side gets its answer.
func TestHalfClosedClient(t *testing.T) {
	s := serve(t, stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		<-r.Context().Done() // as in net/http: the client may have gone
		long(w, r)
	}), nil)
	c := dial(t, s.addr)
	_, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	must(t, err)
	must(t, c.(*net.TCPConn).CloseWrite())
	if status, body := answer(t, bufio.NewReader(c)); status != 200 || len(body) != 100*1000 {
		t.Errorf("answer %d of %d bytes", status, len(body))
	}
	if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
		t.Errorf("the end is %q, %v", rest, err)
	}
}

// Manager.Drain waits for handlers, and the connection closes after the answer. Manager.Close ends
// the waits of handlers.
func TestManagerEnds(t *testing.T) {
	for _, name := range []string{"Drain", "Close"} {
		t.Run(name, func(t *testing.T) {
			entered, leave := make(chan bool), make(chan error, 1)
			s := serve(t, stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
				entered <- true
				if name == "Close" {
					_, err := r.Body.Read(make([]byte, 1))
					leave <- err
					<-r.Context().Done()
					return
				}
				<-leave
				io.WriteString(w, "done")
			}), nil)
			c := dial(t, s.addr)
			request := "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
			if name == "Close" {
				request = "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
			}
			_, err := io.WriteString(c, request)
			must(t, err)
			<-entered
			s.cancel()
			<-s.ended
			if name == "Close" {
				must(t, s.m.Close())
				if err := <-leave; !errors.Is(err, net.ErrClosed) {
					t.Errorf("Read returned %v", err)
				}
				return
			}
			time.AfterFunc(10*time.Millisecond, func() { leave <- nil })
			left, err := s.m.Drain(20 * time.Second)
			if err != nil || len(left) > 0 {
				t.Errorf("Drain returned %v, %v", left, err)
			}
			resp, err := stdhttp.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			if body, _ := io.ReadAll(resp.Body); string(body) != "done" || !resp.Close {
				t.Errorf("answer %q, close %v", body, resp.Close)
			}
		})
	}
}

// A program answers some requests itself and gives others to a Bridge, on one connection. It gets
// all events, except those of the body of a request that the Bridge serves.
func TestServeSomeRequests(t *testing.T) {
	b := nethttp.New(stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		body, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "bridge %s %q %v", r.URL.Path, body, err)
	}), nil)
	m := looptest.NewManager(t)
	var wrong []string
	l, err := http.Listen(m, "http://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvHTTPHdrs:
			if hm := data.(*http.Message); strings.HasPrefix(string(hm.URI), "/bridge") {
				b.Serve(c, hm)
			}
		case reactor.EvHTTPBody:
			wrong = append(wrong, "a piece")
		case reactor.EvHTTPMsg:
			hm := data.(*http.Message)
			if strings.HasPrefix(string(hm.URI), "/bridge") {
				wrong = append(wrong, string(hm.URI))
			}
			http.Reply(c, 200, "", "loop %s %q <nil>", hm.URI, hm.Body)
		}
	}, nil)
	must(t, err)
	c := dial(t, l.LocalAddr().String())
	var want strings.Builder
	for i := range 5 {
		for _, who := range []string{"bridge", "loop"} {
			_, err := fmt.Fprintf(c, "POST /%s/%d HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET /%s/get HTTP/1.1\r\nHost: x\r\n\r\n", who, i, who)
			must(t, err)
			fmt.Fprintf(&want, "%s /%s/%d \"abc\" <nil>;%s /%s/get \"\" <nil>;", who, who, i, who, who)
		}
	}
	got := make(chan string)
	go func() {
		var all strings.Builder
		for r := bufio.NewReader(c); all.Len() < want.Len() && !t.Failed(); {
			_, body := answer(t, r)
			all.WriteString(body + ";")
		}
		got <- all.String()
	}()
	var text string
	looptest.Await(t, m, "the answers", func() bool {
		select {
		case text = <-got:
			return true
		default:
			return false
		}
	})
	if text != want.String() {
		t.Errorf("answers %q, want %q", text, want.String())
	}
	if len(wrong) > 0 {
		t.Errorf("the handler got %v", wrong)
	}
}

// A Bridge that is asked after EvHTTPHdrs cannot have the body. The client gets an answer, the log
// says why, and the handler is not called.
func TestServeTooLate(t *testing.T) {
	text := new(logBuffer)
	b := nethttp.New(stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		io.WriteString(w, r.Method)
	}), &nethttp.Options{ErrorLog: log.New(text, "", 0)})
	s := start(t, nil, nil, func(s *server) (*reactor.Conn, error) {
		return http.Listen(s.m, "http://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev == reactor.EvHTTPMsg {
				b.Serve(c, data.(*http.Message))
			}
		}, nil)
	})
	const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, request := range []string{
		"Content-Length: 1\r\n\r\na",
		"Content-Length: 1\r\nExpect: 100-continue\r\n\r\na",
		"Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n0\r\n\r\n",
	} {
		c := dial(t, s.addr)
		_, err := io.WriteString(c, "PUT / HTTP/1.1\r\nHost: x\r\n"+request+get)
		must(t, err)
		r := bufio.NewReader(c)
		if status, body := answer(t, r); status != stdhttp.StatusInternalServerError || body != "" {
			t.Errorf("%q: answer %d %q", request, status, body)
		}
		if !strings.Contains(text.String(), "EvHTTPHdrs") {
			t.Errorf("%q: logged %q", request, text)
		}
		if status, body := answer(t, r); status != stdhttp.StatusOK || body != "GET" { // nothing is missing
			t.Errorf("%q: answer %d %q", request, status, body)
		}
	}
	must(t, b.Wait(context.Background()))
}
