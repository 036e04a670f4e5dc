// The broker aedes over tcp and WebSocket, each with and without TLS, on free ports of 127.0.0.1.
// aedes_broker_test.go starts it and reads its output.
//
//   node aedes.mjs CERT KEY USER PASSWORD
//
// CERT and KEY are PEM files. The broker accepts clients without a user name, and USER with PASSWORD.
import {once} from "node:events";
import {readFileSync} from "node:fs";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import tls from "node:tls";
import {Aedes} from "aedes";
import {WebSocketServer, createWebSocketStream} from "ws";

const [cert, key, user, password] = process.argv.slice(2);
const identity = {cert: readFileSync(cert), key: readFileSync(key)};

const broker = await Aedes.createBroker();
broker.authenticate = (client, name, word, done) => {
	if (!name || name === user && word && word.toString() === password)
		return done(null, true);
	done(Object.assign(new Error("wrong"), {returnCode: 4}), false);
};
broker.on("clientError", () => {}); // such as a connection that is cut
broker.on("connectionError", () => {});

const servers = {
	mqtt: net.createServer(broker.handle),
	mqtts: tls.createServer(identity, broker.handle),
	ws: http.createServer(),
	wss: https.createServer(identity),
};
for (const [scheme, server] of Object.entries(servers)) {
	if (scheme.startsWith("ws"))
		new WebSocketServer({server, path: "/mqtt", handleProtocols: offered => offered.has("mqtt") ? "mqtt" : false})
			.on("connection", socket => broker.handle(createWebSocketStream(socket)));
	server.on("tlsClientError", () => {});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	console.log("listening", scheme, "127.0.0.1:" + server.address().port);
}

process.on("SIGTERM", () => process.exit(0));
