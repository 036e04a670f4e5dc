package ws_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// offer is a row in which a client offers compression to a server.
type offer struct {
	name     string
	offers   string   // value of Sec-WebSocket-Extensions; each line is a header
	declined bool     // the server must not agree
	either   bool     // the server may agree or not
	agrees   []string // parameters that the response must have
	deflate  ws.Deflate
	asks     bool // check gets an offer, not a response
}

func (o offer) title() string { return o.name }
func (o offer) sides() []role { return []role{asServer} }

func (o offer) run(t *testing.T, env *testEnv, r role) {
	opts := &ws.Options{Deflate: &o.deflate}
	tc := env.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvHTTPMsg {
			must(t, ws.Upgrade(c, data.(*http.Message), "", opts))
		}
	})
	in := request
	for line := range strings.Lines(o.offers) {
		in = strings.TrimSuffix(in, "\r\n") + "Sec-WebSocket-Extensions: " + strings.TrimSpace(line) + "\r\n\r\n"
	}
	tc.peerSends(in)
	head := tc.readHead()
	tc.events.WantLines(t, "HTTP GET", "OPEN")
	if !strings.Contains(head, "Sec-WebSocket-Extensions") {
		if !o.declined && !o.either {
			t.Errorf("the server declines the offer: %q", head)
		}
	} else if answer := headerField(t, head, "Sec-WebSocket-Extensions"); o.declined {
		t.Errorf("the server agrees: %s", answer)
	} else {
		o.check(t, answer)
	}
	tc.peerSends(tc.frame(fin|text, "works"))
	tc.events.WantLines(t, `MSG text "works"`)
	tc.closeBoth()
}

// check compares the response with the offer [RFC 7692 7.1].
func (o offer) check(t *testing.T, answer string) {
	t.Helper()
	items := strings.Split(answer, ";")
	seen := map[string]string{}
	for i, item := range items {
		name, value, _ := strings.Cut(strings.TrimSpace(item), "=")
		if i == 0 {
			if name != pmd {
				t.Errorf("response %q is not %s", answer, pmd)
			}
			continue
		}
		if _, twice := seen[name]; twice {
			t.Errorf("%s appears twice in %q", name, answer)
		}
		seen[name] = value
		switch name {
		case "server_no_context_takeover", "client_no_context_takeover":
			if value != "" {
				t.Errorf("%s has a value in %q", name, answer)
			}
		case "client_max_window_bits", "server_max_window_bits":
			if o.asks && name == "client_max_window_bits" && value == "" { // the client accepts any window
				continue
			}
			if n, err := strconv.Atoi(value); err != nil || n < 8 || n > 15 || strconv.Itoa(n) != value {
				t.Errorf("%s is %q in %q, want 8 to 15", name, value, answer)
			}
			if name == "client_max_window_bits" && !strings.Contains(o.offers, name) {
				t.Errorf("%s was not offered, but is in the response %q", name, answer)
			}
		default:
			t.Errorf("%q has the unknown parameter %s", answer, name)
		}
	}
	for _, want := range o.agrees {
		name, limit, _ := strings.Cut(want, "=")
		value, ok := seen[name]
		n, _ := strconv.Atoi(value)
		if most, _ := strconv.Atoi(limit); !ok || limit != "" && n > most {
			t.Errorf("response %q has no %s", answer, want)
		}
	}
}

