package main

import (
	"slices"
	"strings"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// oneHop are the header lines that concern one connection [RFC 9110 7.6.1], or that the calls of
// package http write: those for the framing of the body.
var oneHop = []string{
	"connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization",
	"te", "trailer", "transfer-encoding", "upgrade", "content-length",
}

// own are the lines of a request that the proxy writes. Expect is not forwarded: the
// proxy itself answers it with 100 when the backend takes the body.
var own = []string{"host", "expect", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"}

// appendForwarded appends the header lines of hm that are forwarded.
func appendForwarded(b []byte, hm *http.Message, without ...string) []byte {
	for _, h := range hm.Headers {
		name := strings.ToLower(string(h.Name))
		if slices.Contains(oneHop, name) || slices.Contains(without, name) || hm.HasToken("Connection", name) {
			continue
		}
		b = appendLine(b, string(h.Name), h.Value)
	}
	return b
}

func appendLine[T string | []byte](b []byte, name string, value T) []byte {
	b = append(append(b, name...), ": "...)
	return append(append(b, value...), "\r\n"...)
}

// requestHeaders returns the header lines of a request for the backend, without Host.
func requestHeaders(c *reactor.Conn, hm *http.Message, upgrade bool) string {
	b := appendForwarded(nil, hm, own...)
	client := ""
	if a := c.RemoteAddr(); a.IsValid() {
		client = a.Addr().Unmap().WithZone("").String()
	}
	if before := hm.Header("X-Forwarded-For"); len(before) > 0 && client != "" {
		client = string(before) + ", " + client
	}
	if client != "" {
		b = appendLine(b, "X-Forwarded-For", client)
	}
	b = appendLine(b, "X-Forwarded-Host", hm.Host())
	b = appendLine(b, "X-Forwarded-Proto", hm.Scheme)
	if upgrade {
		b = append(b, "Connection: Upgrade\r\nUpgrade: websocket\r\n"...)
	}
	return string(b)
}

// responseHeaders returns the header lines of a response for the client.
func responseHeaders(hm *http.Message, upgrade bool) string {
	b := appendForwarded(nil, hm)
	if upgrade {
		b = append(b, "Connection: Upgrade\r\nUpgrade: websocket\r\n"...)
	}
	return string(b)
}

// asksForWebSocket reports whether a request asks for a WebSocket [RFC 6455 4.1].
func asksForWebSocket(hm *http.Message) bool {
	return string(hm.Method) == "GET" && hm.BodySize() == 0 &&
		hm.HasToken("Connection", "upgrade") && hm.HasToken("Upgrade", "websocket")
}

// url returns the URL of a request at the backend.
func (p *proxy) url(hm *http.Message) string {
	url := p.target + string(hm.URI)
	if hm.Query != nil {
		url += "?" + string(hm.Query)
	}
	return url
}
