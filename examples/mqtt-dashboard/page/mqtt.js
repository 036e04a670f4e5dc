// A small client for MQTT 3.1.1 over WebSocket: QoS 0, clean sessions, and it connects again.
// Strings are UTF-8; a message that is not gets replacement characters.

const connect = 1, connack = 2, publish = 3, subscribe = 8, suback = 9, pingreq = 12, pingresp = 13, disconnect = 14;
const maxPacket = 1 << 20;     // bytes; a larger packet ends the connection
const keepAlive = 30;          // seconds
const patience = 10_000;       // ms for the handshake, and for the answer to a ping
const minDelay = 1000, maxDelay = 30_000; // ms between attempts; doubles each time, and is random

const refusals = ["", "the protocol version is refused", "the client identifier is refused", "the broker is unavailable",
	"the user name or password is wrong", "not authorized"];

const encoder = new TextEncoder(), decoder = new TextDecoder();

// text returns a string with its length, as MQTT has it.
function text(s) {
	const bytes = encoder.encode(s);
	return [bytes.length >> 8, bytes.length & 255, ...bytes];
}

// packet returns a packet.
export function packet(type, flags, ...parts) {
	const size = parts.reduce((n, p) => n + p.length, 0);
	const head = [type << 4 | flags];
	for (let n = size; ;) {
		head.push(n > 127 ? n & 127 | 128 : n);
		n >>= 7;
		if (n === 0)
			break;
	}
	const out = new Uint8Array(head.length + size);
	out.set(head);
	let at = head.length;
	for (const p of parts) {
		out.set(p, at);
		at += p.length;
	}
	return out;
}

// parse returns the first packet of bytes and its size, or null if it is not complete. A size
// field that is too long or too large is an error.
export function parse(bytes) {
	let size = 0, at = 1;
	for (let shift = 0; ; shift += 7) {
		if (at >= bytes.length)
			return null;
		const b = bytes[at++];
		size += (b & 127) << shift;
		if (size > maxPacket || shift === 21 && b > 127)
			throw new Error("a packet is too large");
		if (b < 128)
			break;
	}
	if (bytes.length < at + size)
		return null;
	return {type: bytes[0] >> 4, flags: bytes[0] & 15, body: bytes.subarray(at, at + size), used: at + size};
}

// Client has a connection, or the next one. filters are subscribed each time. onstate gets
// "connecting", "open" or "closed" and why; onmessage gets topic, payload and the retain flag.
export class Client {
	constructor(url, filters, onstate, onmessage) {
		Object.assign(this, {url, filters, onstate, onmessage, failures: 0, ended: false});
		this.wake = () => this.socket || this.retryNow();
		addEventListener("online", this.wake);
		this.open();
	}

	// open begins an attempt.
	open() {
		this.onstate("connecting", "");
		this.input = new Uint8Array(0);
		this.up = false;
		let s;
		try {
			s = new WebSocket(this.url, "mqtt");
		} catch (e) { // the URL is wrong
			this.onstate("closed", e.message);
			return;
		}
		this.socket = s;
		s.binaryType = "arraybuffer";
		s.onopen = () => {
			const id = "page-" + Array.from(crypto.getRandomValues(new Uint8Array(8)), b => b.toString(16).padStart(2, "0")).join("");
			this.write(packet(connect, 0, text("MQTT"), [4, 2, keepAlive >> 8, keepAlive & 255], text(id)));
		};
		s.onmessage = e => this.receive(e.data);
		s.onclose = () => this.lost(this.up ? "the connection is lost" : "the broker does not answer");
		this.late = setTimeout(() => this.lost("no answer in time"), patience);
	}

	write(bytes) {
		this.socket.send(bytes);
	}

	// receive takes a WebSocket message: any part of the stream of packets.
	receive(data) {
		if (!(data instanceof ArrayBuffer)) {
			this.lost("the broker has sent text");
			return;
		}
		clearTimeout(this.late);
		const more = new Uint8Array(this.input.length + data.byteLength);
		more.set(this.input);
		more.set(new Uint8Array(data), this.input.length);
		this.input = more;
		try {
			for (let p; this.socket && (p = parse(this.input)); ) {
				this.input = this.input.subarray(p.used);
				this.handle(p);
			}
		} catch (e) {
			this.lost(e.message);
		}
		if (this.socket)
			this.expectSoon();
	}

	// expectSoon sends a ping after some time without input, and waits for an answer.
	expectSoon() {
		clearTimeout(this.late);
		this.late = setTimeout(() => {
			this.write(packet(pingreq, 0));
			this.late = setTimeout(() => this.lost("the broker is silent"), patience);
		}, keepAlive * 1000 * 0.7);
	}

	handle(p) {
		if (!this.up && p.type !== connack)
			throw new Error("the broker has not accepted the connection");
		switch (p.type) {
		case connack:
			if (p.body.length !== 2 || this.up)
				throw new Error("bad CONNACK");
			if (p.body[1] !== 0)
				throw new Error(refusals[p.body[1]] ?? "refused");
			this.up = true;
			this.failures = 0;
			this.write(packet(subscribe, 2, [0, 1], ...this.filters.flatMap(f => [text(f), [0]])));
			break;
		case suback:
			if (p.body.subarray(2).includes(0x80))
				throw new Error("the broker refuses the subscription");
			this.onstate("open", "");
			break;
		case publish: {
			const n = p.body[0] << 8 | p.body[1];
			if (p.flags & 6 || p.body.length < 2 + n)
				throw new Error("bad PUBLISH"); // or a QoS that was not asked for
			this.onmessage(decoder.decode(p.body.subarray(2, 2 + n)), decoder.decode(p.body.subarray(2 + n)), Boolean(p.flags & 1));
			break;
		}
		case pingresp:
			break;
		default:
			throw new Error("unexpected packet " + p.type);
		}
	}

	// publish returns false if there is no connection.
	publish(topic, payload, retain = false) {
		if (!this.up || this.socket?.readyState !== WebSocket.OPEN)
			return false;
		this.write(packet(publish, retain ? 1 : 0, text(topic), encoder.encode(payload)));
		return true;
	}

	// lost ends the connection and begins the wait for the next one. It does not wait for the end of
	// the WebSocket: if the network is gone, that takes minutes.
	lost(why) {
		this.drop();
		if (this.ended)
			return;
		const bound = Math.min(maxDelay, minDelay * 2 ** this.failures++);
		const delay = bound * (0.3 + 0.7 * Math.random());
		this.onstate("closed", why);
		this.retry = setTimeout(() => this.open(), delay);
	}

	retryNow() {
		clearTimeout(this.retry);
		if (!this.ended)
			this.open();
	}

	drop() {
		clearTimeout(this.late);
		clearTimeout(this.retry);
		const s = this.socket;
		this.socket = null;
		this.up = false;
		if (s) {
			s.onopen = s.onmessage = s.onclose = null;
			s.close();
		}
	}

	// end closes the connection for good.
	end() {
		this.ended = true;
		removeEventListener("online", this.wake);
		if (this.up && this.socket?.readyState === WebSocket.OPEN)
			this.write(packet(disconnect, 0));
		this.drop();
	}
}
