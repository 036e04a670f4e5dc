//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/panjf2000/gnet/v2"
	"github.com/valyala/fasthttp"

	"github.com/rikki-go/rikki/reactor"

	mghttp "github.com/rikki-go/rikki/proto/http"
)

// httpServers answer each request with httpBody.
var httpServers = []*subject{
	{name: "rikki", kind: "http", path: rikkiPath, serve: serveRikkiHTTP,
		about: "http.Reply in the handler"},
	{name: "gnet", kind: "http", path: gnetPath, serve: serveGnetHTTP,
		about: "not an HTTP server: it looks for the end of the request and writes a constant answer"},
	{name: "fasthttp", kind: "http", path: "github.com/valyala/fasthttp", serve: serveFastHTTP,
		about: "without the header fields Server and Content-Type"},
	{name: "net/http", kind: "http", version: "of Go", serve: serveNetHTTP,
		about: "http.Serve, without the header field Content-Type"},
}

func serveRikkiHTTP(_ *serving, listening func(addr string)) error {
	return serveHTTP(listening, func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvHTTPMsg {
			mghttp.Reply(c, http.StatusOK, "", httpBody)
		}
	})
}

func serveFastHTTP(_ *serving, listening func(addr string)) error {
	l, err := listenTCP(listening)
	if err != nil {
		return err
	}
	s := &fasthttp.Server{
		Handler:               func(ctx *fasthttp.RequestCtx) { ctx.WriteString(httpBody) },
		NoDefaultServerHeader: true, NoDefaultContentType: true,
	}
	return s.Serve(l)
}

func serveNetHTTP(_ *serving, listening func(addr string)) error {
	l, err := listenTCP(listening)
	if err != nil {
		return err
	}
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Type"] = nil // otherwise it guesses from the body
		io.WriteString(w, httpBody)
	}))
}

// gnetHTTP answers requests that have no body.
type gnetHTTP struct {
	gnetBoot
	second int64 // Unix time of the date in answer
	answer []byte
	out    []byte
}

func serveGnetHTTP(o *serving, listening func(addr string)) error {
	g := &gnetHTTP{gnetBoot: gnetBoot{listening: listening}}
	return g.run(g, o.loops)
}

var headEnd = []byte("\r\n\r\n")

// date makes the answer again when the second has changed.
func (g *gnetHTTP) date() {
	if now := time.Now(); now.Unix() != g.second {
		g.second = now.Unix()
		g.answer = fmt.Appendf(g.answer[:0], "HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Length: %d\r\n\r\n%s",
			now.UTC().Format(http.TimeFormat), len(httpBody), httpBody)
	}
}

func (g *gnetHTTP) OnTraffic(c gnet.Conn) gnet.Action {
	in, err := c.Peek(-1)
	if err != nil {
		return gnet.Close
	}
	g.date()
	g.out = g.out[:0]
	taken := 0
	for {
		i := bytes.Index(in[taken:], headEnd)
		if i < 0 {
			break
		}
		if !bytes.HasPrefix(in[taken:], []byte("GET ")) {
			return gnet.Close
		}
		taken += i + len(headEnd)
		g.out = append(g.out, g.answer...)
	}
	if taken == 0 {
		return gnet.None
	}
	c.Discard(taken)
	if _, err := c.Write(g.out); err != nil {
		return gnet.Close
	}
	return gnet.None
}
