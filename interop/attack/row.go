//go:build linux

package main

import "net"

// row is one attack and what it may cost.
type row struct {
	name      string
	server    string // of servers, or an example's name
	bystander string // of protocols
	attack    func(a *attacker) error
	files     int  // RLIMIT_NOFILE of the server; 0: the same as this process has
	late      bool // the deadlines pass while the attacker still holds its connections
	slow      bool // not part of the short form

	memory int // bound of the server's peak memory, in bytes
	reason string
	log    int // bound of the log: bytes for each byte that the attacker sends, beside smallLog
}

const mb = 1 << 20

// smallLog is the bound of a row's log, in bytes. An attack that causes a few records per
// connection stays below it, because records are rate-limited.
const smallLog = 1 * mb

// packetLog is the log that one byte to mqtt-server may cause: a packet of 15 bytes is a line.
const packetLog = 10

// base is what a server without load may take: program, stacks, and what the garbage collector
// leaves between two collections.
const base = 64 * mb

// budget is reactor's default memory budget for unfinished messages, and what the garbage
// collector adds: it collects when the heap has doubled, and returns memory to the system later.
const budget = 2*256*mb + 2*base

func closeIt(c net.Conn) { c.Close() }

// rows are the attacks, in the order of the table.
var rows = append(append(append(append([]*row{}, httpRows...), wsRows...), mqttRows...), otherRows...)

