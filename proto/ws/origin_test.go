package ws_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// withOrigins returns a request to host. origins are its Origin headers, separated by "|". "-" is
// none.
func withOrigins(host, origins string) string {
	more := ""
	if origins != "-" {
		for o := range strings.SplitSeq(origins, "|") {
			more += "\r\nOrigin: " + o
		}
	}
	return strings.Replace(requestWith("X: y"+more), "Host: h", "Host: "+host, 1)
}

// wantOrigin checks whether a server with the options of env accepts a request.
func (env *testEnv) wantOrigin(accepted bool, host, origins string) {
	env.Helper()
	head, body, err := env.asked(withOrigins(host, origins), "")
	var e *ws.HandshakeError
	refused := errors.As(err, &e)
	switch want := map[bool]string{true: "HTTP/1.1 101 ", false: "HTTP/1.1 403 "}[accepted]; {
	case refused == accepted, err != nil && !refused, refused && (e.Status != 403 || e.Header != "Origin"):
		env.Errorf("host %q, origins %q: Upgrade: %v, want accepted %v", host, origins, err, accepted)
	case !strings.HasPrefix(head, want):
		env.Errorf("host %q, origins %q: response %q, want %q", host, origins, head, want)
	case refused && body != e.Reason+"\n":
		env.Errorf("host %q, origins %q: body %q, want the reason %q", host, origins, body, e.Reason)
	}
}

// By default a server accepts pages of the same scheme, host and port, and requests that come
// from no page [RFC 6455 10.2]. SameOrigin decides the same.
func TestSameOrigin(t *testing.T) {
	for _, tt := range []struct {
		host, origins string
		same          bool
	}{
		{"h", "-", true},
		{"h", "http://h", true},
		{"H", "http://h", true},
		{"h", "HTTP://H", true},
		{"h:80", "http://h", true},
		{"h", "http://h:80", true},
		{"h:8080", "http://h:8080", true},
		{"127.0.0.1:8080", "http://127.0.0.1:8080", true},
		{"[::1]:8080", "http://[::1]:8080", true},
		{"[::1]", "http://[::1]:80", true},
		{"xn--bcher-kva.example", "http://xn--bcher-kva.example", true},
		{"h.", "http://h.", true},
		{"a_b", "http://a_b", true},
		{"h", "https://h", false}, // the connection has no TLS
		{"h:443", "https://h", false},
		{"h:443", "http://h", false},
		{"h", "http://h:443", false},
		{"h", "http://h:81", false},
		{"h:81", "http://h", false},
		{"h:80", "https://h", false},
		{"h:080", "http://h", false},
		{"h", "http://h:080", false},
		{"h:", "http://h", false},
		{"h", "http://h:", false},
		{"h", "http://h:0", false},
		{"h", "http://h:65616", false},
		{"h", "http://h.", false},
		{"h.", "http://h", false},
		{"h", "http://other", false},
		{"h", "http://h.evil", false},
		{"h", "http://evil-h", false},
		{"h", "http://sub.h", false},
		{"h", "http://evil/h", false},
		{"h", "http://evil?h", false},
		{"h", "http://evil#h", false},
		{"h", "http://user@h", false},
		{"h", "http://user:pw@h", false},
		{"h", "http://h@evil", false},
		{"h", "http://h:80@evil", false},
		{"h", "http://h/", false},
		{"h", "http://h\\", false},
		{"h", "http://h h", false},
		{"h", "http://h http://h", false},
		{"h", "http://h,http://h", false},
		{"h", "http://h\thttp://h", false},
		{"h", "http:h", false},
		{"h", "http:/h", false},
		{"h", "//h", false},
		{"h", "://h", false},
		{"h", "null", false},
		{"null", "null", false},
		{"h", "", false},
		{"", "", false},
		{"", "http://", false},
		{".", "http://.", false},
		{"h", "h", false},
		{"h", "*", false},
		{"h", "file://", false},
		{"h", "ftp://h", false},
		{"h", "ws://h", false},
		{"k", "http://\u212a", false}, // the Kelvin sign, whose lower case is k
		{"h", "http://h\xc3\xa9", false},
		{"[::1]", "http://::1", false},
		{"[::1]", "http://[::1", false},
		{"[::1]", "http://[::1%25lo]", false},
		{"[::1]", "http://[::2]", false},
		{"h", "http://h|http://h", false},
		{"h", "http://h|", false},
	} {
		t.Run(tt.host+" "+tt.origins, func(t *testing.T) {
			env := newEnv(t)
			env.wantOrigin(tt.same, tt.host, tt.origins)
			env.opts = &ws.Options{CheckOrigin: ws.SameOrigin}
			env.wantOrigin(tt.same, tt.host, tt.origins)
			env.opts = &ws.Options{Origins: []string{"http://unused.example"}}
			env.wantOrigin(tt.same, tt.host, tt.origins)
		})
	}
}

