package interop

import (
	"fmt"
	"strings"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// publication is a copy of a PUBLISH.
type publication struct {
	topic       string
	data        string
	qos         uint8
	retain, dup bool
	props       []string // as show formats them
}

// String returns the QoS, topic and beginning of the data, and the flags and properties
// that are set.
func (p publication) String() string {
	s := fmt.Sprintf("q%d %s=%.40s", p.qos, p.topic, p.data)
	if p.retain {
		s += " retain"
	}
	if p.dup {
		s += " dup"
	}
	if len(p.props) > 0 {
		s += " {" + strings.Join(p.props, ", ") + "}"
	}
	return s
}

func show(p mqtt.Property) string {
	switch {
	case len(p.Key) > 0:
		return fmt.Sprintf("%s %s=%s", p.ID, p.Key, p.Value)
	case p.Value != nil:
		return fmt.Sprintf("%s %s", p.ID, p.Value)
	}
	return fmt.Sprintf("%s %d", p.ID, p.Int)
}

// showAll shows publications, one behind the other.
func showAll(got []publication) string {
	var all []string
	for _, p := range got {
		all = append(all, p.String())
	}
	return strings.Join(all, "; ")
}
