// Package session keeps an MQTT session alive over many connections. It reconnects, sends again
// what was not acknowledged, subscribes again if the server has lost the session, and tells the
// outcome of each message exactly once. It speaks MQTT 3.1.1 and 5.0 over tcp, TLS and WebSocket.
//
//	s, err := session.New(m, &session.Options{
//		URLs:  []string{"mqtt://127.0.0.1"},
//		Login: mqtt.Options{ClientID: "sensor-7"},
//	}, handler, nil)
//
// The handler has the same shape as that of a connection, and gets the events of the session's
// connections, one connection after the other. It also gets the events EvSessionUp,
// EvSessionDown, EvSessionRetry, EvSessionPub and EvSessionSub.
//
// # How the package is built
//
// A session is made of state machines. They take the time and decoded packets, and give bytes and
// events. They know no sockets and no goroutines, so they are tested without them.
//
//	file                 state machine
//	connector.go         when to connect, and to which URL: back-off, refusals, other servers
//	sender.go            messages that are published, until each has its outcome
//	receiver.go          messages that are received, until each is acknowledged
//	subscriptions.go     topic filters, until the server has answered, and after a lost session:
//	                     batches.go has their packets, routes.go finds the handlers of a message
//	authentication.go    the exchange of AUTH packets
//
// The rest puts them on connections of package mqtt:
//
//	session.go           New and the calls of the program; check.go has the checks of the options
//	load.go              the entries of the store
//	attempt.go           the life of the connections
//	events.go            from the events of a connection to the state machines
//	pump.go              from the state machines to the connection and to the program
//	close.go             Close, Drain, and the final event
//	request.go           requests and their replies
//
// After each read and each call, pump asks the machines for packets, commits the store, appends the
// packets to Send, and tells the outcomes.
package session