// Without a scheme, in a message of the parser, SameOrigin accepts http and https.
func TestSameOriginWithoutScheme(t *testing.T) {
	for _, tt := range []struct {
		host, origin, scheme string
		same                 bool
	}{
		{"h", "http://h", "", true},
		{"h", "https://h", "", true},
		{"h:443", "https://h", "", true},
		{"h:80", "https://h", "", false},
		{"h", "ftp://h", "", false},
		{"h", "https://h", "https", true},
		{"h:443", "https://h", "https", true},
		{"h", "http://h", "https", false},
	} {
		var hm http.Message
		if _, err := http.ParseHead([]byte(withOrigins(tt.host, tt.origin)), &hm, http.Limits{}); err != nil || hm.Scheme != "" {
			t.Fatalf("scheme %q, %v", hm.Scheme, err)
		}
		hm.Scheme = tt.scheme
		if got := ws.SameOrigin(&hm); got != tt.same {
			t.Errorf("host %q, origin %q, scheme %q: %v, want %v", tt.host, tt.origin, tt.scheme, got, tt.same)
		}
	}
}

// With TLS a page of the same origin is an https page.
func TestSameOriginOverTLS(t *testing.T) {
	for _, check := range []func(*http.Message) bool{nil, ws.SameOrigin} {
		for scheme, accepted := range map[string]bool{"https": true, "http": false} {
			m, authority := looptest.NewStillManager(t), looptest.NewAuthority(t)
			l, err := ws.Listen(m, "wss://127.0.0.1:0", nil, nil, &ws.Options{CheckOrigin: check})
			must(t, err)
			l.StartTLS(authority.Server(t))
			client := &recorder{}
			addr := l.LocalAddr().String()
			c, err := ws.Connect(m, "wss://"+addr, client.handle, nil, "Origin: "+scheme+"://"+addr+"\r\n")
			must(t, err)
			c.StartTLS(authority.Client())
			await(t, m, "the response", func() bool { return client.Noted("OPEN")() || client.LastErr() != nil })
			if (client.LastErr() == nil) != accepted {
				t.Errorf("page with the scheme %s: %v", scheme, client.LastErr())
			}
			if !accepted {
				looptest.WantErr(t, client.LastErr(), nil, "403")
			}
		}
	}
}

