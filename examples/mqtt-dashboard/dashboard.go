package main

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"

	"github.com/rikki-go/rikki/examples/internal/broker"
	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/examples/mqtt-dashboard/internal/sim"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/reactor"
)

//go:embed page
var embedded embed.FS

// headers are lines of all responses. The page may load nothing from elsewhere, and may connect
// to any broker. no-cache makes the browser ask with the entity tag.
const headers = "Content-Security-Policy: default-src 'self'; img-src 'self' data:; connect-src 'self' ws: wss:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n" +
	"X-Content-Type-Options: nosniff\r\nCache-Control: no-cache\r\n"

// dashboard is the state of the program.
type dashboard struct {
	options
	log     *slog.Logger
	peers   *slog.Logger  // for records that clients cause: their number is limited
	page    *reactor.Conn // the listener
	broker  *broker.Broker
	devices []*sim.Device
	files   http.ServeOptions
	config  []byte // what the page must know, as JSON
}

// start listens and makes the devices.
func (d *dashboard) start(m *reactor.Manager) (err error) {
	if err := d.loadPage(); err != nil {
		return err
	}
	if d.page, err = http.Listen(m, d.listen, d.handle, nil); err != nil {
		return cli.ListenError("-listen", d.listen, err)
	}
	url := d.options.broker // for devices
	config := pageConfig{Broker: url, Topic: d.topic}
	if url == "" {
		if url, config, err = d.startBroker(m); err != nil {
			return err
		}
	}
	if d.config, err = json.Marshal(config); err != nil {
		return err
	}
	for i := range d.options.devices {
		name := fmt.Sprint("device-", i+1)
		device, err := sim.New(m, sim.Options{ID: name, Root: d.topic, Every: d.every, Login: session.Options{URLs: []string{url}},
			Log: d.log, Ended: func(err error) { d.ended(name, err) }})
		if err != nil {
			return err
		}
		d.devices = append(d.devices, device)
	}
	return nil
}

// stop ends the devices. Those of the own broker need not say that they go.
func (d *dashboard) stop() {
	for _, device := range d.devices {
		if d.broker != nil {
			device.Close()
		} else {
			device.Stop()
		}
	}
	if d.broker != nil {
		d.broker.Close()
	}
}

func (d *dashboard) ended(name string, err error) {
	if err != nil {
		d.log.Error("the device has ended", "device", name, "error", err)
	}
}

// pageConfig is /config.json.
type pageConfig struct {
	Broker string `json:"broker,omitempty"` // its URL, or:
	Port   int    `json:"port,omitempty"`   // of the host that the page comes from
	Path   string `json:"path,omitempty"`
	Topic  string `json:"topic"`
}

// startBroker starts the own broker. It returns its URL for the devices, and what the page needs.
func (d *dashboard) startBroker(m *reactor.Manager) (url string, config pageConfig, err error) {
	d.broker = broker.New(m, d.log)
	l, err := d.broker.Listen(d.mqtt)
	if err != nil {
		return "", config, cli.ListenError("-mqtt", d.mqtt, err)
	}
	w, err := d.broker.Listen(d.ws, d.allowed()...)
	if err != nil {
		return "", config, cli.ListenError("-ws", d.ws, err)
	}
	u, err := reactor.ParseURL(d.ws)
	if err != nil {
		return "", config, err
	}
	config = pageConfig{Port: port(w), Path: cmp.Or(u.Path, "/"), Topic: d.topic}
	at := l.LocalAddr()
	switch at.Addr() {
	case netip.IPv4Unspecified():
		at = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port())
	case netip.IPv6Unspecified():
		at = netip.AddrPortFrom(netip.IPv6Loopback(), at.Port())
	}
	return "mqtt://" + at.String(), config, nil
}

// allowed returns the patterns of the pages that may connect to the own broker: the own page, by
// the names of this machine that the program knows, and those of -origin.
func (d *dashboard) allowed() []string {
	hosts := []string{"127.0.0.1", "localhost", "[::1]"}
	if u, err := reactor.ParseURL(d.listen); err == nil && u.Host != "" && u.Host != "localhost" {
		host, _, err := net.SplitHostPort(u.HostPort())
		if err == nil && host != "127.0.0.1" && host != "::1" {
			hosts = append(hosts, host)
		}
	}
	origins := d.origins
	for _, h := range hosts {
		origins = append(origins, fmt.Sprintf("http://%s:%d", h, port(d.page)))
	}
	return origins
}

// port returns the port of a listener.
func port(l *reactor.Conn) int { return int(l.LocalAddr().Port()) }

// loadPage prepares the files of the page. An embed.FS has no times, so the entity tags are hashes.
func (d *dashboard) loadPage() error {
	files, err := fs.Sub(embedded, "page")
	if err != nil {
		return err
	}
	tags := map[string]string{}
	err = fs.WalkDir(files, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, name)
		sum := sha256.Sum256(data)
		tags[name] = `"` + hex.EncodeToString(sum[:8]) + `"`
		return err
	})
	d.files = http.ServeOptions{FS: files, Headers: headers, NoGzip: true,
		ETag: func(name string, _ fs.FileInfo) string { return tags[name] }}
	return err
}

// handle is the handler of the listener and of the connections that it accepts.
func (d *dashboard) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvHTTPMsg:
		hm := data.(*http.Message)
		d.peers.Debug("request", "method", hm.Method, "path", hm.URI)
		if string(hm.URI) == "/config.json" {
			http.ReplyBytes(c, 200, "Content-Type: application/json\r\n"+headers, d.config)
		} else {
			http.ServeDir(c, hm, &d.files) // an error is logged
		}
	case reactor.EvError:
		d.peers.Debug("connection failed", "id", c.ID(), "error", data.(error))
	}
}
