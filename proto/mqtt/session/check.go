package session

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// resolved returns a copy of the options in which zero is not a default any more.
func (o *Options) resolved() Options {
	r := *o
	r.URLs = slices.Clone(o.URLs)
	if r.Login.Version == 0 {
		r.Login.Version = 4
	}
	switch {
	case r.Login.KeepAlive == 0:
		r.Login.KeepAlive = DefaultKeepAlive
	case r.Login.KeepAlive < 0:
		r.Login.KeepAlive = 0
	}
	return r
}

// check returns an error that names the first option that is invalid.
func (o *Options) check() error {
	wrong := func(field, format string, args ...any) error {
		return fmt.Errorf("session: Options."+field+": "+format, args...)
	}
	l := &o.Login
	switch {
	case len(o.URLs) == 0:
		return wrong("URLs", "it is empty, want at least one such as mqtt://host")
	case l.Version != 4 && l.Version != 5:
		return wrong("Login.Version", "it is %d, want 4 for MQTT 3.1.1 or 5", l.Version)
	case o.Expiry < 0:
		return wrong("Expiry", "it is negative: %v", o.Expiry)
	case o.Expiry > 0 && l.ClientID == "" && !l.AssignID:
		return wrong("Expiry", "it needs Login.ClientID: without it no connection could resume the session")
	case o.Store != nil && l.ClientID == "" && !l.AssignID:
		return wrong("Store", "it needs Login.ClientID, which says whose messages it has")
	case o.Auth != nil && l.Version != 5:
		return wrong("Auth", "it needs Login.Version 5")
	case o.Auth != nil && o.Auth.Method() == "":
		return wrong("Auth", "its Method is empty")
	case o.Inflight < 0 || o.Inflight > math.MaxUint16:
		return wrong("Inflight", "it is %d, want 1 to 65535, or 0 for the default", o.Inflight)
	case o.Queue.Full > DropQoS0:
		return wrong("Queue.Full", "it is %d, want Refuse, DropOldest or DropQoS0", o.Queue.Full)
	case o.Backoff.Min < 0:
		return wrong("Backoff.Min", "it is negative: %v", o.Backoff.Min)
	case o.Backoff.Max < 0:
		return wrong("Backoff.Max", "it is negative: %v", o.Backoff.Max)
	case o.Backoff.Stable < 0:
		return wrong("Backoff.Stable", "it is negative: %v", o.Backoff.Stable)
	case o.Backoff.Max > 0 && o.Backoff.Min > o.Backoff.Max:
		return wrong("Backoff.Min", "it is %v, more than Backoff.Max, %v", o.Backoff.Min, o.Backoff.Max)
	case l.ID != 0 || l.RetransmitID != 0:
		return wrong("Login", "ID and RetransmitID are not for CONNECT")
	}
	for _, p := range l.Props {
		if field := ownProps[p.ID]; field != "" {
			return wrong("Login.Props", "it has %v: use Options.%s", p.ID, field)
		}
	}
	return o.checkLogin()
}

// ownProps are the properties of CONNECT that the session sends itself, with their options.
var ownProps = map[mqtt.PropID]string{
	mqtt.PropSessionExpiryInterval: "Expiry",
	mqtt.PropReceiveMaximum:        "ReceiveMaximum",
	mqtt.PropAuthenticationMethod:  "Auth",
	mqtt.PropAuthenticationData:    "Auth",
}

// checkLogin checks the URLs, and Login with each of them.
func (o *Options) checkLogin() error {
	headers, tls := false, false
	for i, url := range o.URLs {
		l := o.Login
		fit(&l, url)
		headers = headers || l.Headers != "" || l.WS != nil
		tls = tls || l.TLS != nil
		if err := mqtt.CheckConnect(url, &l); err != nil {
			return fmt.Errorf("session: Options.URLs[%d] with Options.Login: %w", i, err)
		}
	}
	switch {
	case !headers && (o.Login.Headers != "" || o.Login.WS != nil):
		return errors.New("session: Options.Login has Headers or WS, but no URL is ws:// or wss://")
	case !tls && o.Login.TLS != nil:
		return errors.New("session: Options.Login.TLS: no URL is mqtts:// or wss://")
	}
	return nil
}
