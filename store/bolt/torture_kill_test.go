package bolt_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/reactor"
)

// kills is how often a test kills its child. RIKKI_KILLS=50 is the long form.
func kills(t *testing.T) int {
	t.Helper()
	if s := os.Getenv("RIKKI_KILLS"); s != "" {
		n, err := strconv.Atoi(s)
		must(t, err)
		return n
	}
	return 5
}

// newRandom returns random numbers. RIKKI_SEED repeats an earlier run, apart from the scheduler.
func newRandom(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if s := os.Getenv("RIKKI_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseUint(s, 10, 64)
		must(t, err)
	}
	t.Logf("RIKKI_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// killed is a child process.
type killed struct {
	cmd   *exec.Cmd
	stdin io.Closer
	ended chan error
}

// startChild starts a child. Its lines are passed to fn on the loop of m. After a number of lines
// and a delay it is killed, unless the number is negative.
func startChild(t *testing.T, m *reactor.Manager, lines int, delay time.Duration, fn func(line string), args ...string) *killed {
	t.Helper()
	k := &killed{cmd: looptest.Command(t, args...), ended: make(chan error, 1)}
	k.cmd.Stderr = os.Stderr
	stdout, err := k.cmd.StdoutPipe()
	must(t, err)
	k.stdin, err = k.cmd.StdinPipe()
	must(t, err, k.cmd.Start())
	go func() {
		for s := bufio.NewScanner(stdout); ; lines-- {
			if lines == 0 {
				time.AfterFunc(delay, func() { k.cmd.Process.Kill() })
			}
			if !s.Scan() {
				break
			}
			line := s.Text()
			m.Post(func() { fn(line) })
		}
		err := k.cmd.Wait()
		m.Post(func() { k.ended <- err })
	}()
	return k
}

// await turns the loop until done returns true.
func await(t *testing.T, m *reactor.Manager, what string, done func() bool) {
	t.Helper()
	if !awaitFor(t, m, time.Minute, done) {
		t.Fatalf("waited for a minute: %s", what)
	}
}

// awaitFor turns the loop until done returns true, or until the time is up. Then it returns false.
func awaitFor(t *testing.T, m *reactor.Manager, d time.Duration, done func() bool) bool {
	t.Helper()
	for late := time.Now().Add(d); !done(); {
		must(t, m.Poll(time.Second))
		if time.Now().After(late) {
			return false
		}
	}
	return true
}

// wait turns the loop until the child has ended.
func (k *killed) wait(t *testing.T, m *reactor.Manager) (err error) {
	t.Helper()
	await(t, m, "the end of the child", func() bool {
		select {
		case err = <-k.ended:
			return true
		default:
			return false
		}
	})
	return err
}

// versions runs a test with both versions of MQTT. The commits of one wait for the disk.
func versions(t *testing.T, test func(t *testing.T, version, sync string)) {
	for version, sync := range map[string]string{"4": "sync", "5": "no sync"} {
		t.Run("version "+version, func(t *testing.T) { test(t, version, sync) })
	}
}

// A publisher that is killed at any moment loses no message, and repeats none of QoS 2. It is never
// told twice about the same message. The order of each topic stays.
func TestTortureKilledPublisher(t *testing.T) {
	versions(t, func(t *testing.T, version, sync string) {
		random, broker, m := newRandom(t), startMosquitto(t), looptest.NewManager(t)
		got, order, subscribed := map[uint64]int{}, map[string][]uint64{}, false
		_, err := mqtt.Connect(m, broker.url, &mqtt.Options{ClientID: "watcher", Clean: true, Version: 5},
			func(c *reactor.Conn, ev reactor.Event, data any) {
				switch ev {
				case reactor.EvMQTTOpen:
					mqtt.Sub(c, &mqtt.Options{Topic: "kill/#", QoS: 2})
				case reactor.EvMQTTCmd:
					subscribed = subscribed || data.(*mqtt.Message).Cmd == mqtt.CmdSuback
				case reactor.EvMQTTMsg:
					msg := data.(*mqtt.Message)
					n, err := strconv.ParseUint(string(msg.Data), 10, 64)
					if err != nil {
						t.Error(err)
					}
					if got[n]++; got[n] == 1 {
						order[string(msg.Topic)] = append(order[string(msg.Topic)], n)
					}
				case reactor.EvError:
					t.Errorf("the watcher: %v", data)
				}
			}, nil)
		must(t, err)
		await(t, m, "the subscription", func() bool { return subscribed })

		path, told, begin := newPath(t), map[string]int{}, uint64(0)
		line := func(line string) {
			switch what, n, _ := strings.Cut(line, " "); what {
			case "begin":
				begin, _ = strconv.ParseUint(n, 10, 64)
			case "told":
				told[n]++
			default:
				t.Error(line)
			}
		}
		for range kills(t) {
			lines, delay := random.IntN(100), time.Duration(random.IntN(5000))*time.Microsecond
			startChild(t, m, lines, delay, line, "publish", path, broker.url, version, sync, "1000000").wait(t, m)
		}
		const last = 100
		must(t, startChild(t, m, -1, 0, line, "publish", path, broker.url, version, sync, fmt.Sprint(last)).wait(t, m))
		end := begin + last
		awaitFor(t, m, 20*time.Second, func() bool { return uint64(len(got)) >= end })

		if left := contents(t, open(t, path, nil)); len(left) > 100 {
			t.Errorf("all messages have their outcome, and the session has the entries %q", left)
		}
		repeated := 0
		for n := range end {
			_, qos := topicOf(n)
			if got[n] == 0 || qos == 2 && got[n] > 1 {
				t.Errorf("QoS %d message %d arrived %d times, %d outcomes", qos, n, got[n], told[fmt.Sprint(n)])
			}
			repeated += got[n] - 1
			if told[fmt.Sprint(n)] > 1 {
				t.Errorf("message %d has %d outcomes", n, told[fmt.Sprint(n)])
			}
		}
		for topic, list := range order {
			wantRising(t, topic, list)
		}
		t.Logf("%d messages, %d outcomes told, %d of QoS 1 repeated", end, len(told), repeated)
	})
}

// wantRising checks that each number is higher than the one before.
func wantRising(t *testing.T, topic string, list []uint64) {
	t.Helper()
	for i := 1; i < len(list); i++ {
		if list[i] <= list[i-1] {
			t.Errorf("%s: message %d came after %d", topic, list[i], list[i-1])
		}
	}
}

// A receiver that is killed at any moment, and that writes in the transaction of the session, has
// the effect of each message of QoS 2 exactly once, and loses none of QoS 1. The log of the broker
// shows the messages that it should not have sent: those may have their effect again.
func TestTortureKilledReceiver(t *testing.T) {
	versions(t, func(t *testing.T, version, sync string) {
		random, broker, m := newRandom(t), startMosquitto(t), looptest.NewManager(t)
		path, got, up := newPath(t), map[string]int{}, false
		line := func(line string) {
			switch what, text, _ := strings.Cut(line, " "); what {
			case "up":
				up = true
			case "got":
				got[text]++
			default:
				t.Error(line)
			}
		}
		child := func(lines int) *killed {
			delay := time.Duration(random.IntN(5000)) * time.Microsecond
			return startChild(t, m, lines, delay, line, "receive", path, broker.url, version, sync)
		}
		k := child(1 + random.IntN(100))
		await(t, m, "the subscription", func() bool { return up })

		next, stop := uint64(0), false
		var s *session.Session
		publish := func() {
			for !stop && s.Pending() < 50 {
				topic, qos := topicOf(next)
				if _, err := s.Publish(&session.Message{Topic: topic, QoS: qos, Data: fmt.Append(nil, next)}); err != nil {
					t.Fatal(err)
				}
				next++
			}
		}
		s, err := session.New(m, &session.Options{URLs: []string{broker.url}, Login: mqtt.Options{ClientID: "source"}},
			func(_ *reactor.Conn, ev reactor.Event, data any) {
				if ev == reactor.EvSessionPub {
					publish()
				}
			}, nil)
		must(t, err)
		publish()
		k.wait(t, m)
		for range kills(t) - 1 {
			child(random.IntN(100)).wait(t, m)
		}
		stop = true
		await(t, m, "the outcomes", func() bool { return s.Pending() == 0 })
		k = child(-1)
		for _, qos := range []uint8{1, 2} { // the last of each topic
			_, err := s.Publish(&session.Message{Topic: fmt.Sprint("kill/", qos), QoS: qos, Data: fmt.Append(nil, "end ", qos)})
			must(t, err)
		}
		await(t, m, "the last messages", func() bool { return got["end 1"] > 0 && got["end 2"] > 0 })
		must(t, k.stdin.Close())
		must(t, k.wait(t, m))
		s.Close()
		looptest.Settle(t, m)
		broker.stop()
		wantEffects(t, path, next, got, broker)
	})
}

// wantEffects checks what a receiver has stored of the messages before next, and that the
// session holds no identifiers that the broker has completed. The broker has ended.
func wantEffects(t *testing.T, path string, next uint64, got map[string]int, broker *mosquitto) {
	t.Helper()
	store := open(t, path, nil)
	pending, violations := broker.pending("receiver"), broker.violations("receiver")
	must(t, store.Load(func(key, _ []byte) error {
		if key[0] == 'i' { // see session/receiver.go
			if id := fmt.Sprint(binary.BigEndian.Uint16(key[1:])); !pending[id] {
				t.Errorf("the session holds the identifier %s, which the broker has completed", id)
			}
		}
		return nil
	}))
	handled, effects, more, excused := 0, uint64(0), 0, 0
	must(t, store.DB().View(func(tx *bbolt.Tx) error {
		for n := range next {
			topic, qos := topicOf(n)
			count := number(tx, fmt.Sprintf("%s %d", topic, n))
			if count == 0 {
				t.Errorf("QoS %d message %d has had no effect", qos, n)
			}
			if qos == 2 && count > 1 {
				more += int(count) - 1
			}
			effects += count
			handled += got[fmt.Sprint(n)]
		}
		for id, n := range violations {
			excused += min(n, int(number(tx, "again "+id)))
		}
		return nil
	}))
	if more != excused {
		t.Errorf("messages of QoS 2 have had %d effects too many; the broker has sent %d of them again after PUBREL", more, excused)
	}
	t.Logf("%d messages, the handler was called %d times, %d effects; the broker has sent %d messages again after PUBREL",
		next, handled, effects, excused)
}
