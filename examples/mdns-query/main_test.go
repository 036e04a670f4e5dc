package main

import (
	"fmt"
	"os"
	"testing"

	"github.com/rikki-go/rikki/examples/internal/testclient"
	"github.com/rikki-go/rikki/internal/looptest"
)

func TestMain(m *testing.M) {
	looptest.Main(main)
	os.Exit(m.Run())
}

// Wrong usage is one line on standard error, and status 2.
func TestUsage(t *testing.T) {
	looptest.WantUsage(t, run, "mdns-query", []string{"-interface"}, []looptest.Refusal{
		looptest.Wrong("neither -name nor -host", "-name", ""),
		looptest.Wrong("-name: ", "-name", "a..b"),
		looptest.Wrong("-host: ", "-host", "a.local"),
		looptest.Wrong(`-host "bogus://x y" is no name of a host`, "-host", "bogus://x y"),
		looptest.Wrong("-name: ", "-host", "a", "-name", "a..b"),
		looptest.Wrong("-timeout: it is negative", "-timeout", "-1s"),
	})
}

// What only the system and the network can tell is status 1.
func TestExitStatus(t *testing.T) {
	lo := testclient.Loopback(t)
	looptest.WantExit(t, []string{"-interface", "nope0"}, 1, "on nope0")
	looptest.WantExit(t, []string{"-interface", lo, "-name", fmt.Sprintf("nobody-%d", os.Getpid()), "-timeout", "100ms"}, 1,
		"mDNS answer deadline of 100ms exceeded")
}

// One process answers for a name, and another one finds it.
func TestQueryAndAnswer(t *testing.T) {
	lo := testclient.Loopback(t)
	host := fmt.Sprintf("rikki-%d", os.Getpid())
	server := looptest.Start(t, "-host", host, "-name", "", "-interface", lo, "-timeout", "0")
	server.Await(`answering name=` + host + `\.local`)
	client := looptest.Start(t, "-name", host+".local", "-interface", lo, "-timeout", "2s")
	client.Await(`  ` + host + `\.local is: 127\.0\.0\.1 remote=\S+:5353`)
	client.WantEnd()
	server.Signal(os.Interrupt)
	server.WantEnd()
}
