package mqtt

import "bytes"

// ValidTopic reports whether topic is a valid topic name for a PUBLISH: 1 to 65,535 bytes of
// UTF-8 without U+0000 and without wildcards
// [MQTT-3.3.2-2] [MQTT-4.7.3-1] [MQTT-4.7.3-2] [MQTT-4.7.3-3].
func ValidTopic[T ~string | ~[]byte](topic T) bool {
	b := []byte(topic)
	return len(b) > 0 && validText(b) && !hasWildcard(b)
}

// ValidFilter reports whether filter is a valid topic filter in the given version (0 means
// 4). In 5.0 a filter that begins with "$share/" must be a shared subscription
// [MQTT-4.8.2-1] [MQTT-4.8.2-2]. 3.1.1 has no shared subscriptions.
func ValidFilter[T ~string | ~[]byte](filter T, version uint8) bool {
	b := []byte(filter)
	if !validText(b) {
		return false
	}
	if version == 5 && isShared(b) {
		_, inner, ok := splitShare(b)
		return ok && checkFilter(inner) == filterValid
	}
	return checkFilter(b) == filterValid
}

func validText(b []byte) bool { return len(b) <= maxField && validUTF8(b) && !hasNUL(b) }

// SplitShare splits "$share/group/filter" into the share name and the topic filter. ok is
// false if filter is not a shared subscription [MQTT-4.8.2-1] [MQTT-4.8.2-2].
func SplitShare(filter string) (group, inner string, ok bool) {
	if g, i, ok := splitShare([]byte(filter)); ok {
		return string(g), string(i), true
	}
	return "", "", false
}

const sharePrefix = "$share/"

func isShared(filter []byte) bool {
	return len(filter) >= len(sharePrefix) && string(filter[:len(sharePrefix)]) == sharePrefix
}

// splitShare is SplitShare for bytes. The share name must not contain wildcards. inner must not
// be empty, but splitShare does not check whether it is a valid topic filter.
func splitShare(filter []byte) (group, inner []byte, ok bool) {
	if !isShared(filter) {
		return nil, nil, false
	}
	group, inner, ok = bytes.Cut(filter[len(sharePrefix):], []byte("/"))
	return group, inner, ok && len(group) > 0 && len(inner) > 0 && !hasWildcard(group)
}

// The results of checkFilter.
const (
	filterValid = iota
	filterEmpty // [MQTT-4.7.3-1]
	filterHash  // # is not the last level [MQTT-4.7.1-2] [MQTT-4.7.1-1]
	filterPlus  // + is not a whole level [MQTT-4.7.1-3] [MQTT-4.7.1-2]
)

// checkFilter checks the length and the wildcards of a topic filter.
func checkFilter(b []byte) int {
	if len(b) == 0 {
		return filterEmpty
	}
	for i, ch := range b {
		if ch != '#' && ch != '+' {
			continue
		}
		levelStart := i == 0 || b[i-1] == '/'
		last := i == len(b)-1
		switch {
		case ch == '#' && !(levelStart && last):
			return filterHash
		case ch == '+' && !(levelStart && (last || b[i+1] == '/')):
			return filterPlus
		}
	}
	return filterValid
}

// Match reports whether a topic name matches a topic filter. Both must be valid. It compares
// bytes without normalization [MQTT-4.7.3-4]. A filter that begins with a wildcard does not
// match a name that begins with $ [MQTT-4.7.2-1]. For a shared subscription, pass the inner
// filter that SplitShare returns.
func Match[F, T ~string | ~[]byte](filter F, topic T) bool {
	if len(filter) == 0 || len(topic) == 0 {
		return false
	}
	if topic[0] == '$' && (filter[0] == '+' || filter[0] == '#') {
		return false
	}
	f, t := 0, 0
	for { // f and t are at the beginning of a level
		switch {
		case f < len(filter) && filter[f] == '#':
			return true // any number of levels
		case f < len(filter) && filter[f] == '+':
			for f++; t < len(topic) && topic[t] != '/'; t++ {
			}
		default:
			for f < len(filter) && t < len(topic) && filter[f] == topic[t] && topic[t] != '/' {
				f, t = f+1, t+1
			}
		}
		switch {
		case t == len(topic): // a/# also matches a, because # includes the parent level
			return f == len(filter) ||
				f+2 == len(filter) && filter[f] == '/' && filter[f+1] == '#'
		case f == len(filter) || filter[f] != '/' || topic[t] != '/':
			return false
		}
		f, t = f+1, t+1
	}
}
