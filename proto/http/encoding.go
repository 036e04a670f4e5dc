package http

import "bytes"

// acceptsGzip reports whether the client of a request accepts a body that is compressed with gzip,
// and does not prefer one that is not [RFC 9110 12.5.3].
func acceptsGzip(hm *Message) bool {
	gzip, other, identity := -1, -1, -1 // weights; -1 if not listed
	for i := range hm.Headers {
		h := &hm.Headers[i]
		if !equalFold(h.Name, "Accept-Encoding") {
			continue
		}
		for rest, more := h.Value, true; more; {
			var item []byte
			item, rest, more = bytes.Cut(rest, comma)
			coding, params, _ := bytes.Cut(item, semicolon)
			w := weight(params)
			switch coding = trimBlanks(coding); {
			case equalFold(coding, "gzip"), equalFold(coding, "x-gzip"): // [RFC 9110 8.4.1.3]
				gzip = max(gzip, w)
			case equalFold(coding, "identity"):
				identity = w
			case string(coding) == "*":
				other = w
			}
		}
	}
	if gzip < 0 {
		gzip = other
	}
	return gzip > 0 && gzip >= identity
}

// weight returns the weight in the parameters of a list member, in thousandths. It is 1000 if there
// is none, and 0 if it is malformed [RFC 9110 12.4.2].
func weight(params []byte) int {
	params = trimBlanks(params)
	if len(params) == 0 {
		return 1000
	}
	name, value, found := bytes.Cut(params, equals)
	if !found || !equalFold(name, "q") || len(value) == 0 || len(value) > 5 {
		return 0
	}
	whole, digits, dot := bytes.Cut(value, []byte{'.'})
	if len(whole) != 1 || whole[0] > '1' || whole[0] < '0' || dot && !allOf(digits, classDigit) {
		return 0
	}
	w, unit := int(whole[0]-'0')*1000, 100
	for _, c := range digits {
		w += int(c-'0') * unit
		unit /= 10
	}
	if w > 1000 {
		return 0
	}
	return w
}
