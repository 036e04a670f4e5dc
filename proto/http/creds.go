package http

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// Creds returns the credentials of a request, like mg_http_creds. It takes them from the first
// of these places that has some:
//
//	Authorization: Basic …    user and password [RFC 7617 2]
//	Authorization: Bearer …   the token as the password; user is empty [RFC 6750 2.1]
//	Cookie: access_token=…    the same
//	?access_token=…           the same [RFC 6750 2.3]
//
// Both are empty if there are no credentials or if they are malformed. To compare a secret, use
// crypto/subtle's ConstantTimeCompare.
func (m *Message) Creds() (user, password string) {
	scheme, rest, _ := strings.Cut(string(m.Header("Authorization")), " ")
	rest = strings.Trim(rest, " \t")
	switch { // schemes are case-insensitive [RFC 9110 11.1]
	case strings.EqualFold(scheme, "Basic"):
		pair, err := base64.StdEncoding.DecodeString(rest)
		user, password, ok := strings.Cut(string(pair), ":")
		if err != nil || !ok {
			return "", ""
		}
		return user, password
	case strings.EqualFold(scheme, "Bearer"):
		return "", rest
	}
	if token := m.Cookie("access_token"); len(token) > 0 {
		return "", string(token)
	}
	token, _ := Var(nil, m.Query, "access_token")
	return "", string(token)
}

// BasicAuth returns the header line "Authorization: Basic …\r\n" for a request, like
// mg_http_bauth. It returns an error if user contains a colon, because the server would take
// the rest for the password, or if user or password contains a control byte [RFC 7617 2].
func BasicAuth(user, password string) (header string, err error) {
	switch {
	case strings.Contains(user, ":"):
		return "", fmt.Errorf("http: BasicAuth: user name %q contains a colon", user)
	case hasControl(user):
		return "", fmt.Errorf("http: BasicAuth: user name %q contains a control byte", user)
	case hasControl(password):
		return "", fmt.Errorf("http: BasicAuth: the password contains a control byte")
	}
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password)) + "\r\n", nil
}

// hasControl reports whether s contains an ASCII control byte.
func hasControl(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return true
		}
	}
	return false
}
