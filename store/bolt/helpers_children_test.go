package bolt_test

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"time"

	"go.etcd.io/bbolt"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/store/bolt"
)

// Both children take these arguments: the file, the broker's URL, the MQTT version, "sync" or "no
// sync", and one of their own.

// bucket is the bucket of a child.
var bucket = []byte("child")

// child is a process with a session in a file. It prints a line for each step, which the test
// reads, and is killed at any moment.
type child struct {
	store   *bolt.Store
	manager *reactor.Manager
	session *session.Session
	err     error
	done    bool
}

// run runs the child until its session has ended.
func (c *child) run(args []string, id string, fn reactor.Handler, begin func() error) (err error) {
	version, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	if c.store, err = bolt.Open(args[0], &bolt.Options{NoSync: args[3] == "no sync"}); err != nil {
		return err
	}
	if c.manager, err = reactor.New(reactor.WithLogger(slog.New(slog.DiscardHandler))); err != nil {
		return err
	}
	defer c.manager.Close()
	c.session, err = session.New(c.manager, &session.Options{
		URLs:    []string{args[1]},
		Login:   mqtt.Options{ClientID: id, Version: uint8(version)},
		Expiry:  session.Forever,
		Backoff: session.Backoff{Min: time.Millisecond, Max: 50 * time.Millisecond},
		Store:   c.store,
	}, func(conn *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvSessionDown:
			c.done, c.err = data.(*session.Down).Final, data.(*session.Down).Err
		case reactor.EvSessionRetry:
			c.done, c.err = data.(*session.Retry).Final, data.(*session.Retry).Err
		}
		fn(conn, ev, data)
	}, nil)
	if err != nil {
		return err
	}
	if err := begin(); err != nil {
		return err
	}
	for !c.done {
		if err := c.manager.Poll(time.Second); err != nil {
			return err
		}
	}
	return c.err
}

// number reads a number of the program in the file. A number that is not there is 0.
func number(tx *bbolt.Tx, key string) (n uint64) {
	if b := tx.Bucket(bucket); b != nil {
		if v := b.Get([]byte(key)); v != nil {
			n = binary.BigEndian.Uint64(v)
		}
	}
	return n
}

// set writes a number.
func set(tx *bbolt.Tx, key string, n uint64) error {
	b, err := tx.CreateBucketIfNotExists(bucket)
	if err != nil {
		return err
	}
	return b.Put([]byte(key), binary.BigEndian.AppendUint64(nil, n))
}

// topicOf returns the topic and the QoS of message number n.
func topicOf(n uint64) (topic string, qos uint8) {
	qos = uint8(1 + n%2)
	return fmt.Sprint("kill/", qos), qos
}

// publisher publishes numbers. Its own argument is how many more than in earlier runs; then it
// ends. The next number is stored together with the message, so none is left out and none is
// published twice.
//
//	begin N  the first number of this run is N
//	told N   message N is acknowledged
func publisher(args []string) error {
	var c child
	more, err := strconv.ParseUint(args[4], 10, 32)
	if err != nil {
		return err
	}
	var next, end uint64
	fill := func() error {
		for next < end && c.session.Pending() < 50 {
			tx, err := c.store.Tx()
			if err != nil {
				return err
			}
			topic, qos := topicOf(next)
			message := session.Message{Topic: topic, QoS: qos, Data: fmt.Append(nil, next)}
			if _, err := c.session.Publish(&message); err != nil {
				return err
			}
			next++
			if err := set(tx, "next", next); err != nil {
				return err
			}
		}
		if next == end && c.session.Pending() == 0 {
			c.session.Drain()
		}
		return nil
	}
	return c.run(args, "publisher", func(_ *reactor.Conn, ev reactor.Event, data any) {
		if ev != reactor.EvSessionPub {
			return
		}
		if o := data.(*session.Outcome); o.Result == session.Acknowledged {
			fmt.Printf("told %s\n", o.Message.Data)
		} else {
			fmt.Printf("bad %s: result %d: %v\n", o.Message.Data, o.Result, o.Err)
		}
		if err := fill(); err != nil {
			fmt.Println("bad", err)
		}
	}, func() error {
		c.store.DB().View(func(tx *bbolt.Tx) error { next = number(tx, "next"); return nil })
		end = next + more
		fmt.Println("begin", next)
		return fill()
	})
}

// receiver stores how often it got each message in the transaction of the session, and by packet
// identifier how often a message of QoS 2 has come again. It ends when standard input ends.
//
//	up         the session is subscribed
//	got TEXT   a message
func receiver(args []string) error {
	var c child
	handle := func(m *mqtt.Message) error {
		tx, err := c.store.Tx()
		if err != nil {
			return err
		}
		key := fmt.Sprintf("%s %s", m.Topic, m.Data)
		count := number(tx, key)
		n, err := strconv.ParseUint(string(m.Data), 10, 64)
		switch last := number(tx, "last"); {
		case err != nil || m.QoS < 2:
		case count > 0:
			again := fmt.Sprint("again ", m.ID)
			if err := set(tx, again, number(tx, again)+1); err != nil {
				return err
			}
		case n <= last:
			return fmt.Errorf("message %d after %d", n, last)
		default:
			if err := set(tx, "last", n); err != nil {
				return err
			}
		}
		if err := set(tx, key, count+1); err != nil {
			return err
		}
		fmt.Printf("got %s\n", m.Data)
		return nil
	}
	return c.run(args, "receiver", func(_ *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvSessionSub:
			fmt.Println("up", data.(*session.SubResult).Code)
		case reactor.EvMQTTMsg:
			if err := handle(data.(*mqtt.Message)); err != nil {
				fmt.Println("bad", err)
			}
		}
	}, func() error {
		go func() {
			os.Stdin.Read(make([]byte, 1))
			c.manager.Post(func() { c.session.Close() })
		}()
		return c.session.Subscribe(session.Subscription{Filter: "kill/#", QoS: 2})
	})
}
