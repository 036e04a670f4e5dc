package session_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
)

// restart makes a store as it is after the process was killed: with what was committed.
func restart(l *logStore) *logStore {
	next := newLogStore()
	for k, v := range l.entries {
		next.entries[k] = v
	}
	return next
}

// A new session with the store of an earlier one sends its messages again.
func TestStoreAfterRestart(t *testing.T) {
	everywhere(t, func(t *testing.T, scheme string, version uint8) {
		m, k := newLoop(t)
		srv := newServer(t, m, scheme)
		srv.on = func(_ *peer, m *mqtt.Message) bool { return m.Cmd == mqtt.CmdPublish || m.Cmd == mqtt.CmdPubrel }
		store := newLogStore()
		o := session.Options{URLs: []string{srv.url}, Expiry: time.Hour, Store: store, Inflight: 2, Login: mqtt.Options{ClientID: "c", Version: version}}
		first := newClient(t, m, k, o)
		var handles []session.Handle
		for _, data := range []string{"1", "2", "3"} {
			handles = append(handles, first.must("t", data, 1))
		}
		first.must("t", "0", 0)
		srv.kept["c"] = true
		awaitLog(t, srv, "PUBLISH t=2")
		srv.take()
		killed := restart(store)
		first.Close()
		first.await("down final")
		if got := first.take(); !strings.HasSuffix(got, "abandoned 1, abandoned 2, abandoned 3, abandoned 0, down final") {
			t.Errorf("events %s", got)
		}
		for _, l := range []*logStore{killed, restart(store)} {
			srv.on = nil
			srv.take()
			o.Store = l
			second := newClient(t, m, k, o)
			second.await("acknowledged 3")
			second.want("up present=true, acknowledged 1, acknowledged 2, acknowledged 3")
			want := `CONNECT "c" clean=false, PUBLISH t=1 q1 dup, PUBLISH t=2 q1 dup, PUBLISH t=3 q1`
			if got := strings.TrimPrefix(srv.take(), "DISCONNECT, "); got != want {
				t.Errorf("packets %s\nwant    %s", got, want)
			}
			if h := second.must("t", "4", 1); h <= handles[2] {
				t.Errorf("the handle %d was used before", h)
			}
			second.await("acknowledged 4")
			second.Close()
			second.await("down final")
			if len(l.entries) != 2 { // the client, and the handles
				t.Errorf("%d entries are left", len(l.entries))
			}
		}
	})
}

// New refuses a store that does not belong to the session, and leaves it open.
func TestStoreOfAnother(t *testing.T) {
	base := session.Options{URLs: []string{"mqtt://127.0.0.1"}, Expiry: 1, Login: mqtt.Options{ClientID: "c"}}
	tests := []struct {
		name    string
		entries map[string]string
		change  func(o *session.Options)
		words   string
	}{
		{"same client", map[string]string{"c": "\x04c"}, nil, ""},
		{"empty", nil, nil, ""},
		{"another client", map[string]string{"c": "\x04other"}, nil, `the client "other", not to "c"`},
		{"another version", map[string]string{"c": "\x05c"}, nil, "level 5"},
		{"damaged", map[string]string{"c": "\x04"}, nil, "damaged"},
		{"not of a session", map[string]string{"x": "y"}, nil, "not the store of a session"},
		{"unknown entry", map[string]string{"c": "\x04c", "x": "y"}, nil, `key "x"`},
		{"empty key", map[string]string{"c": "\x04c", "": "y"}, nil, "empty key"},
		{"bad entry of the sender", map[string]string{"c": "\x04c", "o12345678": "y"}, nil, "o12345678"},
		{"bad entry of the receiver", map[string]string{"c": "\x04c", "i": ""}, nil, "store"},
		{"assigned", map[string]string{"c": "\x05mine"}, func(o *session.Options) {
			o.Login = mqtt.Options{AssignID: true, Version: 5}
		}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m, k := newLoop(t)
			store := newLogStore()
			for key, value := range test.entries {
				store.entries[key] = []byte(value)
			}
			o := base
			o.Store = store
			if test.change != nil {
				test.change(&o)
			}
			cl, err := tryClient(t, m, k, o)
			switch {
			case test.words == "" && err != nil:
				t.Fatal(err)
			case test.words != "":
				if err == nil || !strings.HasPrefix(err.Error(), "session: Options.Store") || !strings.Contains(err.Error(), test.words) {
					t.Errorf("error %v, want %q", err, test.words)
				}
				if store.closed || len(store.changed) > 0 {
					t.Error("the store was closed or changed")
				}
			case test.name == "assigned":
				if cl.ClientID() != "mine" {
					t.Errorf("ClientID %q", cl.ClientID())
				}
			default:
				if got := string(store.entries["c"]); got != "\x04c" {
					t.Errorf("the entry of the client is %q", got)
				}
			}
		})
	}
}

// An error of the store when it is loaded or first written is an error of New.
func TestStoreFailsInNew(t *testing.T) {
	for _, call := range []string{"put", "commit"} {
		m, k := newLoop(t)
		store := newLogStore()
		store.fail = call
		_, err := tryClient(t, m, k, session.Options{URLs: []string{"mqtt://127.0.0.1"}, Store: store, Login: mqtt.Options{ClientID: "c"}})
		if !errors.Is(err, errDisk) || store.closed {
			t.Errorf("%s: error %v, closed %v", call, err, store.closed)
		}
		looptest.Settle(t, m)
	}
}
