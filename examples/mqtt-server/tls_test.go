package main

import (
	"crypto/tls"
	"io"
	"os"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// A certificate gives the default URLs company, and MQTT flows over TLS.
func TestServeTLS(t *testing.T) {
	authority := looptest.NewAuthority(t)
	cert, key, _ := authority.Files(t, authority.Issue(t, nil))
	urls, cfg, _, err := parseArgs([]string{"-cert", cert, "-key", key}, io.Discard)
	if err != nil || len(urls) != 4 || len(cfg.Certificates) != 1 {
		t.Errorf("URLs %q, Config %v, error %v", urls, cfg, err)
	}
	p := looptest.Start(t, "-listen", "mqtts://127.0.0.1:0", "-listen", "mqtt://127.0.0.1:0", "-cert", cert, "-key", key)
	client, err := tls.Dial("tcp", address(p, "mqtts"), authority.Client())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	packet, err := mqtt.AppendConnect(nil, 4, &mqtt.ConnectPacket{ClientID: "a", CleanStart: true})
	if err != nil {
		t.Fatal(err)
	}
	client.Write(packet)
	answer := make([]byte, 4)
	if _, err := io.ReadFull(client, answer); err != nil || answer[0] != 0x20 || answer[3] != 0 {
		t.Errorf("CONNACK %x, %v", answer, err)
	}
	p.Signal(os.Interrupt)
	if rest, err := io.ReadAll(client); err != nil || len(rest) > 0 {
		t.Errorf("at the end %x, %v, want close_notify", rest, err)
	}
	p.WantEnd()
}
