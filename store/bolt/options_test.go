package bolt

import (
	"testing"
	"time"
)

func TestOptionsResolved(t *testing.T) {
	for _, row := range []struct {
		opts *Options
		want Options
	}{
		{nil, Options{Bucket: "mqtt session", LockTimeout: time.Second}},
		{&Options{}, Options{Bucket: "mqtt session", LockTimeout: time.Second}},
		{&Options{Bucket: "b", NoSync: true, LockTimeout: -1}, Options{Bucket: "b", NoSync: true, LockTimeout: -1}},
	} {
		if got := row.opts.resolved(); got != row.want {
			t.Errorf("%+v: %+v", row.opts, got)
		}
	}
}