// Options.Origins accepts pages of other servers too.
func TestOrigins(t *testing.T) {
	for _, tt := range []struct {
		pattern, origin string
		accepted        bool
	}{
		{"https://example.com", "https://example.com", true},
		{"https://example.com", "https://example.com:443", true},
		{"https://example.com:443", "https://example.com", true},
		{"HTTPS://Example.COM", "https://example.com", true},
		{"https://example.com", "HTTPS://EXAMPLE.com", true},
		{"https://example.com:444", "https://example.com:444", true},
		{"https://example.com", "http://example.com", false},
		{"https://example.com", "http://example.com:443", false},
		{"https://example.com", "https://example.com:444", false},
		{"https://example.com:444", "https://example.com", false},
		{"https://example.com", "https://example.com.", false},
		{"https://example.com.", "https://example.com.", true},
		{"https://example.com", "https://example.com.evil.org", false},
		{"https://example.com", "https://example.com@evil.org", false},
		{"https://example.com", "https://evil.org/example.com", false},
		{"https://example.com", "https://a.example.com", false},
		{"https://example.com", "https://evilexample.com", false},
		{"https://example.com", "null", false},
		{"https://example.com", "", false},
		{"https://example.com", "https://example.com|https://example.com", false},

		{"https://*.example.com", "https://a.example.com", true},
		{"https://*.example.com", "https://A.B.EXAMPLE.com:443", true},
		{"https://*.Example.com", "https://a.example.com", true},
		{"https://*.example.com", "https://example.com", false},
		{"https://*.example.com", "https://.example.com", false},
		{"https://*.example.com", "https://a..example.com", false},
		{"https://*.example.com", "https://evilexample.com", false},
		{"https://*.example.com", "https://a.example.com.evil.org", false},
		{"https://*.example.com", "https://a.example.com.", false},
		{"https://*.example.com", "http://a.example.com", false},
		{"https://*.example.com", "https://a.example.com:444", false},
		{"https://*.example.com", "https://evil.org/.example.com", false},
		{"https://*.example.com", "https://evil.org?.example.com", false},
		{"https://*.example.com", "https://evil.org#.example.com", false},
		{"https://*.example.com", "https://evil.org\\.example.com", false},
		{"https://*.example.com", "https://u:p@a.example.com", false},
		{"https://*.example.com", "https://*.example.com", false},
		{"https://*.example.com", "https://a\t.example.com", false},

		{"http://localhost:*", "http://localhost", true},
		{"http://localhost:*", "http://localhost:5173", true},
		{"http://localhost:*", "https://localhost:5173", false},
		{"http://localhost:*", "http://localhost:", false},
		{"http://localhost:*", "http://localhost:*", false},
		{"http://localhost:*", "http://localhost:99999", false},
		{"http://*.example.com:*", "http://a.example.com:1", true},
		{"http://*.example.com:*", "http://example.com:1", false},

		{"http://127.0.0.1:8080", "http://127.0.0.1:8080", true},
		{"http://[::1]:*", "http://[::1]:8080", true},
		{"http://[0:0::1]", "http://[::1]", true},
		{"http://[::ffff:1.2.3.4]", "http://[::ffff:102:304]", true},
		{"http://[::ffff:1.2.3.4]", "http://1.2.3.4", false},
		{"http://[::1]", "http://[::2]", false},

		{"https://xn--bcher-kva.example", "https://xn--bcher-kva.example", true},
		{"https://bcher.example", "https://b\u00fccher.example", false},
		{"https://k.example", "https://\u212a.example", false},

		{"null", "null", true},
		{"null", "NULL", false},
		{"null", "", false},
		{"null", "https://null", false},
		{"null", "null|null", false},

		{"chrome-extension://abcdef", "chrome-extension://abcdef", true},
		{"chrome-extension://abcdef", "chrome-extension://other", false},
		{"chrome-extension://abcdef", "https://abcdef", false},
		{"capacitor://localhost", "capacitor://localhost", true},

		{"*", "https://example.com", true},
		{"*", "null", true},
		{"*", "", true},
		{"*", "any\ttext", true},
		{"*", "https://a|https://b", true},
	} {
		t.Run(tt.pattern+" "+tt.origin, func(t *testing.T) {
			env := newEnv(t)
			env.opts = &ws.Options{Origins: []string{"https://first.example", tt.pattern, "https://last.example"}}
			env.wantOrigin(tt.accepted, "h", tt.origin)
			env.wantOrigin(true, "h", "-")
			env.wantOrigin(true, "h", "http://h")
		})
	}
}

// A control character in Origin is refused by the HTTP parser, also if all pages are accepted.
func TestOriginWithControlCharacters(t *testing.T) {
	for _, bad := range []string{"http://h\x00", "http://h\x7f", "http://h\r", "http://h\nOrigin: x"} {
		env := newEnv(t)
		env.opts = &ws.Options{Origins: []string{"*"}}
		tc := env.accept(nil)
		tc.peer.WriteIfOpen(withOrigins("h", bad))
		if head := tc.readHead(); !strings.HasPrefix(head, "HTTP/1.1 400 ") {
			t.Errorf("origin %q: response %q, want 400", bad, head)
		}
		tc.closeBoth()
	}
}

