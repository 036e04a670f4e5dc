package docrun

// The reasons for which a command or a program is not run by TestDocuments.
const (
	minutes   = "takes minutes, and measures the machine"
	tests     = "make test runs these tests"
	needsNet  = "needs a public network"
	localNet  = "asks the local network; the tests of the program have a network of their own"
	needsPeer = "needs a server of another kind; the tests of the program have one"
	needsRoot = "needs root, or changes the machine"
	mention   = "names a command in general; its arguments depend on the reader"
	changes   = "changes the clone"
)

// notRun has the commands and programs that are not run, each with the reason.
var notRun = map[string]string{
	// README.md, CONTRIBUTING.md, docs/releasing.md
	"make run URL=ws://broker.hivemq.com:8000/mqtt": needsNet,
	"make test":                           tests,
	"make chaos":                          minutes,
	"make lint":                           minutes,
	"make fuzz FUZZTIME=1m":               minutes,
	"make fuzz FUZZTIME=10m":              minutes,
	"make bench":                          minutes,
	"make bench ARGS=echo":                minutes,
	"make bench-full":                     changes,
	"go run -C bench .":                   minutes,
	"go test -run '^$' -bench Echo ./...": minutes,
	"go run -C interop/attack .":          minutes,
	"bash .ci/run":                        needsRoot,
	"npm ci":                              needsNet,
	"go get":                              mention,
	"go doc":                              mention,
	"go list -m -u all":                   needsNet,
	"go run golang.org/x/vuln/cmd/govulncheck@latest ./...":                                  needsNet,
	"make chaos ARGS='-broker mochi -qos 2 -seed 7'":                                         minutes,
	"go test ./internal/arch -run PortingHasEveryName -v":                                    tests,
	"go test ./proto/ws ./proto/mqtt -p 1 -run TestConformanceDocument -rewrite-conformance": changes,

	// docs/examples.md
	"go run ./examples/http-proxy-client -proxy http://127.0.0.1:3128 -url http://example.com/":                 needsPeer,
	"go run ./examples/smtp-client -server tcp://smtp.example.com:587 -user me@example.com -to you@example.com": needsPeer,
	"go run ./examples/ssdp-search":                    localNet,
	"go run ./examples/mdns-query -name printer.local": localNet,
	"go run ./examples/sntp-time-sync":                 needsNet,

	// the other documents
	"go test ./internal/allocs":                                              tests,
	"go test -bench . -benchmem -memprofile mem.out":                         mention,
	"go tool pprof -sample_index=alloc_objects mem.out":                      mention,
	"go test -v -run TestConformance ./proto/ws":                             tests,
	"go test -v -run TestConformanceDocument ./proto/mqtt":                   tests,
	"go test -run '^$' -bench . ./proto/ws":                                  minutes,
	"go test -run '^$' -bench TLSStep ./reactor":                             minutes,
	"go test -C bench -run '^$' -bench 'Deflate|Inflate|Reset|Window|State'": minutes,
	"kill -HUP $(pidof mqtt-server)":                                         mention,
	"systemctl restart web":                                                  needsRoot,
	"systemd-socket-activate -l 8000 --fdname=web /usr/local/bin/web":        needsRoot,
	"ulimit -Hn": mention,
	"go tool pprof http://127.0.0.1:6060/debug/pprof/profile":                          minutes,
	"go tool pprof http://127.0.0.1:6060/debug/pprof/heap":                             mention,
	"go tool pprof -sample_index=alloc_objects http://127.0.0.1:6060/debug/pprof/heap": mention,

	// bench/README.md, interop/README.md, proto/ws/klauspost/README.md, store/bolt/README.md
	"go run -C bench . echo http":                                               minutes,
	"go run -C bench . -quick":                                                  minutes,
	"go run -C bench . -quick -full -write ..":                                  changes,
	"go run -C bench . -full":                                                   minutes,
	"go run -C bench . -full -write ..":                                         changes,
	"go run -C bench . -before FILE":                                            minutes,
	"go run -C bench . -profile FILE":                                           minutes,
	"go build -C bench -pgo=../examples/websocket-server/default.pgo -o FILE .": mention,
	"go build -pgo=\"$(go list -m -f '{{.Dir}}' github.com/rikki-go/rikki)/examples/websocket-server/default.pgo\" .": mention,
	"make pgo":                    changes,
	"go build":                    mention,
	"go build -pgo=FILE":          mention,
	"go tool pprof":               mention,
	"go build -C bench -o FILE .": mention,
	"cd bench && go test ./...":   tests,
	"cd bench && go test -run '^$' -bench 'Receive|Send|Publish|MQTTClient|Timer|Wakeup' .": minutes,
	"go test":                                         mention,
	"go test -v":                                      tests,
	"go test ./...":                                   tests,
	"go test -v -run 'TestWS|TestChromium'":           tests,
	"go test -v -run TestSessionBrokers":              tests,
	"cd interop && go test ./...":                     tests,
	"mosquitto_pub -l":                                mention,
	"go test -bench . -run '^$'":                      minutes,
	"go test -run '^$' -bench Pairs -benchtime 12x .": minutes,
}
