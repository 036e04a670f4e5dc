package mqtt_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// test is a test function of another file or package that shows statements.
type test struct {
	dir, name, shows string
	v                uint8 // the version; 0: both
}

func (x test) title() string       { return x.name + " of " + x.dir }
func (x test) shown() string       { return x.shows }
func (x test) versions() []uint8   { return row{v: x.v}.versions() }
func (test) run(*testing.T, uint8) {}

const (
	here    = "proto/mqtt"
	session = "proto/mqtt/session"
	broker  = "examples/internal/broker"
)

// otherTests are the tests of other files and packages that show statements.
func otherTests() []tester {
	return []tester{
		test{here, "TestPacketIDIsInUseUntilAcknowledged", "2.3.1-2/2.2.1-3 2.3.1-3/ 4.3.2-1 4.3.3-1 /4.3.2-3 /4.3.3-3 /4.3.3-5 /4.4.0-2", 0},
		test{here, "TestAllPacketIDsInUse", "2.3.1-2/2.2.1-3 4.3.2-1 4.3.3-1", 0},
		test{here, "TestBothDirectionsHaveTheirOwnPacketIDs", "2.3.1-4/2.2.1-4", 0},
		test{here, "TestRetransmissionReservesPacketID", "2.3.1-3/ 3.3.1-1 2.3.1-2/2.2.1-3", 0},
		test{here, "TestRefusingPubrecEndsExchange", "/4.3.3-9 /4.3.3-4", 5},
		test{here, "TestHandlerAcknowledges", "/3.4.2-1 /3.5.2-1 /3.6.2-1 /3.7.2-1", 5},
		test{here, "TestReceiveMaximumBoundsPub", "/3.3.4-7 /3.3.4-8 /4.9.0-1 /4.9.0-2", 5},
		test{here, "TestPropertiesOfOneDirection", "/3.3.4-6 /3.14.2-2", 5},
		test{here, "TestUnsupportedVersionIsRefused", "3.1.2-2", 0},
		test{here, "TestMalformedConnectGetsNoAnswer", "3.1.4-1", 0},
		test{here, "TestEmptyClientIDIsRefused", "3.1.3-8/ 3.1.3-9/", 4},
		test{here, "TestNoDisconnectBeforeConnack", "/3.14.0-1", 5},
		test{here, "TestConnectSendsWebSocketRequest", "6.0.0-3", 0},
		test{here, "TestConnectNeedsSubprotocol", "6.0.0-4", 0},
		test{here, "TestSubprotocolAmongOthers", "6.0.0-4", 0},
		test{here, "TestServerStreamInParts", "7.1.2-1/4.2.0-1", 0},
		test{here, "TestClientStreamInParts", "7.1.1-1/4.2.0-1", 0},
		test{here, "TestMatch", "4.7.2-1 4.7.3-4", 0},
		test{here, "TestPacketLimit", "4.8.0-1/4.13.1-1 4.8.0-2/", 0},

		test{broker, "TestConnect", "3.1.2-2 3.1.3-6 3.1.3-8/ 3.2.2-1/3.2.2-2 3.1.4-3/3.1.4-4 3.1.4-4/3.1.4-5", 0},
		test{broker, "TestConnectionEnds", "3.1.0-1 3.1.0-2 3.1.4-2/3.1.4-3 /4.12.0-1 /4.12.0-4", 0},
		test{broker, "TestConnackProperties", "/3.1.3-7 /3.2.2-16", 5},
		test{broker, "TestWill", "3.1.2-8/3.1.2-7 /3.1.2-8 3.1.2-10 3.1.2-16/3.1.2-14 3.1.2-17/3.1.2-15 3.14.4-3", 0},
		test{broker, "TestKeepAlive", "3.1.2-24/3.1.2-22 /3.2.2-22", 0},
		test{broker, "TestSuspended", "3.1.2-24/3.1.2-22", 0},
		test{broker, "TestRetained", "3.1.2-7/ 3.3.1-5 3.3.1-6/3.3.1-9 /3.3.1-10 /3.3.1-11 3.3.1-7/ 3.3.1-8/ 3.3.1-9/3.3.1-12 /3.3.1-13 " +
			"3.3.1-10/3.3.1-6 3.3.1-11/3.3.1-7 3.3.1-12/3.3.1-8 3.8.4-3 /3.8.4-4", 0},
		test{broker, "TestPublish", "3.3.1-3 4.3.3-2/4.3.3-10 /3.3.4-6 3.1.4-5/3.1.4-6", 0},
		test{broker, "TestDeliveryQoS", "3.3.4-1 3.8.4-6/3.8.4-8 4.5.0-1", 0},
		test{broker, "TestSubscribe", "3.3.2-3 3.3.5-1/3.3.4-2 /3.8.3-3 3.8.4-1 3.8.4-2 3.8.4-3 3.8.4-4/3.8.4-5 3.8.4-5/3.8.4-6 3.9.3-1 " +
			"3.10.4-1 3.10.4-2 3.10.4-4 3.10.4-5 3.10.4-6 /3.11.3-1 4.7.2-1", 0},
		test{broker, "TestFetchEnds", "3.10.4-3 /3.3.4-10", 0},
		test{broker, "TestMessagePassesOnProperties", "/3.3.2-4 /3.3.2-15 /3.3.2-16 /3.3.2-17 /3.3.2-18 /3.3.2-20", 5},
		test{broker, "TestPropertiesArrive", "/3.3.2-15 /3.3.2-17", 5},
		test{broker, "TestExpiry", "/3.3.2-5 /3.3.2-6", 5},
		test{broker, "TestMessageExpiry", "/3.3.2-5 /3.3.2-6", 5},
		test{broker, "TestPacketSizes", "/3.1.2-24 /3.1.2-25", 5},
		test{broker, "TestReceiveMaximum", "/3.3.4-9 /3.3.4-10 /4.9.0-1 /4.9.0-2", 5},
		test{broker, "TestRetainedMessagesAreInOrder", "4.6.0-5/4.6.0-6 4.6.0-6/4.6.0-5", 0},
		test{broker, "TestPublicationWhileClientsLeave", "3.1.2-12/", 4},
		test{broker, "TestPublicationInSeveralTurns", "4.6.0-5/4.6.0-6 4.6.0-6/4.6.0-5", 0},
		test{broker, "TestQoS0StaysInOrder", "4.6.0-5/4.6.0-6 4.6.0-6/4.6.0-5", 0},

		test{here, "TestKeepAliveSendsPingreq", "3.1.2-23/3.1.2-20", 0},
		test{here, "TestPacketsMovePingreq", "3.1.2-23/3.1.2-20", 0},
		test{here, "TestServerKeepAlive", "/3.1.2-21 /3.2.2-21", 5},

		test{session, "TestReconnect", "2.3.1-3/ 3.3.1-1 3.1.2-4/ /3.1.2-23 3.1.3-2 4.4.0-1 4.6.0-1 4.1.0-1 4.1.0-2/", 0},
		test{session, "TestSenderLife", "4.3.1-1 4.3.2-1 4.3.3-1 /4.3.3-7 /4.3.2-3 /4.3.3-3 /4.3.3-5", 0},
		test{session, "TestSenderSends", "/3.3.4-7 3.3.1-1 4.4.0-1 4.6.0-1 4.6.0-4 3.1.2-6/3.1.2-4 /3.2.2-5 /4.9.0-1 /4.9.0-2 /4.9.0-3", 0},
		test{session, "TestSenderReceives", "4.3.3-1/4.3.3-4 /4.3.3-6 /4.4.0-2", 0},
		test{session, "TestSenderInterleavings", "4.3.2-1/4.3.2-3 4.3.3-1/4.3.3-3 /4.3.3-5 /4.3.3-6 4.4.0-1 4.6.0-1", 0},
		test{session, "TestSenderModel", "4.1.0-1 4.3.2-1/4.3.2-3 4.3.3-1/4.3.3-3 /4.3.3-5 /4.3.3-6 4.4.0-1 4.6.0-1 4.6.0-4", 0},
		test{session, "TestSenderPutsBeforePackets", "3.1.2-4/ /3.1.2-23 4.1.0-1", 0},
		test{session, "TestReceiver", "4.1.0-1 3.1.2-6/3.1.2-4 /3.2.2-5 4.3.2-2/4.3.2-4 /4.3.2-5 4.3.3-2/4.3.3-8 /4.3.3-10 /4.3.3-11 /4.3.3-12 4.4.0-1", 0},
		test{session, "TestReceiverManual", "4.6.0-2 4.6.0-3 /4.3.3-9", 0},
		test{session, "TestReceiverEveryInterleaving", "4.3.3-2/4.3.3-10 4.6.0-2 4.6.0-3", 0},
		test{session, "TestReceiverStore", "3.1.2-4/ /3.1.2-23", 0},
		test{session, "TestReceiveMaximum", "/3.3.4-9", 5},
		test{session, "TestSubackViolations", "3.8.4-5/3.8.4-6 /3.11.3-1", 0},
		test{session, "TestAuthentication", "/4.12.0-3 /4.12.0-5 /4.12.1-1", 5},
		test{session, "TestAuthenticationFails", "/4.12.0-5 /4.12.1-2", 5},
		test{session, "TestAssignedClientID", "3.1.3-2", 5},

		test{broker, "TestSessionIsKept", "3.1.2-4/3.1.2-5 /3.1.2-6 3.1.2-5/ 3.1.2-6/3.1.2-4 /3.1.2-23 3.2.2-2/3.2.2-3 3.2.2-3/ 3.1.3-2 4.5.0-1", 0},
		test{broker, "TestSessionExpiry", "/4.1.0-2 /3.1.2-23", 5},
		test{broker, "TestRedelivery", "4.4.0-1 4.1.0-1 4.1.0-2/ 4.3.2-1/4.3.2-3 4.3.3-1/4.3.3-5 /4.3.3-6 3.3.1-1", 0},
		test{broker, "TestUnreleasedIdentifiersAreKept", "4.3.3-2/4.3.3-10 4.1.0-1", 0},
		test{broker, "TestRefusedQoS2IsNotADuplicate", "/4.3.3-9", 5},
		test{broker, "TestExpiryInTheQueue", "/3.3.2-5 /3.3.2-6", 5},
		test{broker, "TestNoReasonStrings", "/3.1.2-29", 5},
		test{broker, "TestSubscriptionIdentifiers", "/3.3.4-3 /3.3.4-4 /3.3.4-5", 5},
		test{broker, "TestWillKeepsUserProperties", "/3.1.3-10", 5},
		test{broker, "TestWillDelay", "/3.1.2-8 /3.1.3-9", 5},
		test{broker, "TestTopicAliasesIn", "/3.3.2-12", 5},
		test{broker, "TestTopicAliasesOut", "/3.1.2-26 /3.1.2-27 /3.3.2-11", 5},
		test{broker, "TestSharedSubscriptions", "/4.8.2-3 /4.8.2-5", 5},
		test{broker, "TestSharedDeliveryStays", "/4.8.2-4 /4.8.2-6", 5},
	}
}

// Each test that the suite names exists.
func TestConformanceTestsExist(t *testing.T) {
	_, rows := conformance()
	found := map[string][]string{}
	functions := func(dir string) []string {
		if found[dir] == nil {
			files, err := filepath.Glob(filepath.Join("../..", dir, "*_test.go"))
			if err != nil {
				t.Fatal(err)
			}
			found[dir] = []string{}
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(text, -1) {
					found[dir] = append(found[dir], string(m[1]))
				}
			}
		}
		return found[dir]
	}
	for _, r := range rows {
		if x, ok := r.(test); ok && !slices.Contains(functions(x.dir), x.name) {
			t.Errorf("%s has no test %s", x.dir, x.name)
		}
	}
}
