package mqtt

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/rikki-go/rikki/reactor"
)

// SendPackets sends complete packets that Append functions have made. Over WebSocket they are one
// message [MQTT-6.0.0-2], unless the connection is one of Login. Nothing is copied if packets was
// appended to c.Send.AvailableBuffer():
//
//	packets, err := mqtt.AppendPublish(c.Send.AvailableBuffer(), version, &p)
//	...
//	err = mqtt.SendPackets(c, packets)
//
// SendPackets returns an error, and sends nothing, if packets does not end at the end of a packet,
// if it contains CONNECT, CONNACK, DISCONNECT or AUTH, for which there are calls, and if a packet
// is larger than the peer allows. Packet identifiers are in use as after Pub and Sub, and Receive
// Maximum applies, unless the connection is one of Options.Manual. For the other limits of the
// peer see Capabilities.CheckPublish. SendPackets also returns the errors of Pub. It returns nil
// if packets is empty.
func SendPackets(c *reactor.Conn, packets []byte) error {
	l, err := layerOf(c)
	if err != nil {
		return err
	}
	if err := l.maySend(c); err != nil || len(packets) == 0 {
		return err
	}
	identified, err := l.checkPackets(packets)
	if err != nil {
		return err
	}
	if !identified {
		return l.append(c, packets)
	}
	var memory [16]uint16
	taken, err := l.takeIDs(packets, memory[:0])
	if err == nil {
		err = l.append(c, packets)
	}
	if err != nil {
		for _, id := range taken {
			l.returnID(id)
		}
	}
	return err
}

// checkPackets checks the fixed headers of packets that the program wants to send. identified is
// true if takeIDs must look at them.
func (l *layer) checkPackets(packets []byte) (identified bool, err error) {
	for ofs := 0; ofs < len(packets); {
		h, n, err := ParseHeader(packets[ofs:], l.version)
		size := n + h.Remaining
		switch {
		case err == ErrIncomplete || err == nil && len(packets)-ofs < size:
			return false, fmt.Errorf("mqtt: SendPackets of a part of a packet: the packet at offset %d is incomplete", ofs)
		case err != nil:
			return false, err
		case h.Cmd == CmdConnect || h.Cmd == CmdConnack || h.Cmd == CmdDisconnect || h.Cmd == CmdAuth:
			return false, errors.New("mqtt: SendPackets of " + h.Cmd.String() + ": use Connect, Login, Connack, DisconnectCode or Auth")
		case l.v5 != nil:
			if err := l.v5.peer.checkSize(size); err != nil {
				return false, err
			}
		}
		switch h.Cmd {
		case CmdPublish:
			identified = identified || h.Flags>>1&3 > 0
		case CmdPubrel, CmdSubscribe, CmdUnsubscribe:
			identified = true
		}
		ofs += size
	}
	return identified, nil
}

// takeIDs takes the packet identifiers of packets, whose fixed headers are valid. It appends those
// to taken that were not in use, also if it returns an error.
func (l *layer) takeIDs(packets []byte, taken []uint16) ([]uint16, error) {
	for len(packets) > 0 && !l.ownFlows {
		h, n, _ := ParseHeader(packets, l.version)
		body := packets[n : n+h.Remaining]
		packets = packets[n+h.Remaining:]
		qos := uint8(2) // of PUBREL's message
		switch h.Cmd {
		case CmdPublish:
			if qos = h.Flags >> 1 & 3; qos == 0 {
				continue
			}
			_, topic := readPrefixed(body)
			body = body[topic:]
		case CmdPubrel, CmdSubscribe, CmdUnsubscribe:
		default:
			continue
		}
		if len(body) < 2 {
			return taken, ErrIncomplete
		}
		id := binary.BigEndian.Uint16(body)
		ok, err := l.takeForPacket(h, id, qos)
		if err != nil {
			return taken, err
		}
		if ok {
			taken = append(taken, id)
		}
	}
	return taken, nil
}

// takeForPacket takes the identifier of a packet. It may be in use by the same message if the
// packet is PUBREL, or a PUBLISH with DUP. qos is that of the message.
func (l *layer) takeForPacket(h Header, id uint16, qos uint8) (taken bool, err error) {
	ids := l.makeIDs()
	inUse, isPublish := ids.sent.InUse(id), h.Cmd == CmdPublish
	if id == 0 {
		return false, ErrPacketIDInUse
	}
	if isPublish && !inUse {
		if err := l.checkWindow(); err != nil {
			return false, err
		}
	}
	switch {
	case h.Cmd == CmdPubrel || isPublish && h.Flags&flagDup != 0:
		return l.retakeID(id, qos)
	case isPublish:
		_, err = l.takeMessageID(id, qos)
	default:
		if _, err = l.takeID(id); err == nil {
			ids.subs.Add(id)
		}
	}
	return err == nil, err
}
