// The dashboard: the devices of a broker under a root topic.

import {Client} from "./mqtt.js";
import {Card, cut, element} from "./device.js";

const maxDevices = 500;   // cards; more devices are counted only
const maxLines = 100;     // of the log
const callTimeout = 5000; // ms
const settle = 3000;      // ms that retained messages may take

const $ = id => document.getElementById(id);
const cards = new Map(); // by device identifier
const calls = new Map(); // by request identifier
let client, root, refused = 0, hadConnection = false;

function log(kind, text) {
	const time = new Date().toLocaleTimeString("en-GB");
	$("log").prepend(element("li", {className: kind}, element("time", {textContent: time}), " ", text));
	while ($("log").children.length > maxLines)
		$("log").lastChild.remove();
}

function setState(state, why) {
	if (state !== document.body.dataset.state && (state === "open" || hadConnection || why))
		log(state === "open" ? "good" : "note", state === "open" ? "connected" : why || state);
	hadConnection = state === "open";
	document.body.dataset.state = state;
	$("state").textContent = {open: "connected", connecting: "connecting", closed: "disconnected"}[state];
	for (const card of cards.values())
		card.reach(state === "open");
	if (state === "open")
		reached();
	count();
}

// reached is called when the broker has accepted the subscriptions. Retained messages say which
// devices there are. If the broker has started again without them, the others count as offline
// until they have connected too.
function reached() {
	for (const card of cards.values())
		card.known = false;
	clearTimeout(reached.timer);
	reached.timer = setTimeout(() => {
		for (const card of cards.values())
			if (!card.known && card.online)
				change(card, {status: "offline"});
		count();
	}, settle);
}

function count() {
	let text = cards.size + (cards.size === 1 ? " device" : " devices");
	if (document.body.dataset.state === "open")
		text += `, ${[...cards.values()].filter(c => c.online).length} online`;
	if (refused)
		text += `; the page shows the first ${maxDevices} only`;
	$("count").textContent = text;
	$("empty").hidden = cards.size > 0;
}

function remove(id) {
	const card = cards.get(id);
	if (!card)
		return;
	if (card.element.contains(document.activeElement))
		$("devices").focus();
	card.element.remove();
	cards.delete(id);
	log("note", cut(id) + " is forgotten");
	count();
}

// cardOf returns the card of a device, and makes it if there is none. Cards are in the order of the
// identifiers: a device that comes or goes moves no other.
function cardOf(id) {
	let card = cards.get(id);
	if (card)
		return card;
	if (cards.size >= maxDevices) {
		refused++;
		return null;
	}
	card = new Card(id, (method, params) => call(id, method, params), () => forget(id));
	card.reach(document.body.dataset.state === "open");
	cards.set(id, card);
	const next = [...$("devices").children].find(e => e.dataset.id > id);
	$("devices").insertBefore(card.element, next ?? null);
	return card;
}

function forget(id) {
	if (!client.publish(`${root}/${id}/status`, "", true))
		log("bad", "not connected");
}

// call sends a request to a device and returns a promise of the result.
function call(id, method, params) {
	return new Promise((resolve, reject) => {
		const request = crypto.getRandomValues(new Uint32Array(4)).join("-");
		if (!client.publish(`${root}/${id}/rx`, JSON.stringify({jsonrpc: "2.0", id: request, method, params}))) {
			reject(new Error("not connected"));
			return;
		}
		const timer = setTimeout(() => finish(request, {error: {message: "no answer in time"}}), callTimeout);
		calls.set(request, {resolve, reject, timer});
	});
}

function finish(request, frame) {
	const c = calls.get(request);
	if (!c)
		return; // of another page
	calls.delete(request);
	clearTimeout(c.timer);
	if (frame.error)
		c.reject(new Error(String(frame.error.message)));
	else
		c.resolve(frame.result);
}

const isObject = x => typeof x === "object" && x !== null && !Array.isArray(x);

// message takes a message of a device.
function message(topic, payload) {
	const parts = topic.slice(root.length + 1).split("/");
	if (!topic.startsWith(root + "/") || parts.length !== 2)
		return;
	const [id, kind] = parts;
	if (kind === "status" && payload === "") {
		remove(id);
		return;
	}
	let frame;
	try {
		frame = JSON.parse(payload);
	} catch {
		frame = null;
	}
	if (!isObject(frame)) {
		log("bad", `${cut(id)} has sent no JSON object to ${kind}`);
		return;
	}
	if (kind === "tx") {
		finish(frame.id, frame);
		return;
	}
	if (!isObject(frame.params))
		return;
	if (kind === "values") {
		cards.get(id)?.values(frame.params, Date.now());
		return;
	}
	const card = cardOf(id);
	if (card)
		change(card, frame.params);
	count();
}

// change gives a card a status.
function change(card, params) {
	const before = card.known === undefined ? undefined : card.online;
	card.known = true;
	card.status(params);
	if (before !== card.online)
		log(card.online ? "good" : "note", `${cut(card.id)} is ${card.online ? "online" : "offline"}`);
}

function start(url, topic) {
	client?.end();
	for (const card of cards.values())
		card.element.remove();
	cards.clear();
	refused = 0;
	root = topic;
	$("url").value = url;
	$("topic").value = topic;
	client = new Client(url, ["status", "values", "tx"].map(k => `${root}/+/${k}`), setState, message);
	count();
}

// invalid says why the settings cannot be used, or "".
function invalid(url, topic) {
	if (!/^wss?:\/\/[^/]/i.test(url))
		return "The broker's URL must begin with ws:// or wss://.";
	if (topic === "" || /[+#/\0]/.test(topic) || topic.startsWith("$"))
		return "The topic must have no /, + or #, and must not begin with $.";
	return "";
}

$("settings").onsubmit = event => {
	event.preventDefault();
	const url = $("url").value.trim(), topic = $("topic").value.trim(), why = invalid(url, topic);
	$("why").textContent = why;
	if (why)
		return;
	localStorage.setItem("dashboard", JSON.stringify({url, topic}));
	start(url, topic);
};
$("default").onclick = () => {
	localStorage.removeItem("dashboard");
	location.reload();
};

const config = await (await fetch("config.json")).json();
const scheme = location.protocol === "https:" ? "wss" : "ws";
let settings = {url: config.broker || `${scheme}://${location.hostname}:${config.port}${config.path}`, topic: config.topic};
try {
	const own = JSON.parse(localStorage.getItem("dashboard"));
	if (own && !invalid(own.url, own.topic))
		settings = own;
} catch { /* not ours */ }
start(settings.url, settings.topic);
