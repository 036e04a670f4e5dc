package mqtt_test

import (
	"regexp"
	"slices"
	"strings"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// alsoShows finds further numbers in front of the text of a malformed packet: "3.1.2-18, -20: …".
var alsoShows = regexp.MustCompile(`^(\d+\.\d+\.\d+)-(\d+)(?:, -(\d+))*: `)

// malformedRows makes a row of each malformed packet that the codec is tested with: a connection
// that receives the packet fails. The packet shows the statement that Parse names. Packets that
// break a rule without a number show the statement about malformed packets.
func malformedRows() (rows []tester) {
	for _, p := range malformedPackets {
		r := row{v: p.version, in: p.bytes, code: p.code, rule: p.rule, name: "refused: " + p.why}
		number, ok := strings.CutPrefix(p.rule, "MQTT-")
		if number == "3-8.3-4" { // the standard has this number
			number = "3.8.3-4"
		}
		if !ok {
			number = map[uint8]string{4: "4.8.0-1", 5: "4.13.1-1"}[p.version]
		}
		r.shows = onlyIn(p.version, number)
		if m := alsoShows.FindStringSubmatch(p.why); m != nil {
			for _, n := range m[2:] {
				if n != "" && m[1]+"-"+n != number {
					r.shows += " " + onlyIn(p.version, m[1]+"-"+n)
				}
			}
			r.name = "refused: " + p.why[len(m[0]):]
		}
		buf := pack(p.bytes)
		cmd := mqtt.Cmd(buf[0] >> 4)
		if cmd > 0 && cmd < mqtt.CmdAuth && !strings.Contains(r.name, cmd.String()) {
			r.name += " in " + cmd.String()
		}
		r.at = provedBy(buf, p.version)
		r.side, r.early = receiverOf(cmd, p.version)
		if r.early && r.side == "server" {
			r.sends = answerTo(p)
		}
		rows = append(rows, r)
	}
	return rows
}

// onlyIn returns what shown returns for a number of one version.
func onlyIn(version uint8, number string) string {
	if version == 5 {
		return "/" + number
	}
	return number + "/"
}

// provedBy returns the number of bytes that prove a violation: the first byte if its flags or
// type are wrong, the fixed header if the length is wrong, otherwise the packet. It follows the
// standards and does not ask the codec.
func provedBy(buf []byte, version uint8) int {
	cmd, flags, size := mqtt.Cmd(buf[0]>>4), buf[0]&0x0f, 2
	for size < 5 && buf[size-1]&0x80 != 0 {
		size++
	}
	reserved := byte(0)
	if cmd == mqtt.CmdPubrel || cmd == mqtt.CmdSubscribe || cmd == mqtt.CmdUnsubscribe {
		reserved = 2
	}
	fixed := -1 // the only length of the type
	switch cmd {
	case mqtt.CmdPingreq, mqtt.CmdPingresp:
		fixed = 0
	case mqtt.CmdConnack, mqtt.CmdPuback, mqtt.CmdPubrec, mqtt.CmdPubrel, mqtt.CmdPubcomp, mqtt.CmdUnsuback:
		if version == 4 {
			fixed = 2
		}
	case mqtt.CmdDisconnect:
		if version == 4 {
			fixed = 0
		}
	}
	qos, dup := flags>>1&3, flags&8 != 0
	switch {
	case cmd == 0, cmd == mqtt.CmdAuth && version == 4:
		return 1
	case cmd == mqtt.CmdPublish && (qos == 3 || qos == 0 && dup), cmd != mqtt.CmdPublish && flags != reserved:
		return 1
	case buf[size-1]&0x80 != 0: // five bytes of length
		return size
	case version == 5 && cmd != mqtt.CmdConnect && size > 2 && buf[size-1] == 0: // longer than it need be
		return size
	case fixed >= 0 && int(buf[1]) != fixed:
		return size
	}
	return len(buf)
}

// receiverOf returns the side that receives packets of a type, and whether it receives them
// before the connection is open.
func receiverOf(cmd mqtt.Cmd, version uint8) (side string, early bool) {
	switch cmd {
	case mqtt.CmdConnect:
		return "server", true
	case mqtt.CmdConnack:
		return "client", true
	case mqtt.CmdSubscribe, mqtt.CmdUnsubscribe, mqtt.CmdPingreq:
		return "server", false
	case mqtt.CmdSuback, mqtt.CmdUnsuback, mqtt.CmdPingresp:
		return "client", false
	case mqtt.CmdDisconnect:
		if version == 4 {
			return "server", false
		}
	}
	return "", false
}

// answerTo returns the CONNACK after a malformed CONNECT. Only a wrong version and an empty
// client identifier get one.
func answerTo(p malformedPacket) string {
	switch {
	case p.code == mqtt.ReasonUnsupportedVersion:
		return "20 02 00 01"
	case p.code == mqtt.ReasonClientIDNotValid:
		return "20 02 00 02"
	}
	return ""
}

// isTrap reports whether a number is of trapStatements.
func isTrap(number string) bool {
	return slices.ContainsFunc(trapStatements, func(s statement) bool { return s.v4 == number || s.v5 == number })
}