// deflateOfferRules are about the handshake of permessage-deflate.
func deflateOfferRules() []rule {
	agreed := func(name, offers string, agrees ...string) offer {
		return offer{name: name, offers: offers, agrees: agrees}
	}
	maybe := func(name, offers string, agrees ...string) offer {
		return offer{name: name, offers: offers, agrees: agrees, either: true}
	}
	declined := func(name, offers string) offer { return offer{name: name, offers: offers, declined: true} }
	var bad, badAnswers []tester
	for _, p := range []string{"foo", "foo=1", "server_no_context_takeover=1", "client_no_context_takeover=true", "server_max_window_bits", "server_max_window_bits=7",
		"server_max_window_bits=16", "server_max_window_bits=08", "server_max_window_bits=0", "server_max_window_bits=x", "server_max_window_bits=-9",
		"server_no_context_takeover; server_no_context_takeover", "client_no_context_takeover; client_no_context_takeover",
		"server_max_window_bits=10; server_max_window_bits=10", "client_max_window_bits=7; client_no_context_takeover", "client_max_window_bits=16", "client_max_window_bits=010"} {
		bad = append(bad, declined("offer with "+p, pmd+"; "+p))
		badAnswers = append(badAnswers, answered("response with "+p, pmd+"; "+p, 101))
	}
	bad = append(bad, declined("offer with client_max_window_bits twice", pmd+"; client_max_window_bits; client_max_window_bits=10"))
	return []rule{
		{"7692 7.1", "A server agrees to a valid offer. Its response has the parameters that the offer demands.", []tester{
			agreed("offer without parameters", pmd),
			agreed("offer with server_no_context_takeover", pmd+"; server_no_context_takeover", "server_no_context_takeover"),
			agreed("offer with client_no_context_takeover", pmd+"; client_no_context_takeover"),
			agreed("offer with client_max_window_bits", pmd+"; client_max_window_bits"),
			agreed("offer with client_max_window_bits=10", pmd+"; client_max_window_bits=10"),
			maybe("offer with server_max_window_bits=15", pmd+"; server_max_window_bits=15"),
			maybe("offer with server_max_window_bits=10", pmd+"; server_max_window_bits=10", "server_max_window_bits=10"),
			maybe("offer with server_max_window_bits=8", pmd+"; server_max_window_bits=8", "server_max_window_bits=8"),
			maybe("offer with a quoted value", pmd+`; server_max_window_bits="10"`, "server_max_window_bits=10"),
			agreed("offer without context takeover on both sides", pmd+"; server_no_context_takeover; client_no_context_takeover", "server_no_context_takeover"),
			agreed("offer with blanks", pmd+" ;\tserver_no_context_takeover ", "server_no_context_takeover"),
			offer{name: "server with the option NoContextTakeover", offers: pmd, agrees: []string{"server_no_context_takeover"}, deflate: ws.Deflate{NoContextTakeover: true}},
			offer{name: "server with the option PeerNoContextTakeover", offers: pmd, agrees: []string{"client_no_context_takeover"}, deflate: ws.Deflate{PeerNoContextTakeover: true}},
			offer{name: "server with the option PeerWindowBits", offers: pmd + "; client_max_window_bits", agrees: []string{"client_max_window_bits=10"}, deflate: ws.Deflate{PeerWindowBits: 10}},
		}},
		{"7692 7.1", "A server declines an offer with a parameter that is unknown, appears twice or has an invalid value.", bad},
		{"7692 5.1", "A server accepts the first offer that is valid.", []tester{
			agreed("second of two offers", pmd+"; foo, "+pmd),
			agreed("second of two offers, in a header of its own", pmd+"; foo=1\n"+pmd),
			agreed("offer after another extension", "x-unknown; a=b, "+pmd),
			agreed("first of two offers", pmd+"; server_no_context_takeover, "+pmd, "server_no_context_takeover"),
			declined("other extensions only", "x-webkit-deflate-frame, x-unknown"),
			declined("extension whose name begins with permessage-deflate", pmd+"x"),
		}},
		{"7692 7.1", "A client fails the handshake if the response has an invalid parameter.", badAnswers},
		{"7692 5.1", "A client fails the handshake if the response is not the one extension that was offered.", []tester{
			answered("response with another extension", "x-unknown", 101),
			answered("response with compression and another extension", pmd+", x-unknown", 101),
			answered("response with compression twice", pmd+", "+pmd, 101),
			answered("response with client_max_window_bits without a value", pmd+"; client_max_window_bits", 101),
			asked(answered("response with a larger window than the offer", pmd+"; server_max_window_bits=12", 101), ws.Deflate{PeerWindowBits: 10}),
		}},
		{"7692 7.1", "A client accepts the parameters that a server may add.", []tester{
			answered("response without parameters", pmd, 0),
			answered("response with server_no_context_takeover alone", pmd+"; server_no_context_takeover", 0),
			answered("response with client_no_context_takeover alone", pmd+"; client_no_context_takeover", 0),
			answered("response with server_max_window_bits=9 alone", pmd+"; server_max_window_bits=9", 0),
			answered("response without compression", "", 0),
		}},
		{"7692 7.1", "A client's offer has each parameter at most once, with a valid value.", []tester{
			deflateAsked("offer of a client", ws.Deflate{}),
			deflateAsked("offer with the option NoContextTakeover", ws.Deflate{NoContextTakeover: true}, "client_no_context_takeover"),
			deflateAsked("offer with the option PeerNoContextTakeover", ws.Deflate{PeerNoContextTakeover: true}, "server_no_context_takeover"),
			deflateAsked("offer with the option PeerWindowBits", ws.Deflate{PeerWindowBits: 10}, "server_max_window_bits=10"),
		}},
	}
}

// answered is a response to a client that offers compression. status is that of the error,
// or 0.
func answered(name, extensions string, status int) handshakeRow {
	g := handshakeRow{name: name, role: asClient, status: status, opts: &ws.Options{Deflate: new(ws.Deflate)}}
	in := []string{status101, upgradeH, connH, acceptH}
	if extensions != "" {
		in = append(in, "Sec-WebSocket-Extensions: "+extensions)
	}
	if g.in = httpHead(in...); status != 0 {
		g.fault = "Sec-WebSocket-Extensions"
	}
	return g
}

// asked sets what the client offers.
func asked(g handshakeRow, d ws.Deflate) handshakeRow {
	g.opts = &ws.Options{Deflate: &d}
	return g
}

// deflateAsked checks the offer of a client.
func deflateAsked(name string, d ws.Deflate, has ...string) action {
	return action{name, asClient, func(t *testing.T, env *testEnv, _ role) {
		tc := env.connectWith(&ws.Options{Deflate: &d}, "", nil)
		first, _, _ := strings.Cut(headerField(t, tc.readHead(), "Sec-WebSocket-Extensions"), ",")
		offer{offers: "client_max_window_bits", agrees: has, asks: true}.check(t, first)
		tc.closeBoth()
	}}
}
