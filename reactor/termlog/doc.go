// Package termlog writes log records for people who read a terminal: one line with the time, the
// level, the place in the source and the message, and hexdumps as lines below it. It is a handler
// for log/slog, in the format of Mongoose's MG_INFO:
//
//	15:04:05.000 INFO  main.go:42  listening url=tcp://127.0.0.1:7000 local=127.0.0.1:7000
//
// A program gives its logger to the manager, and uses the same one for its own records:
//
//	log := termlog.New(os.Stderr, slog.LevelInfo)
//	m, err := reactor.New(reactor.WithLogger(log))
//
// What peers say can neither change the terminal nor fill the log: control characters are
// escaped, long texts are cut, and Limit bounds the number of records. Attributes without a value
// are left out: an empty text, a nil error, and the address of a connection that has none.
//
// A program whose log is read by other programs uses slog.NewJSONHandler instead.
package termlog