// A pattern that is not valid is an error of Listen, of Connect and of Upgrade, which then does
// not respond.
func TestBadOrigins(t *testing.T) {
	for _, bad := range []string{"", "example.com", "*.example.com", "//example.com", "://example.com", "https://", "https://.",
		"https://*", "https://*.", "https://**.example.com", "https://*.*.example.com", "https://a.*.example.com", "https://*example.com",
		"https://example.*", "https://example.com/", "https://example.com/path", "https://example.com?q", "https://example.com#f",
		"https://user@example.com", "https://exam ple.com", "https://example..com", "https://example.com:", "https://example.com:0",
		"https://example.com:080", "https://example.com:65536", "https://example.com:http", "https://example.com:+1", "https://example.com:1:*",
		"https://example.com:*:*", "https://example.com:8*", "*://example.com", "1http://example.com", "ht tp://example.com",
		"https://::1", "https://[::1", "https://[::1%lo]", "https://[1.2.3.4]", "https://[]", "https://*.1.2.3.4", "https://1.2.3", "https://*.1",
		"https://b\u00fccher.example", "https://example.com,https://example.org", "Null", " null", "null ", "**", "https://example.com\n"} {
		t.Run(bad, func(t *testing.T) {
			env := newEnv(t)
			o := &ws.Options{Origins: []string{"https://good.example", bad}}
			_, err := ws.Listen(env.manager, "ws://127.0.0.1:0", nil, nil, o)
			looptest.WantErr(t, err, nil, "Options.Origins", fmt.Sprintf("%q", bad), `"https://*.example.com"`)
			_, err = ws.Connect(env.manager, "ws://127.0.0.1:1", nil, nil, "", o)
			looptest.WantErr(t, err, nil, "Options.Origins")
			answered := false
			tc := env.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
				if ev == reactor.EvHTTPMsg {
					err = ws.Upgrade(c, data.(*http.Message), "", o)
					answered = http.CheckReply(c) != nil
				}
			})
			tc.peerSends(request)
			looptest.WantErr(t, err, nil, "Options.Origins")
			if answered {
				t.Error("Upgrade has responded")
			}
			tc.closeBoth()
		})
	}
}

// The error for a pattern says what is wrong with it.
func TestBadOriginsErrors(t *testing.T) {
	for bad, words := range map[string]string{
		"example.com":               "want scheme://host",
		"https://example.com/path":  "without a path",
		"https://u@example.com":     "want scheme://host",
		"https://b\u00fccher.test":  "xn--",
		"https://example.com:99999": `port "99999"`,
		"https://*":                 `"*" is not a host`,
		"https://*.1.2.3.4":         "before a name",
		"https://1.2.3":             "IPv4",
		"https://[::x]":             "IPv6",
	} {
		_, err := ws.Listen(newEnv(t).manager, "ws://127.0.0.1:0", nil, nil, &ws.Options{Origins: []string{bad}})
		looptest.WantErr(t, err, nil, words)
	}
}

// CheckOrigin decides alone. The error of a refusal says what a server can do.
func TestCheckOriginOverridesOrigins(t *testing.T) {
	env := newEnv(t)
	var saw []string
	env.opts = &ws.Options{Origins: []string{"http://good.example"}, CheckOrigin: func(hm *http.Message) bool {
		saw = append(saw, string(hm.Header("Origin")))
		return string(hm.Header("Origin")) == "http://other.example"
	}}
	env.wantOrigin(true, "h", "http://other.example")
	env.wantOrigin(false, "h", "http://good.example")
	env.wantOrigin(false, "h", "http://h")
	env.wantOrigin(false, "h", "-")
	if fmt.Sprint(saw) != "[http://other.example http://good.example http://h ]" {
		t.Errorf("CheckOrigin got %q", saw)
	}
	env.opts = nil
	_, body, err := env.asked(withOrigins("h:8080", "https://h:8080"), "")
	for _, words := range []string{`origin "https://h:8080"`, "http://h:8080", "ws.Options.Origins"} {
		if err == nil || !strings.Contains(err.Error(), words) || !strings.Contains(body, words) {
			t.Errorf("Upgrade: %v, body %q, want %q in both", err, body, words)
		}
	}
	_, body, _ = env.asked(withOrigins("h", "http://h|http://h"), "")
	if !strings.Contains(body, "more than one Origin") {
		t.Errorf("two headers: body %q", body)
	}
}

// Listen checks Origin too.
func TestListenChecksOrigin(t *testing.T) {
	for origins, status := range map[string]string{"http://h": "101", "http://other.example": "101", "http://evil.example": "403", "-": "101"} {
		tc := dialListener(t, &ws.Options{Origins: []string{"http://other.example"}}, nil)
		tc.peer.WriteIfOpen(withOrigins("h", origins))
		if head := tc.readHead(); !strings.HasPrefix(head, "HTTP/1.1 "+status+" ") {
			t.Errorf("origin %q: response %q, want %s", origins, head, status)
		}
		tc.closeBoth()
	}
}
