package docrun

// The defaults of the flags with which servers listen, and with which clients find them. They are
// added to the commands, so that their ports are replaced.
const (
	listenHTTP   = "-listen http://127.0.0.1:8000"
	listenWS     = "-listen ws://127.0.0.1:8000"
	listenBroker = "-listen mqtt://127.0.0.1:1883 -listen ws://127.0.0.1:8083/mqtt"
	listenTLS    = listenBroker + " -listen mqtts://127.0.0.1:8883 -listen wss://127.0.0.1:8084/mqtt"
	urlBroker    = "-url mqtt://127.0.0.1:1883"
)

// setup makes the module of README.md and docs/getting-started.md.
var setup = []step{
	{cmd: "go mod init hello", dir: "hello"},
	{cmd: "go mod edit -require=github.com/rikki-go/rikki@v0.0.0", dir: "hello"},
	{cmd: "go mod edit -replace=github.com/rikki-go/rikki=../rikki", dir: "hello"},
}

// program runs a program of a document to its end.
func program(name, want string) []step {
	return []step{{cmd: "go mod tidy", dir: "hello", program: name}, {cmd: "go run .", dir: "hello", want: want}}
}

// server starts a program of a document.
func server(name, ready string) []step {
	return []step{{cmd: "go mod tidy", dir: "hello", program: name}, {cmd: "go run .", dir: "hello", ready: ready}}
}

