package sntp_test

import (
	"fmt"
	"net"
	"time"

	"github.com/rikki-go/rikki/proto/sntp"
	"github.com/rikki-go/rikki/reactor"
)

// Ask a server for the time. Here, the server is one of this program, and its clock shows 2026.
func ExampleRequest() {
	url := exampleServer(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	m, err := reactor.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	done := false
	c, err := sntp.Connect(m, url, func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvSNTPTime:
			fmt.Println("it is", data.(*sntp.Time).Time.Format("2006-01-02 15:04"))
			c.Close()
		case reactor.EvError:
			fmt.Println(data)
		case reactor.EvClose:
			done = true
		}
	}, nil)
	if err == nil {
		err = sntp.Request(c)
	}
	for !done && err == nil {
		err = m.Poll(time.Second)
	}
	// Output: it is 2026-03-01 12:00
}

// exampleServer answers one request with a time.
func exampleServer(now time.Time) (url string) {
	s, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return ""
	}
	go func() {
		defer s.Close()
		buf := make([]byte, 100)
		n, from, _ := s.ReadFrom(buf)
		p, _, err := sntp.ParsePacket(buf[:n])
		if err == nil {
			at := sntp.TimestampOf(now)
			s.WriteTo(sntp.AppendPacket(nil, sntp.Packet{Version: 4, Mode: sntp.ModeServer, Stratum: 1, Origin: p.Transmit, Receive: at, Transmit: at}), from)
		}
	}()
	return "udp://" + s.LocalAddr().String()
}
