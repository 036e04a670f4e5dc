package bolt_test

import (
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/store/bolt"
)

// A message that is published while the server cannot be reached is sent by the next run of the
// program.
func Example() {
	dir, err := os.MkdirTemp("", "bolt")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "sensor-7.db")

	// start is the beginning of each run.
	start := func(m *reactor.Manager, url string, handler reactor.Handler) *session.Session {
		store, err := bolt.Open(file, nil)
		if err != nil {
			log.Fatal(err)
		}
		s, err := session.New(m, &session.Options{
			URLs:   []string{url},
			Login:  mqtt.Options{ClientID: "sensor-7"},
			Expiry: session.Forever,
			Store:  store,
		}, handler, nil)
		if err != nil {
			log.Fatal(err)
		}
		return s
	}

	m, err := reactor.New()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	done := false
	handler := func(_ *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvSessionPub:
			o := data.(*session.Outcome)
			switch o.Result {
			case session.Acknowledged:
				fmt.Printf("acknowledged: %s\n", o.Message.Data)
				done = true
			case session.Abandoned:
				fmt.Printf("not sent, in the store: %v\n", o.Stored)
			}
		case reactor.EvSessionDown:
			done = data.(*session.Down).Final
		case reactor.EvSessionRetry:
			done = data.(*session.Retry).Final
		}
	}

	// The first run: the server is off.
	s := start(m, "mqtt://127.0.0.1:1", handler)
	if _, err := s.Publish(&session.Message{Topic: "temperature", Data: []byte("21.5"), QoS: 2}); err != nil {
		log.Fatal(err)
	}
	s.Close()
	for !done {
		m.Poll(time.Second)
	}

	// The second run.
	server, err := mqtt.Listen(m, "mqtt://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvMQTTCmd && data.(*mqtt.Message).Cmd == mqtt.CmdConnect {
			mqtt.Connack(c, false, 0)
		}
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	done = false
	s = start(m, "mqtt://"+server.LocalAddr().String(), handler)
	fmt.Println("pending:", s.Pending())
	for !done {
		m.Poll(time.Second)
	}
	s.Close()

	// Output:
	// not sent, in the store: true
	// pending: 1
	// acknowledged: 21.5
}

// A receiver counts messages of QoS 2. The count and the state of the session are committed
// together, before the message is acknowledged. So the count is exact, even if the program is
// killed at any moment and started again.
func ExampleStore_Tx() {
	dir, err := os.MkdirTemp("", "bolt")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	m, err := reactor.New()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	server := counterServer(m)

	store, err := bolt.Open(filepath.Join(dir, "counter.db"), nil)
	if err != nil {
		log.Fatal(err)
	}
	var s *session.Session
	count := uint64(0)
	s, err = session.New(m, &session.Options{
		URLs:   []string{server},
		Login:  mqtt.Options{ClientID: "counter"},
		Expiry: session.Forever,
		Store:  store,
	}, func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev != reactor.EvMQTTMsg {
			return
		}
		tx, err := store.Tx()
		if err != nil {
			log.Fatal(err)
		}
		b, err := tx.CreateBucketIfNotExists([]byte("counts"))
		if err != nil {
			log.Fatal(err)
		}
		topic := data.(*mqtt.Message).Topic
		if old := b.Get(topic); old != nil {
			count = binary.BigEndian.Uint64(old)
		}
		count++
		if err := b.Put(topic, binary.BigEndian.AppendUint64(nil, count)); err != nil {
			log.Fatal(err)
		}
		// The session commits, and then acknowledges the message.
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	for count < 3 {
		m.Poll(time.Second)
	}
	s.Close()
	fmt.Println("messages:", count)

	// Output:
	// messages: 3
}

// counterServer starts a server that sends three messages to each client. It returns its URL.
func counterServer(m *reactor.Manager) string {
	server, err := mqtt.Listen(m, "mqtt://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvMQTTCmd && data.(*mqtt.Message).Cmd == mqtt.CmdConnect {
			mqtt.Connack(c, false, 0)
			for range 3 {
				mqtt.Pub(c, &mqtt.Options{Topic: "door", Message: []byte("open"), QoS: 2})
			}
		}
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	return "mqtt://" + server.LocalAddr().String()
}
