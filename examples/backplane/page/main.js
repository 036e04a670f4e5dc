// The page of the backplane. What others have written is data: it becomes text, never HTML.

const maxLines = 300, maxSeen = 1000;
const minDelay = 300, maxDelay = 10_000; // ms between attempts, when all servers have failed; random

const $ = id => document.getElementById(id);
let socket, server = "", last = 0, failures = 0, at = 0, timer, late;
let origins = [location.origin]; // the servers: this one first
const seen = new Set();     // the numbers of messages: the broker may deliver one twice
const sent = new Map();     // own messages without an outcome, by their ID
const accepted = new Map(); // own messages, by their number

let atEnd = true; // the log shows its end, and stays there
$("log").onscroll = e => atEnd = e.target.scrollHeight - e.target.scrollTop - e.target.clientHeight < 60;
const toEnd = () => atEnd && ($("log").scrollTop = $("log").scrollHeight);
new ResizeObserver(toEnd).observe($("log"));

function add(line) {
	const box = $("log");
	box.append(line);
	while (box.children.length > maxLines)
		box.firstChild.remove();
	toEnd();
	return line;
}

function element(name, className, text) {
	const e = document.createElement(name);
	e.className = className;
	e.textContent = text;
	return e;
}

const note = text => add(element("li", "note", text));

// bubble makes the line of a message.
function bubble(className, who, text, detail) {
	const line = element("li", className, "");
	line.append(element("b", "", who), element("small", "", detail), element("p", "", text));
	return add(line);
}

function detail(line, text, className = line.className) {
	line.className = className;
	line.querySelector("small").textContent = text;
}

const url = origin => origin.replace(/^http/, "ws") + "/ws";

function connect() {
	clearTimeout(timer);
	const origin = origins[at % origins.length];
	setState("connecting", "connecting");
	const s = socket = new WebSocket(url(origin));
	late = setTimeout(() => lost(), 10_000); // for the hello
	s.onmessage = e => socket === s && receive(JSON.parse(e.data));
	s.onclose = () => socket === s && lost();
}

// lost begins the next attempt: at once at the next server, and after a time if all have failed.
function lost() {
	clearTimeout(late);
	socket.onclose = null;
	socket.close();
	if (document.body.dataset.state === "open")
		note(`the connection to ${server} is lost`);
	setState("closed", "disconnected");
	for (const line of sent.values())
		detail(line, "the connection was lost: it may or may not have arrived", "mine bad");
	sent.clear();
	accepted.clear();
	$("servers").replaceChildren();
	at++;
	const round = Math.floor(++failures / origins.length);
	const delay = failures % origins.length ? 100 : Math.min(maxDelay, minDelay * 2 ** round) * (0.5 + 0.5 * Math.random());
	timer = setTimeout(connect, delay);
}

function setState(state, text) {
	document.body.dataset.state = state;
	$("state").textContent = text;
	$("send").setAttribute("aria-disabled", String(state !== "open"));
	if (state !== "open")
		$("broker").textContent = "broker unknown";
}

const receivers = {
	hello(m) {
		clearTimeout(late);
		failures = 0;
		server = m.server;
		origins = [...new Set([...origins, ...(m.others ?? [])])];
		setState("open", "connected to " + server);
		note("connected to " + server);
	},
	broker(m) {
		document.body.dataset.broker = m.why ? "down" : "up";
		$("broker").textContent = m.why ? "broker away" : "broker connected";
		$("broker").title = m.why;
	},
	servers(m) {
		$("servers").replaceChildren(...(m.servers ?? []).map(s => element("li", s.name === server ? "own" : "",
			`${s.name}: ${s.browsers} ${s.browsers === 1 ? "browser" : "browsers"}`)));
	},
	message({message: m}) {
		if (seen.has(m.id))
			return;
		seen.add(m.id);
		if (seen.size > maxSeen)
			seen.delete(seen.values().next().value);
		const mine = accepted.get(m.id);
		if (mine) {
			detail(mine, "passed on");
			accepted.delete(m.id);
		} else
			bubble("", m.who, m.text, "at " + m.from);
	},
	accepted(m) {
		const line = sent.get(m.id);
		if (!line)
			return;
		accepted.set(m.number, line);
		if (document.body.dataset.broker === "down")
			detail(line, "waits for the broker");
	},
	outcome(m) {
		const line = sent.get(m.id);
		sent.delete(m.id);
		if (line && m.error)
			detail(line, "not delivered: " + m.error, "mine bad");
		else if (line && [...accepted.values()].includes(line))
			detail(line, "the broker has it");
	},
};

function receive(m) {
	if (Object.hasOwn(receivers, m.type))
		receivers[m.type](m);
}

$("form").onsubmit = event => {
	event.preventDefault();
	const who = $("who").value.trim() || "somebody", text = $("text").value.trim();
	if (text === "" || document.body.dataset.state !== "open")
		return;
	const id = ++last;
	sent.set(id, bubble("mine", who, text, "…"));
	socket.send(JSON.stringify({id, who, text}));
	$("text").value = "";
	atEnd = true;
	toEnd();
	$("text").focus();
};

connect();
