package mqtt_test

import (
	"slices"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// A server that keeps the identifiers of a session gets each QoS 2 message once, over several
// connections, and PUBREL is answered [MQTT-4.3.3-10].
func TestKeepUnreleased(t *testing.T) {
	for _, v := range []uint8{4, 5} {
		m := looptest.NewManager(t)
		var ids mqtt.Unreleased
		var got []string
		keep := true
		l, err := mqtt.Listen(m, "mqtt://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
			switch ev {
			case reactor.EvMQTTCmd:
				if data.(*mqtt.Message).Cmd != mqtt.CmdConnect {
					return
				}
				if keep {
					if err := mqtt.KeepUnreleased(c, &ids); err != nil {
						t.Error(err)
					}
				}
				mqtt.Connack(c, false, 0)
			case reactor.EvMQTTMsg:
				got = append(got, string(data.(*mqtt.Message).Data))
			}
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		connect := func(packets ...[]byte) (answers []string) {
			c := looptest.DialSocket(t, l.LocalAddr())
			var stream []byte
			login, _ := mqtt.AppendConnect(nil, v, &mqtt.ConnectPacket{ClientID: "a", CleanStart: true})
			c.WriteString(string(login))
			for _, p := range packets {
				stream = append(stream, p...)
			}
			c.WriteString(string(stream))
			looptest.Await(t, m, "the answers", func() bool {
				c.Receive()
				var msg mqtt.Message
				n, err := mqtt.Parse(c.In, v, &msg)
				if err != nil {
					return false
				}
				answers = append(answers, msg.Cmd.String())
				if msg.Ack != 0 {
					answers[len(answers)-1] += " " + msg.Ack.Name(v)
				}
				c.In = c.In[n:]
				return len(answers) == len(packets)+1
			})
			return answers[1:]
		}
		publish := func(id uint16, dup bool) []byte {
			p, err := mqtt.AppendPublish(nil, v, &mqtt.PublishPacket{QoS: 2, ID: id, Dup: dup, Topic: "t", Data: []byte{byte('a' + id)}})
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		pubrel := func(id uint16) []byte {
			p, _ := mqtt.AppendAck(nil, v, mqtt.CmdPubrel, id, 0, nil)
			return p
		}
		unknown := map[uint8]string{4: "PUBCOMP", 5: "PUBCOMP Packet identifier not found"}[v]
		for _, step := range []struct {
			keep     bool
			packets  [][]byte
			answers  []string
			messages []string
			left     int
		}{
			{true, [][]byte{publish(1, false), publish(2, false), publish(3, false), pubrel(3)}, []string{"PUBREC", "PUBREC", "PUBREC", "PUBCOMP"}, []string{"b", "c", "d"}, 2},
			{true, [][]byte{publish(1, true), pubrel(1), pubrel(1), publish(1, false)}, []string{"PUBREC", "PUBCOMP", unknown, "PUBREC"}, []string{"b"}, 2},
			{false, [][]byte{publish(2, true), pubrel(1)}, []string{"PUBREC", unknown}, []string{"c"}, 2}, // another session
			{true, [][]byte{pubrel(2), pubrel(1)}, []string{"PUBCOMP", "PUBCOMP"}, nil, 0},
		} {
			got, keep = nil, step.keep
			if answers := connect(step.packets...); !slices.Equal(answers, step.answers) || !slices.Equal(got, step.messages) || ids.Len() != step.left {
				t.Fatalf("v%d: answers %q, want %q; messages %q, want %q; %d identifiers are left, want %d", v, answers, step.answers, got, step.messages, ids.Len(), step.left)
			}
		}
		connect(publish(4, false))
		if !ids.Remove(4) || ids.Remove(4) {
			t.Errorf("v%d: the identifier of a message is not in the set once", v)
		}
		if got = nil; len(connect(publish(4, true))) != 1 || len(got) != 1 {
			t.Errorf("v%d: a message that was refused came again, and was delivered %d times", v, len(got))
		}
	}
}

func TestKeepUnreleasedErrors(t *testing.T) {
	m := looptest.NewManager(t)
	c, err := m.Listen("tcp://127.0.0.1:0", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var ids mqtt.Unreleased
	looptest.WantErr(t, mqtt.KeepUnreleased(c, &ids), mqtt.ErrNotMQTT, "")
	client, err := mqtt.Connect(m, "mqtt://"+c.LocalAddr().String(), nil, func(*reactor.Conn, reactor.Event, any) {}, nil)
	if err != nil {
		t.Fatal(err)
	}
	looptest.WantErr(t, mqtt.KeepUnreleased(client, &ids), nil, "was not accepted")
	client.Close()
	looptest.Spin(t, m, 2)
	looptest.WantErr(t, mqtt.KeepUnreleased(client, &ids), reactor.ErrClosed, "")
}
