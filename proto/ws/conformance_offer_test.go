package ws_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// offer is a row of what a server makes of an offer of compression.
type offer struct {
	name     string
	offers   string // Sec-WebSocket-Extensions, one line for each line
	declined bool
	either   bool     // it may be declined, too
	agrees   []string // parameters that the answer must have
	deflate  ws.Deflate
	asks     bool // it is an offer that is checked, not an answer
}

func (o offer) title() string { return o.name }
func (o offer) sides() []role { return []role{asServer} }

func (o offer) run(t *testing.T, w *world, r role) {
	opts := &ws.Options{Deflate: &o.deflate}
	e := w.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvHTTPMsg {
			must(t, ws.Upgrade(c, data.(*http.Message), "", opts))
		}
	})
	in := request
	for line := range strings.Lines(o.offers) {
		in = strings.TrimSuffix(in, "\r\n") + "Sec-WebSocket-Extensions: " + strings.TrimSpace(line) + "\r\n\r\n"
	}
	e.feed(in)
	head := e.head()
	e.rec.want(t, "HTTP GET", "OPEN")
	if !strings.Contains(head, "Sec-WebSocket-Extensions") {
		if !o.declined && !o.either {
			t.Errorf("declined: %q", head)
		}
	} else if answer := field(t, head, "Sec-WebSocket-Extensions"); o.declined {
		t.Errorf("agreed to: %s", answer)
	} else {
		o.check(t, answer)
	}
	e.feed(e.frame(fin|text, "works"))
	e.rec.want(t, `MSG text "works"`)
	e.drop()
}

