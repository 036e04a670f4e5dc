package main

import (
	"strings"

	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/reactor"
)

// configure makes the options of both sessions from the flags.
func (b *bridge) configure(f *flags) error {
	version := uint8(min(f.version, 255))
	switch {
	case f.id == "":
		return cli.Usage("-id is missing: the brokers keep the sessions of the bridge under it")
	case f.to == "":
		return cli.Usage("-to is missing: the URL of the destination")
	case version != 4 && version != 5:
		return cli.Usage("-version %d: want 4 or 5", f.version)
	case f.qos > 2:
		return cli.Usage("-qos %d: want 0, 1 or 2", f.qos)
	case f.expiry == 0:
		return cli.Usage("-expiry 0: the source would not keep messages without the bridge")
	case !mqtt.ValidFilter(f.filter, version):
		return cli.Usage("-filter %q is not a topic filter", f.filter)
	case !mqtt.ValidTopic(b.prefix + "x"):
		return cli.Usage("-prefix %q cannot begin a topic", b.prefix)
	}
	source, err := parse("-from", f.from)
	if err != nil {
		return err
	}
	destination, err := parse("-to", f.to)
	if err != nil {
		return err
	}
	if source.HostPort() == destination.HostPort() && overlap(unshared(f.filter), b.prefix+unshared(f.filter)) {
		return cli.Usage("-from and -to are the same broker, and -filter %q matches topics with -prefix %q: "+
			"the bridge would pass on its own messages", f.filter, b.prefix)
	}
	first := f.from // the URL that may use the flags of TLS
	if !secure(source) {
		first = f.to
	}
	config, err := f.trust.Config(first, b.log)
	if err != nil {
		return err
	}
	set := func(o *session.Options, name, url string, u reactor.URL, id string) error {
		o.URLs, o.Expiry, o.Login.ClientID, o.Login.Version = []string{url}, f.expiry, id, version
		if secure(u) {
			o.Login.TLS = config
		}
		if o.Login.User == "" && o.Login.Password != "" {
			o.Login.User = u.User // Connect takes both from the URL, or none
		}
		if err := mqtt.CheckConnect(url, &o.Login); err != nil {
			return cli.Usage("%s: %w", name, err)
		}
		return nil
	}
	if err := set(&b.source, "-from", f.from, source, f.id); err != nil {
		return err
	}
	if err := set(&b.destination, "-to", f.to, destination, f.id+"-to"); err != nil {
		return err
	}
	b.source.ManualAck = true
	b.destination.Queue = session.Queue{Messages: -1, Bytes: -1} // publish bounds it, with b.limit
	b.subscription = session.Subscription{Filter: f.filter, QoS: uint8(f.qos)}
	if version == 5 {
		// A resumed session does not get the retained messages again.
		b.subscription.RetainAsPublished, b.subscription.RetainHandling = true, 1
	}
	return nil
}

// ports are the default ports of the schemes.
var ports = map[string]uint16{"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}

// parse returns the parts of a broker's URL, with its port.
func parse(name, url string) (reactor.URL, error) {
	u, err := reactor.ParseURL(url)
	if err != nil {
		return u, cli.Usage("%s: %w", name, err)
	}
	if ports[u.Scheme] == 0 {
		return u, cli.Usage("%s %s: want mqtt://, mqtts://, ws:// or wss://", name, u.Redacted())
	}
	if !u.HasPort {
		u.Port, u.HasPort = ports[u.Scheme], true
	}
	return u, nil
}

// secure reports whether a broker's URL asks for TLS.
func secure(u reactor.URL) bool { return u.Scheme == "mqtts" || u.Scheme == "wss" }

// unshared returns a filter without $share/group/.
func unshared(filter string) string {
	if parts := strings.SplitN(filter, "/", 3); len(parts) == 3 && parts[0] == "$share" {
		return parts[2]
	}
	return filter
}

// overlap reports whether a topic can match both filters.
func overlap(a, b string) bool {
	for {
		la, restA, moreA := strings.Cut(a, "/")
		lb, restB, moreB := strings.Cut(b, "/")
		switch {
		case la == "#" || lb == "#":
			return true
		case la != lb && la != "+" && lb != "+":
			return false
		case !moreA || !moreB: // a/# also matches a
			return moreA == moreB || restA == "#" || restB == "#"
		}
		a, b = restA, restB
	}
}
