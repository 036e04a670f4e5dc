package broker

import (
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// willDelay returns the Will Delay Interval of a will. 5.0 section 3.1.3.2.2.
func willDelay(w *mqtt.Will) time.Duration {
	if w == nil {
		return 0
	}
	for i := range w.Props {
		if w.Props[i].ID == mqtt.PropWillDelayInterval {
			return time.Duration(w.Props[i].Int) * time.Second
		}
	}
	return 0
}

// publishWill publishes the will of a client. Its expiry counts from now. It may be called while a
// message is being delivered: the delivery of the will begins in the next turn.
func (b *Broker) publishWill(id string, will *message) {
	msg := will.published(b.m.Now())
	if b.underway+msg.size() > b.limits.Total {
		b.log.Warn("will not published: too many bytes are being delivered", "client", id, "topic", msg.topic)
		return
	}
	p := b.newPublication()
	p.msg, p.id = msg, id
	b.enterLane(p)
}
