// One end of a WebSocket, by Node's ws.
//
//   node peer.js server DEFLATE      echoes until SIGTERM
//   node peer.js client DEFLATE URL  sends, compares what comes back, closes
//   node peer.js asker DEFLATE URL   asks the server to close
//
// DEFLATE is the library's perMessageDeflate in JSON. What the tests want to know is
// printed, a line each. See node_test.go.
"use strict";
const assert = require("node:assert");
const crypto = require("node:crypto");
const {WebSocket, WebSocketServer} = require("ws");

const maxPayload = 16 << 20;
const [role, deflate, url] = process.argv.slice(2);
const options = {perMessageDeflate: JSON.parse(deflate), maxPayload};

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

function serve() {
	const server = new WebSocketServer({...options, host: "127.0.0.1", port: 0,
		handleProtocols: offered => offered.has("chat.example") ? "chat.example" : false});
	server.on("listening", () => console.log("listening", server.address().port));
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
	process.on("SIGTERM", () => process.exit(0));
}

function conversation() {
	const messages = [];
	const text = "each word, jedes Wort, каждое слово; ";
	for (const size of [0, 1, 16, 125, 126, 1000, 16384, 65535, 65536]) {
		messages.push([Buffer.from(Array.from({length: size}, (_, i) => i ^ i >> 8)), true]);
		messages.push([Buffer.from(text.repeat(1 + size / text.length).slice(0, size)), false]);
	}
	messages.push([crypto.randomBytes(125), true], [crypto.randomBytes(70000), true]);
	return messages;
}

async function converse(socket) {
	const came = [], waiting = [];
	socket.on("message", (data, binary) => waiting.length ? waiting.shift()([data, binary]) : came.push([data, binary]));
	const next = () => came.length ? came.shift() : new Promise(resolve => waiting.push(resolve));
	let n = 0;
	const want = async ([data, binary]) => {
		const [got, b] = await next();
		assert.ok(b === binary && data.equals(got), `message ${n}: ${got.length} bytes, ${data.length} were sent`);
		n++;
	};
	const messages = conversation();
	for (const m of messages) {
		socket.send(m[0], {binary: m[1]});
		await want(m);
		sendParts(socket, ...m);
		await want(m);
	}
	const pong = new Promise(resolve => socket.once("pong", resolve));
	socket.ping("are you there?");
	assert.strictEqual((await pong).toString(), "are you there?");
	for (let i = 0; i < 50; i++)
		socket.send(messages[i % 12][0], {binary: messages[i % 12][1]});
	for (let i = 0; i < 50; i++)
		await want(messages[i % 12]);
	for (const size of new URL(url).searchParams.getAll("more")) {
		const large = [Buffer.alloc(Number(size), crypto.randomBytes(1 << 20)), true];
		socket.send(large[0]);
		await want(large);
	}
	console.log("exchanged", n);
}

function connect() {
	const socket = new WebSocket(url, ["other", "chat.example"], options);
	socket.on("error", e => { throw e; });
	sayClosed(socket);
	socket.on("open", async () => {
		console.log("agreed", JSON.stringify(socket.extensions), socket.protocol);
		if (role === "asker") {
			socket.send("close 3001 that is all");
			return;
		}
		await converse(socket);
		socket.close(4321, "good-bye, мир");
	});
}

if (role === "server")
	serve();
else
	connect();
