package http

import "time"

// timeFormat is the preferred form of times in headers [RFC 9110 5.6.7].
const timeFormat = "Mon, 02 Jan 2006 15:04:05 GMT"

// FormatTime returns t as headers such as Last-Modified and Expires need it, in whole seconds
// [RFC 9110 5.6.7].
func FormatTime(t time.Time) string { return t.UTC().Format(timeFormat) }

// ParseTime parses a time of a header. It accepts the three forms that recipients must accept
// [RFC 9110 5.6.7]. The error is that of time.Parse for the preferred form.
func ParseTime[T ~string | ~[]byte](value T) (time.Time, error) {
	s := string(value)
	t, err := time.Parse(timeFormat, s)
	for _, layout := range [...]string{time.RFC850, time.ANSIC} {
		if err == nil {
			break
		}
		if older, e := time.Parse(layout, s); e == nil {
			return older.UTC(), nil
		}
	}
	return t, err
}