var httpRows = []*row{
	{name: "http-pipeline-send8", server: "http-send8", bystander: "http", attack: pipelineUnread("/1m"),
		memory: base + 64*mb, reason: "8 MiB unsent, and one more page"},
	{name: "http-pipeline-unread", server: "http", bystander: "http", attack: pipelineUnread("/1m"),
		memory: base + 32*mb, reason: "1 MiB of backpressure, and one more page"},
	{name: "http-pipeline-10k", server: "http", bystander: "http", attack: pipelineRead("/10k"),
		memory: base + 64*mb, reason: "8 connections with 1 MiB of backpressure each"},
	{name: "http-pipeline-tiny", server: "http", bystander: "http", attack: pipelineRead("/10"),
		memory: base + 64*mb, reason: "8 connections with 1 MiB of backpressure each"},
	{name: "http-pipeline-reset", server: "http", bystander: "http", attack: pipelineLeave(reset),
		memory: base + 64*mb, reason: "few connections at once, 1 MiB of backpressure each"},
	{name: "http-pipeline-close", server: "http", bystander: "http", attack: pipelineLeave(closeIt),
		memory: base + 64*mb, reason: "few connections at once, 1 MiB of backpressure each"},
	{name: "http-tiny-chunks", server: "http", bystander: "http", attack: tinyChunks,
		memory: base + 32*mb, reason: "4 bodies of 600 KB with their framing"},
	{name: "http-100-headers", server: "http", bystander: "http", attack: headerBomb(100, 160),
		memory: base, reason: "4 headers of 16 KB"},
	{name: "http-10000-headers", server: "http", bystander: "http", attack: headerBomb(10_000, 16),
		memory: base, reason: "a header of more than 16 KB is refused"},
	{name: "http-header-bytes", server: "http", bystander: "http", attack: headerBytes,
		memory: base, reason: "16 headers of 16 KB"},
	{name: "http-slowloris", server: "http", bystander: "http", attack: slowloris, late: true,
		memory: base, reason: "2,000 connections with the beginning of a header"},
	{name: "http-slow-bodies", server: "http", bystander: "http", attack: slowBodies, late: true,
		memory: base + 64*mb, reason: "2,000 connections with the beginning of a body"},
	{name: "http-held-bodies", server: "http", bystander: "http", attack: heldBodies, late: true,
		memory: budget, reason: "the memory budget"},
	{name: "http-between-requests", server: "http", bystander: "http", attack: betweenRequests, late: true,
		memory: base, reason: "2,000 idle connections"},
	{name: "http-close-unread", server: "http", bystander: "http",
		attack: unreadPages(60, 12, "GET /8m HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), late: true,
		memory: base + 60*20*mb, reason: "60 answers of 8 MB, in buffers that grow by doubling"},
	{name: "http-unread-pages", server: "http", bystander: "http",
		attack: unreadPages(200, 40, request("/1m")), late: true,
		memory: base + 200*3*mb, reason: "200 answers of 1 MB, in buffers that grow by doubling"},
	{name: "http-300-files", server: "http", bystander: "http-new", attack: idle(400, 400), files: 300, late: true,
		memory: base, reason: "300 idle connections"},
}

var wsRows = []*row{
	{name: "ws-echo-unread", server: "ws", bystander: "ws", attack: frames(4, frame(0x82, make([]byte, 32<<10)), false),
		memory: base + 64*mb, reason: "4 connections with 1 MiB of backpressure each"},
	{name: "ws-tiny-unread", server: "ws", bystander: "ws", attack: frames(4, many(frame(0x82, []byte("x"))), false),
		memory: base + 64*mb, reason: "4 connections with 1 MiB of backpressure each"},
	{name: "ws-tiny", server: "ws", bystander: "ws", attack: frames(4, many(frame(0x82, []byte("x"))), true),
		memory: base + 64*mb, reason: "4 connections with 1 MiB of backpressure each"},
	{name: "ws-trickled", server: "ws", bystander: "ws", attack: trickledFrames,
		memory: base, reason: "8 frames of 1,000 bytes"},
	{name: "ws-slow", server: "ws", bystander: "ws", attack: slowFrames, late: true,
		memory: base, reason: "2,000 beginnings of a frame"},
	{name: "ws-empty-fragments", server: "ws", bystander: "ws", attack: emptyFragments,
		memory: base, reason: "fragments without bytes"},
	{name: "ws-held-fragments", server: "ws", bystander: "ws", attack: heldFragments, late: true,
		memory: budget + 256*mb, reason: "the memory budget, and what messages leave behind that grow by doubling"},
	{name: "ws-pings", server: "ws", bystander: "ws", attack: frames(4, many(frame(0x89, make([]byte, 125))), true),
		memory: base + 64*mb, reason: "4 connections with 1 MiB of backpressure each"},
	{name: "ws-pings-unread", server: "ws", bystander: "ws", attack: frames(4, many(frame(0x89, nil)), false),
		memory: base + 64*mb, reason: "4 connections with 1 MiB of backpressure each"},
	{name: "ws-pipelined-deflate", server: "ws-deflate", bystander: "ws", attack: frames(4, many(frame(0x82, []byte("x"))), true),
		memory: base + 64*mb, reason: "4 connections with 1 MiB of backpressure each"},
	{name: "ws-deflate-unread", server: "ws-wrap", bystander: "ws", attack: compressedFrames(false),
		memory: base + 64*mb, reason: "4 connections with 1 MiB of backpressure each"},
	{name: "ws-deflate-read", server: "ws-deflate", bystander: "ws", attack: compressedFrames(true),
		memory: base + 64*mb, reason: "4 connections with 1 MiB of backpressure each"},
	{name: "ws-bombs", server: "ws-deflate", bystander: "ws", attack: bombs(0),
		memory: base + 128*mb, reason: "10 messages are refused after 100 times their size or 1 MiB"},
	{name: "ws-bombs-ratio-90", server: "ws-deflate", bystander: "ws", attack: bombs(165_000),
		memory: budget + 256*mb, reason: "10 messages of 16 MiB, in buffers that grow by doubling"},
}

var mqttRows = []*row{
	{name: "mqtt-subscribe-million", server: "mqtt-server", bystander: "mqtt", log: packetLog, attack: subscribeMillion,
		memory: base + 64*mb, reason: "a packet of 4 MiB"},
	{name: "mqtt-subscribe-retained", server: "mqtt-server", bystander: "mqtt", log: packetLog, attack: subscribeRetained,
		memory: base + 64*mb, reason: "15,000 retained messages"},
	{name: "mqtt-control-id", server: "mqtt-server", bystander: "mqtt", log: packetLog, attack: subscribeControl,
		memory: base, reason: "an identifier of 64 KB"},
	{name: "mqtt-tiny-publishes", server: "mqtt-server", bystander: "mqtt", log: packetLog, attack: tinyPublishes,
		memory: base + 64*mb, reason: "10,000 filters"},
	{name: "mqtt-wills", server: "mqtt-server", bystander: "mqtt", log: packetLog, attack: wills,
		memory: base + 128*mb, reason: "10 packets of 4 MiB that are refused"},
	{name: "mqtt-retained-small", server: "mqtt-server", bystander: "mqtt", log: packetLog, attack: retained(10),
		memory: base + 192*mb, reason: "the example's bound for retained messages"},
	{name: "mqtt-retained-large", server: "mqtt-server", bystander: "mqtt", log: packetLog, attack: retained(1 << 20),
		memory: base + 192*mb, reason: "the example's bound for retained messages"},
	{name: "mqtt-aliases", server: "mqtt-server", bystander: "mqtt", log: packetLog, attack: aliases,
		memory: base + 64*mb, reason: "4 connections with the aliases that the server allows"},
	{name: "mqtt-property-bombs", server: "mqtt-server", bystander: "mqtt", log: packetLog, attack: propertyBombs,
		memory: base + 128*mb, reason: "4 packets of 4 MiB"},
	{name: "mqtt-unreleased", server: "mqtt-server", bystander: "mqtt", log: packetLog, attack: unreleased,
		memory: base + 64*mb, reason: "10 times 65,535 identifiers"},
	{name: "mqtt-unread", server: "mqtt-server", bystander: "mqtt", log: packetLog, attack: unreadSubscribers,
		memory: base + 192*mb, reason: "20 clients with 1 MiB of backpressure and a queue each"},
	{name: "mqtt-sessions", server: "mqtt-server", bystander: "mqtt", log: packetLog, attack: sessions,
		memory: base + 192*mb, reason: "the example's bounds for sessions and queues"},
}

var otherRows = []*row{
	{name: "tls-silent-1500", server: "tls", bystander: "tls-new", attack: hellos(1500, 300, func(int) int { return 0 }), late: true,
		memory: base + 32*mb, reason: "connections that hold no handshake"},
	{name: "tls-silent-6000", server: "tls", bystander: "tls-new", attack: hellos(6000, 0, func(int) int { return 0 }), late: true, slow: true,
		memory: base + 96*mb, reason: "connections that hold no handshake"},
	{name: "tls-byte-1500", server: "tls", bystander: "tls-new", attack: hellos(1500, 1200, oneOf), late: true,
		memory: base + 96*mb, reason: "1,024 handshakes that have begun"},
	{name: "tls-byte-6000", server: "tls", bystander: "tls-new", attack: hellos(6000, 0, oneOf), late: true, slow: true,
		memory: base + 128*mb, reason: "1,024 handshakes that have begun"},
	{name: "tls-half-1500", server: "tls", bystander: "tls-new", attack: hellos(1500, 1200, halfOf), late: true,
		memory: base + 96*mb, reason: "1,024 handshakes that have begun"},
	{name: "tls-half-6000", server: "tls", bystander: "tls-new", attack: hellos(6000, 0, halfOf), late: true, slow: true,
		memory: base + 128*mb, reason: "1,024 handshakes that have begun"},
	{name: "tls-hello-1500", server: "tls", bystander: "tls-new", attack: hellos(1500, 1200, allOf), late: true,
		memory: base + 128*mb, reason: "1,024 handshakes that wait for the client"},
	{name: "tls-hello-6000", server: "tls", bystander: "tls-new", attack: hellos(6000, 0, allOf), late: true, slow: true,
		memory: base + 160*mb, reason: "1,024 handshakes that wait for the client"},
	{name: "tls-handshakes", server: "tls", bystander: "tls-new", attack: handshakes,
		memory: base, reason: "8 handshakes at once"},
	{name: "tcp-echo-unread", server: "raw", bystander: "raw", attack: floodUnread,
		memory: base + 96*mb, reason: "16 connections with 1 MiB of backpressure each"},
	{name: "tcp-reset-storm", server: "raw", bystander: "raw-new", attack: storm(reset),
		memory: base, reason: "a few connections at once"},
	{name: "tcp-close-storm", server: "raw", bystander: "raw-new", attack: storm(closeIt),
		memory: base, reason: "a few connections at once"},
	{name: "udp-flood", server: "udp", bystander: "udp", attack: datagramFlood,
		memory: base, reason: "datagrams wait in the kernel"},
	{name: "post-storm", server: "post", bystander: "raw", attack: command(4),
		memory: base, reason: "at most 40,000 posted functions"},
	{name: "resolver-1000", server: "resolve", bystander: "raw", attack: commands(8),
		memory: base, reason: "8 connections with a thousand addresses each"},
	{name: "proxy-full-close", server: "tcp-proxy", bystander: "raw", attack: leaveFull(closeIt),
		memory: base + 128*mb, reason: "100 pairs with 256 KiB each way"},
	{name: "proxy-full-reset", server: "tcp-proxy", bystander: "raw", attack: leaveFull(reset),
		memory: base + 128*mb, reason: "100 pairs with 256 KiB each way"},
}