// check holds the answer against what was offered [RFC 7692 7.1].
func (o offer) check(t *testing.T, answer string) {
	t.Helper()
	items := strings.Split(answer, ";")
	seen := map[string]string{}
	for i, item := range items {
		name, value, _ := strings.Cut(strings.TrimSpace(item), "=")
		if i == 0 {
			if name != pmd {
				t.Errorf("answer %q", answer)
			}
			continue
		}
		if _, twice := seen[name]; twice {
			t.Errorf("%s is there twice in %q", name, answer)
		}
		seen[name] = value
		switch name {
		case "server_no_context_takeover", "client_no_context_takeover":
			if value != "" {
				t.Errorf("%s has a value in %q", name, answer)
			}
		case "client_max_window_bits", "server_max_window_bits":
			if o.asks && name == "client_max_window_bits" && value == "" { // any will do
				continue
			}
			if n, err := strconv.Atoi(value); err != nil || n < 8 || n > 15 || strconv.Itoa(n) != value {
				t.Errorf("%s is %q in %q", name, value, answer)
			}
			if name == "client_max_window_bits" && !strings.Contains(o.offers, name) {
				t.Errorf("%s was not offered, but answered: %q", name, answer)
			}
		default:
			t.Errorf("%s is no parameter, in %q", name, answer)
		}
	}
	for _, want := range o.agrees {
		name, limit, _ := strings.Cut(want, "=")
		value, ok := seen[name]
		n, _ := strconv.Atoi(value)
		if most, _ := strconv.Atoi(limit); !ok || limit != "" && n > most {
			t.Errorf("answer %q lacks %s", answer, want)
		}
	}
}

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
		badAnswers = append(badAnswers, answered("agreement with "+p, pmd+"; "+p, 101))
	}
	bad = append(bad, declined("offer with client_max_window_bits twice", pmd+"; client_max_window_bits; client_max_window_bits=10"))
	return []rule{
		{"7692 7.1", "A server agrees to an offer with parameters that it understands, and answers those that bind it.", []tester{
			agreed("bare offer", pmd),
			agreed("offer with server_no_context_takeover", pmd+"; server_no_context_takeover", "server_no_context_takeover"),
			agreed("offer with client_no_context_takeover", pmd+"; client_no_context_takeover"),
			agreed("offer with client_max_window_bits", pmd+"; client_max_window_bits"),
			agreed("offer with client_max_window_bits=10", pmd+"; client_max_window_bits=10"),
			maybe("offer with server_max_window_bits=15", pmd+"; server_max_window_bits=15"),
			maybe("offer with server_max_window_bits=10", pmd+"; server_max_window_bits=10", "server_max_window_bits=10"),
			maybe("offer with server_max_window_bits=8", pmd+"; server_max_window_bits=8", "server_max_window_bits=8"),
			maybe("offer with a quoted value", pmd+`; server_max_window_bits="10"`, "server_max_window_bits=10"),
			agreed("offer with both takeovers off", pmd+"; server_no_context_takeover; client_no_context_takeover", "server_no_context_takeover"),
			agreed("offer with blanks", pmd+" ;\tserver_no_context_takeover ", "server_no_context_takeover"),
			offer{name: "server that takes no context over", offers: pmd, agrees: []string{"server_no_context_takeover"}, deflate: ws.Deflate{NoContextTakeover: true}},
			offer{name: "server that asks the client not to", offers: pmd, agrees: []string{"client_no_context_takeover"}, deflate: ws.Deflate{PeerNoContextTakeover: true}},
			offer{name: "server that asks for a small window", offers: pmd + "; client_max_window_bits", agrees: []string{"client_max_window_bits=10"}, deflate: ws.Deflate{PeerWindowBits: 10}},
		}},
		{"7692 7.1", "A server declines an offer with a parameter that is unknown, twice there, or has a value that it may not have.", bad},
		{"7692 5.1", "A server takes the first offer that it can agree to.", []tester{
			agreed("second of two offers", pmd+"; foo, "+pmd),
			agreed("second of two offers, on a line of its own", pmd+"; foo=1\n"+pmd),
			agreed("offer behind another extension", "x-unknown; a=b, "+pmd),
			agreed("first of two offers", pmd+"; server_no_context_takeover, "+pmd, "server_no_context_takeover"),
			declined("other extensions only", "x-webkit-deflate-frame, x-unknown"),
			declined("extension that begins alike", pmd+"x"),
		}},
		{"7692 7.1", "A client fails if the answer has a parameter that it may not have.", badAnswers},
		{"7692 5.1", "A client fails if the answer is not the one extension that was offered.", []tester{
			answered("agreement to another extension", "x-unknown", 101),
			answered("agreement to compression and another extension", pmd+", x-unknown", 101),
			answered("agreement to compression twice", pmd+", "+pmd, 101),
			answered("agreement with client_max_window_bits without value", pmd+"; client_max_window_bits", 101),
			asked(answered("agreement to a larger window than was asked for", pmd+"; server_max_window_bits=12", 101), ws.Deflate{PeerWindowBits: 10}),
		}},
		{"7692 7.1", "A client takes the parameters that a server may add.", []tester{
			answered("bare agreement", pmd, 0),
			answered("agreement with server_no_context_takeover", pmd+"; server_no_context_takeover", 0),
			answered("agreement with client_no_context_takeover", pmd+"; client_no_context_takeover", 0),
			answered("agreement with server_max_window_bits=9", pmd+"; server_max_window_bits=9", 0),
			answered("no agreement to compression", "", 0),
		}},
		{"7692 7.1", "A client's offer has each parameter once, with values that are allowed.", []tester{
			deflateAsked("offer of a client", ws.Deflate{}),
			deflateAsked("offer of a client that takes no context over", ws.Deflate{NoContextTakeover: true}, "client_no_context_takeover"),
			deflateAsked("offer of a client that asks the server not to", ws.Deflate{PeerNoContextTakeover: true}, "server_no_context_takeover"),
			deflateAsked("offer of a client that asks for a small window", ws.Deflate{PeerWindowBits: 10}, "server_max_window_bits=10"),
		}},
	}
}

func answered(name, extensions string, status int) greeting {
	g := greeting{name: name, role: asClient, status: status, opts: &ws.Options{Deflate: new(ws.Deflate)}}
	in := []string{status101, upgradeH, connH, acceptH}
	if extensions != "" {
		in = append(in, "Sec-WebSocket-Extensions: "+extensions)
	}
	if g.in = lines(in...); status != 0 {
		g.fault = "Sec-WebSocket-Extensions"
	}
	return g
}

func asked(g greeting, d ws.Deflate) greeting {
	g.opts = &ws.Options{Deflate: &d}
	return g
}

func deflateAsked(name string, d ws.Deflate, has ...string) deed {
	return deed{name, asClient, func(t *testing.T, w *world, _ role) {
		e := w.connectWith(&ws.Options{Deflate: &d}, "", nil)
		first, _, _ := strings.Cut(field(t, e.head(), "Sec-WebSocket-Extensions"), ",")
		offer{offers: "client_max_window_bits", agrees: has, asks: true}.check(t, first)
		e.drop()
	}}
}
