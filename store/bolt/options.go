package bolt

import (
	"cmp"
	"time"
)

// Options are the options of Open. Nil and zero fields are the defaults.
type Options struct {
	// Bucket is the name of the bucket that holds the session. It is created if the file does not
	// have it. The default is "mqtt session". The program may use all other buckets for itself.
	Bucket string
	// NoSync leaves out fsync. A commit is much cheaper then. It survives a killed process, but not
	// a power loss or a crash of the kernel: those may lose commits and may damage the file.
	NoSync bool
	// LockTimeout is how long Open waits if another process has the file open, and how long a
	// commit waits for the transaction of another session in the file. The wait blocks the event
	// loop. Zero is one second; a negative value does not wait.
	LockTimeout time.Duration
}

// The defaults of Options.
const (
	defaultBucket      = "mqtt session"
	defaultLockTimeout = time.Second
)

// resolved returns the options with all defaults filled in.
func (o *Options) resolved() Options {
	if o == nil {
		o = &Options{}
	}
	return Options{
		Bucket:      cmp.Or(o.Bucket, defaultBucket),
		NoSync:      o.NoSync,
		LockTimeout: cmp.Or(o.LockTimeout, defaultLockTimeout),
	}
}
