// Clients of MQTT.js. mqttjs_client_test.go starts it.
//
// Each line of standard input is a command in JSON:
//
//   {"do": "connect", "client": "name", "url": "mqtt://…", "version": 5, "ca": "file.pem"}
//   {"do": "publish", "client": "name", "topic": "a/b", "data": "text", "qos": 1}
//
// The clients keep their sessions, connect again by themselves, and subscribe to name/in/# once. They
// write what happens: "name: up", "name: down", "name: got q1 topic=data", "name: acked data".
import {readFileSync} from "node:fs";
import readline from "node:readline";
import mqtt from "mqtt";

const clients = new Map();

function connect({client: name, url, version, ca}) {
	const client = mqtt.connect(url, {
		clientId: name, protocolVersion: version, clean: false, reconnectPeriod: 20,
		ca: ca && readFileSync(ca),
		properties: version === 5 ? {sessionExpiryInterval: 600} : undefined,
	});
	clients.set(name, client);
	const say = (...what) => console.log(name + ":", ...what);
	let subscribed = false;
	client.on("connect", () => {
		say("up");
		if (subscribed)
			return; // the library subscribes again if the session was lost
		subscribed = true;
		client.subscribe(name + "/in/#", {qos: 2}, error => say(error ? "error " + error.message : "subscribed"));
	});
	client.on("close", () => say("down"));
	client.on("error", () => {}); // while it cannot connect
	client.on("message", (topic, data, packet) => say("got", `q${packet.qos} ${topic}=${data}`));
}

function publish({client: name, topic, data, qos}) {
	clients.get(name).publish(topic, data, {qos}, error =>
		console.log(name + ":", error ? "error " + error.message : "acked " + data));
}

for await (const line of readline.createInterface({input: process.stdin})) {
	const command = JSON.parse(line);
	command.do === "connect" ? connect(command) : publish(command);
}
for (const client of clients.values())
	await client.endAsync();
process.exit(0);
