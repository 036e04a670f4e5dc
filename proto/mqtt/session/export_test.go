package session

// SetRandom sets the source of random numbers of a session.
func SetRandom(o *Options, random func(n int64) int64) { o.random = random }
