package activation_test

import (
	"fmt"
	"log"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/activation"
)

// A web server takes its socket from systemd, or listens itself if it was started by hand. The unit
// app.socket says:
//
//	[Socket]
//	ListenStream=80
//	FileDescriptorName=web
func Example() {
	m, err := reactor.New()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	hello := func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvHTTPMsg {
			http.Reply(c, 200, "", "hello\n")
		}
	}

	sockets, err := activation.Sockets()
	if err != nil {
		log.Fatal(err)
	}
	if len(sockets) == 0 {
		fmt.Println("started by hand")
		_, err = http.Listen(m, "http://127.0.0.1:0", hello, nil)
	} else {
		var fd int
		if fd, err = activation.Named(sockets, "web"); err == nil {
			_, err = http.ListenFD(m, fd, hello, nil)
		}
	}
	if err != nil {
		log.Fatal(err)
	}

	// Output:
	// started by hand
}