func join(lists ...[]step) []step {
	var all []step
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

const started = "docs/getting-started.md "

var scenarios = []scenario{
	{"README", "", join(setup,
		[]step{{cmd: "go run -C ../rikki ./examples/websocket-server", dir: "hello", add: listenWS, ready: "listening"}},
		program("README.md", "(?m)^hello$"),
	)},
	{"make run", "make", []step{
		{cmd: "make run", want: "RECEIVED hello <- mg/test"},
		{cmd: "make run TLS=1", want: "(?s)CONNECTED to wss://.*RECEIVED hello <- mg/test"},
		{cmd: "make run ARGS='-topic a/b'", want: "RECEIVED hello <- a/b"},
		{cmd: "go run ./examples/mqtt-over-ws-client -h", want: "-topic"},
		{cmd: "go run ./examples/mqtt-over-ws-client", want: "RECEIVED hello <- mg/test"},
	}},
	{"getting started: TCP", "", join(setup, program(started+"tcp", "(?m)^hello$"))},
	{"getting started: HTTP", "curl", join(setup,
		server(started+"web", "listening"),
		[]step{{cmd: "curl -s http://127.0.0.1:8000/hello/you", want: "^hello, you\n$"}},
		program(started+"get", "(?m)^200 hello, you$"),
	)},
	{"getting started: WebSocket", "", join(setup,
		server(started+"chat", "listening"),
		program(started+"say", "(?m)^good evening$"),
	)},
	{"getting started: MQTT", "", join(setup,
		[]step{{cmd: "go run -C ../rikki ./examples/mqtt-server", dir: "hello", add: listenBroker, ready: `listening url=ws://`}},
		program(started+"sensor", "(?m)^temperature/7 is 21.5$"),
		program(started+"sensor", "(?m)^the broker has it: true$"),
	)},
	{"porting", "curl", join(setup,
		server("docs/porting.md", "^"),
		[]step{{cmd: "curl -s --retry 30 --retry-connrefused http://127.0.0.1:8000/", extra: true, want: "^not found\n$"}},
	)},
	{"embedding", "curl", join(setup,
		server("docs/embedding.md both", "listening"),
		[]step{{cmd: "curl -s http://127.0.0.1:8000/count", extra: true, want: "^0 WebSockets\n$"}},
	)},
	{"operating", "curl", join(setup,
		server("docs/operating.md web", "listening"),
		[]step{
			{cmd: "curl -s http://127.0.0.1:6060/metrics", want: `rikki_accepted_total{manager="web"} 0`},
			{cmd: "curl -s http://127.0.0.1:8000/", extra: true, want: "^hello from process"},
			{cmd: "curl 'http://127.0.0.1:6060/debug/pprof/goroutine?debug=2'", want: `Manager\)\.Run`},
		},
	)},
	{"contributing", "make", []step{
		{cmd: "make help", want: "make test"},
		{cmd: "go doc ./proto/http", want: "Package http implements"},
	}},
	{"examples: HTTP files", "", []step{
		{cmd: "go run ./examples/http-server", add: listenHTTP + " -d .", ready: "listening"},
		{cmd: "go run ./examples/http-client -url http://127.0.0.1:8000/", want: "(?s)^HTTP/1.1 200 OK.*README.md"},
		{cmd: "go run ./examples/http-streaming-client -url http://127.0.0.1:8000/", want: "README.md"},
		{cmd: "go run ./examples/http-reverse-proxy -to http://127.0.0.1:8000 -listen http://127.0.0.1:8080", ready: "listening"},
		{cmd: "go run ./examples/http-client -url http://127.0.0.1:8080/LICENSE", extra: true, want: "MIT"},
	}},
	{"examples: HTTP JSON", "curl", []step{
		{cmd: "go run ./examples/http-restful-server", add: listenHTTP, ready: "listening"},
		{cmd: "curl -s http://127.0.0.1:8000/api/f2/7", extra: true, want: `"result": ?"/api/f2/7"`},
	}},
	{"examples: uploads", "curl", []step{
		{cmd: "go run ./examples/http-file-upload -d /tmp", add: listenHTTP, ready: "listening"},
		{cmd: "curl -s --data-binary @LICENSE http://127.0.0.1:8000/fs/a.txt", extra: true},
		{cmd: "cmp LICENSE /tmp/a.txt", extra: true},
	}},
	{"examples: goroutines", "curl", []step{
		{cmd: "go run ./examples/multi-threaded", add: listenHTTP, ready: "listening"},
		{cmd: "curl -s http://127.0.0.1:8000/fast", extra: true, want: "^hi\n$"},
	}},
	{"examples: cores", "curl", []step{
		{cmd: "go run ./examples/multi-core", add: listenHTTP, ready: "listening"},
		{cmd: "curl -s http://127.0.0.1:8000/", extra: true, want: "loop"},
	}},
	{"examples: WebSocket", "", []step{
		{cmd: "go run ./examples/websocket-server", add: listenWS, ready: "listening"},
		{cmd: "go run ./examples/websocket-client", add: "-url ws://127.0.0.1:8000/", want: "(?s)RECEIVED hello 1.*CLOSED 1000"},
	}},
	{"examples: JSON-RPC", "", []step{{cmd: "go run ./examples/json-rpc-over-websocket", add: listenHTTP, ready: "websocket"}}},
	{"examples: timers", "", []step{{cmd: "go run ./examples/timers", add: listenHTTP, ready: "listening"}}},
	{"examples: one to many", "", []step{{cmd: "go run ./examples/multi-threaded-12m", add: listenHTTP, ready: "listening"}}},
	{"examples: backplane", "", []step{
		{cmd: "go run ./examples/mqtt-server", add: listenBroker, ready: "listening url=ws://"},
		{cmd: "go run ./examples/backplane", add: listenHTTP + " -broker mqtt://127.0.0.1:1883", ready: "CONNECTED"},
	}},
	{"scaling", "", []step{
		{cmd: "go run ./examples/mqtt-server", add: listenBroker, ready: "listening url=ws://"},
		{cmd: "go run ./examples/backplane -name a -listen http://127.0.0.1:8001 -other http://127.0.0.1:8002",
			add: "-broker mqtt://127.0.0.1:1883", ready: "CONNECTED"},
		{cmd: "go run ./examples/backplane -name b -listen http://127.0.0.1:8002 -other http://127.0.0.1:8001",
			add: "-broker mqtt://127.0.0.1:1883", ready: "CONNECTED"},
	}},
	{"examples: MQTT", "", []step{
		{cmd: "go run ./examples/mqtt-server", add: listenBroker, ready: "listening url=ws://"},
		{cmd: "go run ./examples/mqtt-server -listen mqtt://127.0.0.1:1884", extra: true, ready: "listening"},
		{cmd: "go run ./examples/mqtt-client -n 10 -qos 1", add: urlBroker, want: "published=10 acknowledged=10"},
		{cmd: "go run ./examples/fleet -n 20 -d 1s", add: urlBroker, want: `(?m)^devices +20, 20 subscribed`},
		{cmd: "go run -C store/bolt ./mqtt-client -id x -n 1 -store /tmp/x.db", add: urlBroker, want: "published=1 acknowledged=1"},
		{cmd: "go run ./examples/mqtt-bridge -id site-7 -to mqtt://127.0.0.1:1884", add: "-from mqtt://127.0.0.1:1883", ready: "CONNECTED to the destination"},
	}},
	{"examples: dashboard", "", []step{
		{cmd: "go run ./examples/mqtt-dashboard", add: listenHTTP + " -mqtt mqtt://127.0.0.1:1883 -ws ws://127.0.0.1:8083/mqtt",
			ready: "the page is http"},
		{cmd: "go run ./examples/mqtt-dashboard/device -i garage", add: "-u mqtt://127.0.0.1:1883", ready: "SUBSCRIBED to mg_mqtt_dashboard/garage/rx"},
	}},
	{"examples: TCP", "", []step{{cmd: "go run ./examples/tcp", add: "-url tcp://localhost:8765", ready: "CLIENT connected"}}},
	{"examples: proxies", "curl", []step{
		{cmd: "go run ./examples/http-server", add: listenHTTP, ready: "listening"},
		{cmd: "go run ./examples/tcp-proxy", add: "-listen tcp://127.0.0.1:9000 -to tcp://127.0.0.1:8000", ready: "listening"},
		{cmd: "curl -s http://127.0.0.1:9000/LICENSE", extra: true, want: "MIT"},
		{cmd: "go run ./examples/socks5-server", add: "-listen tcp://127.0.0.1:1080", ready: "listening"},
		{cmd: "curl -s --socks5-hostname 127.0.0.1:1080 http://127.0.0.1:8000/LICENSE", extra: true, want: "MIT"},
	}},
	{"examples: UDP", "", []step{{cmd: "go run ./examples/udp-echo", add: "-listen udp://127.0.0.1:1234", ready: "listening"}}},
	{"examples: TLS", "openssl", []step{
		{cmd: "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost " +
			"-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout key.pem -out cert.pem"},
		{cmd: "go run ./examples/mqtt-server -cert cert.pem -key key.pem", add: listenTLS, ready: "listening url=wss://"},
		{cmd: "make run URL=wss://localhost:8084/mqtt ARGS='-ca cert.pem'", want: "RECEIVED hello <- mg/test"},
		{cmd: "openssl s_client -connect localhost:8883 -CAfile cert.pem", want: "Verify return code: 0"},
		{cmd: "go run ./examples/websocket-server -listen wss://localhost:8443 -cert cert.pem -key key.pem", ready: "listening"},
		{cmd: "go run ./examples/websocket-client -url wss://localhost:8443/ -ca cert.pem", want: "(?s)SECURED.*RECEIVED hello 1"},
	}},
}
