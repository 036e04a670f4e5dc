// Package bolt keeps MQTT sessions in a file, so that they survive the process. It is a Store of
// package session, on go.etcd.io/bbolt: a B+ tree in one file, with transactions.
//
//	store, err := bolt.Open("sensor-7.db", nil)
//	s, err := session.New(m, &session.Options{
//		URLs:   []string{"mqtt://127.0.0.1"},
//		Login:  mqtt.Options{ClientID: "sensor-7"},
//		Expiry: session.Forever,
//		Store:  store,
//	}, handler, nil)
//
// # What survives
//
// Each Commit of the session is one transaction of bbolt: after a restart all of its changes are
// there, or none.
//
//	                    default          Options.NoSync
//	process is killed   survives         survives
//	power loss          survives         lost changes, and possibly a damaged file
//	cost of a Commit    waits for fsync  a few writes to the page cache
//
// The session commits once per turn of the loop, not once per message.
//
// # Data of the program
//
// Tx is the transaction that the session commits next. What the program writes with it is committed
// together with the state of the session. This makes a receiver of QoS 2 messages exactly-once even
// if it is killed: a message's effect and its packet identifier are in the file, or neither is, and
// then the server delivers the message again. In the same way a publisher stores how far it got in
// its input together with the message.
//
// # The file
//
// New files have the mode 0600: messages may be secret. One process has the file open at a time.
// The file grows while messages wait. It does not shrink: the pages of messages that have their
// outcome are used again. Above 16 MiB it grows in steps of 16 MiB. To make it smaller, close it
// and run "bbolt compact", or delete it if no message waits and the session may be lost.
//
// Open returns an error for a file that is not a database. If a database is damaged or was cut
// off, bbolt panics, and the program may end with a fault in the mapped file. Do not edit, truncate
// or replace the file while it is open: another process could open the new one.
package bolt
