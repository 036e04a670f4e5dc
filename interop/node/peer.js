// One end of WebSockets, with Node's ws. node_test.go starts it and reads its output.
//
//   node peer.js server DEFLATE...  starts an echo server for each DEFLATE
//   node peer.js client             starts a client for each line of standard input
//
// DEFLATE is the library's option perMessageDeflate in JSON. A line of standard input is JSON:
//
//   {"role": "client", "deflate": DEFLATE, "url": "ws://…", "large": [1000000, …]}
//
// A client with the role "client" sends messages, compares the echoes, and closes. "large" are the
// sizes of the last messages. A client with the role "asker" asks the server to close.
"use strict";
const assert = require("node:assert");
const crypto = require("node:crypto");
const {WebSocket, WebSocketServer} = require("ws");

const {once} = require("node:events");
const readline = require("node:readline");

const maxPayload = 16 << 20;

function sayClosed(socket) {
	socket.on("close", (code, reason) => console.log("closed", code, JSON.stringify(reason.toString())));
}

// sendParts sends a message in several frames.
function sendParts(socket, data, binary) {
	const p = Buffer.from(data);
	const sizes = [1, 125, 126, 0, 4096, 70000];
	for (let at = 0, i = 0, fin = false; !fin; i++) {
		const n = Math.min(sizes[i % sizes.length], p.length - at);
		fin = i > 0 && at + n === p.length;
		socket.send(p.subarray(at, at + n), {binary, fin});
		at += n;
	}
}

// serve starts an echo server, which sends every third message in parts.
async function serve(deflate) {
	const server = new WebSocketServer({perMessageDeflate: deflate, maxPayload, host: "127.0.0.1", port: 0,
		handleProtocols: offered => offered.has("chat.example") ? "chat.example" : false});
	server.on("connection", socket => {
		let n = 0;
		socket.on("message", (data, binary) => {
			const close = !binary && /^close (\d+) (.*)$/.exec(data.toString());
			if (close)
				socket.close(Number(close[1]), close[2]);
			else if (n++ % 3 === 2)
				sendParts(socket, data, binary);
			else
				socket.send(data, {binary});
		});
		socket.on("error", e => console.log("error", e.message));
		sayClosed(socket);
	});
	await once(server, "listening");
	console.log("listening", server.address().port);
}

// conversation returns the messages of ws_peer_test.go: fewer large ones if they are compressed.
function conversation(compressed) {
	const messages = [];
	const text = "each word, jedes Wort, каждое слово; ";
	const sizes = compressed ? [0, 1, 16, 125, 126, 1000] : [0, 1, 16, 125, 126, 1000, 16384, 65535, 65536];
	for (const size of sizes) {
		messages.push([Buffer.from(Array.from({length: size}, (_, i) => i ^ i >> 8)), true]);
		messages.push([Buffer.from(text.repeat(1 + size / text.length).slice(0, size)), false]);
	}
	if (compressed)
		messages.push([Buffer.from(text.repeat(1000).slice(0, 40000)), false]);
	messages.push([crypto.randomBytes(125), true], [crypto.randomBytes(compressed ? 5000 : 70000), true]);
	return messages;
}

async function converse(socket, job) {
	const came = [], waiting = [];
	socket.on("message", (data, binary) => waiting.length ? waiting.shift()([data, binary]) : came.push([data, binary]));
	const next = () => came.length ? came.shift() : new Promise(resolve => waiting.push(resolve));
	let n = 0;
	const want = async ([data, binary]) => {
		const [got, b] = await next();
		assert.ok(b === binary && data.equals(got), `message ${n}: ${got.length} bytes, ${data.length} were sent`);
		n++;
	};
	const messages = conversation(job.deflate !== false);
	for (const m of messages) {
		socket.send(m[0], {binary: m[1]});
		await want(m);
		sendParts(socket, ...m);
		await want(m);
	}
	const pong = new Promise(resolve => socket.once("pong", resolve));
	socket.ping("are you there?");
	assert.strictEqual((await pong).toString(), "are you there?");
	for (let i = 0; i < 20; i++)
		socket.send(messages[i % 12][0], {binary: messages[i % 12][1]});
	for (let i = 0; i < 20; i++)
		await want(messages[i % 12]);
	for (const size of job.large) {
		const large = [Buffer.alloc(size, crypto.randomBytes(1 << 20)), true];
		socket.send(large[0]);
		await want(large);
	}
}

function connect(job) {
	const socket = new WebSocket(job.url, ["other", "chat.example"], {perMessageDeflate: job.deflate, maxPayload});
	socket.on("error", e => { throw e; });
	sayClosed(socket);
	socket.on("open", async () => {
		console.log("open", JSON.stringify(socket.extensions), socket.protocol);
		if (job.role === "asker") {
			socket.send("close 3001 that is all");
			return;
		}
		await converse(socket, job);
		socket.close(4321, "good-bye, мир");
	});
}

async function main([role, ...deflates]) {
	process.on("SIGTERM", () => process.exit(0));
	if (role === "client") {
		readline.createInterface({input: process.stdin}).on("line", line => connect(JSON.parse(line)));
		return;
	}
	for (const deflate of deflates)
		await serve(JSON.parse(deflate));
}

main(process.argv.slice(2));
