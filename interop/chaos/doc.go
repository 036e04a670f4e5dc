// Command chaos publishes messages through a network that fails, and checks what arrives.
//
//	go run -C interop/chaos .
//	go run -C interop/chaos . -broker mochi -qos 2 -messages 20000 -seed 7
//
// A publisher and a subscriber are sessions of package proto/mqtt/session. Each connects to the
// broker through a proxy that cuts connections, delays, splits and throttles the bytes, and stops
// to forward them while the connection stays open. What the proxy does to a connection follows from
// the seed and the number of the connection. When the bytes arrive depends on the machine, so a
// seed does not repeat a run exactly.
//
// A run fails if
//
//   - a message has no outcome, two outcomes, or another outcome than Acknowledged,
//   - a message of QoS 1 does not arrive, or one of QoS 2 does not arrive exactly once,
//   - the messages of a topic arrive in another order (QoS 1: their first arrivals),
//   - there were fewer cuts than asked for,
//   - the sessions hold more memory than their limits allow.
//
// The broker is mosquitto, or mochi in this process. Brokers have faults of their own. So a witness
// checks what the broker gets from the publisher, and the subscriber compares what its handler gets
// with the packets that the broker has sent. What the broker itself repeats, loses or reorders is
// counted separately.
package main
