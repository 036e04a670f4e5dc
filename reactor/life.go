package reactor

// life is the state of a connection. A connection moves down the list of states and never up:
//
//	from         to           when
//	open         receiving    CloseWrite was called and everything is written
//	open         draining     Drain, or the peer's end without SetHalfClose
//	open,        awaitingEnd  Stack.AwaitEnd
//	draining
//	receiving    lingering    Drain, AwaitEnd, or the peer's end without SetHalfClose
//	open         closing      CloseWrite was called, everything is written, and the peer has
//	                          ended already (SetHalfClose)
//	receiving    closing      the peer's end, with SetHalfClose
//	draining,    lingering    everything is written: our side ends, unless AwaitEnd leaves
//	awaitingEnd               that to the peer
//	draining,    closing      everything is written, and the peer has ended already or there
//	awaitingEnd               is no stream to end
//	awaitingEnd  closing      a read or a write fails, which counts as the peer's end
//	lingering    closing      the peer's end, a reset, or lingerTime has passed
//	any          closing      Close or Abort
//	any          lingering    Fail, if bytes were in Send, the socket took them all, and the
//	                          peer has not ended yet
//	any          closing      Fail otherwise
//	closing      closed       settle frees the connection and raises EvClose
//
// A connection may be drained while it is still being dialed, so dialing is not a state of
// its own: see Conn.dialing. TLS is not a state either: it is a transport.
type life uint8

const (
	open        life = iota // input is delivered and Send is written; a listener accepts
	receiving               // CloseWrite has ended our side; input is delivered
	draining                // input is delivered until Send is empty, then our side ends
	awaitingEnd             // as draining, but the peer ends its side first
	lingering               // input is discarded until the peer ends its side
	closing                 // settle frees it next
	closed                  // EvClose was raised, or is being raised
)

// role says which call made a connection.
type role uint8

const (
	roleAccepted role = iota // no call: a listener accepted it
	roleClient               // Connect
	roleListener             // Listen or ListenFD
	roleWrapped              // WrapFD, with a socket
	roleFile                 // WrapFD, with another descriptor
)

// flags are facts about a connection. They are independent of each other and of its life.
type flags uint16

const (
	opened           flags = 1 << iota // EvOpen was raised
	failed                             // EvError was raised: no more input, Send is offered once
	paused                             // Pause was called
	inputHeld                          // backpressure: input waits because too much is unsent
	peerEnded                          // the end of the peer's stream was read
	halfClose                          // SetHalfClose is on
	closeWrite                         // CloseWrite was called
	aboveHighWater                     // EvHighWater was raised, EvLowWater was not yet
	pollEvents                         // SetPoll is on
	hexdump                            // SetHexdump is on
	handshaking                        // a layer has called SetHandshaking(true)
	receivingMessage                   // a layer has called SetReceiving(true)
	awaitingRequest                    // a layer has called SetAwaitingRequest(true)
	hasRead                            // a byte of the peer was read
	yielded                            // input waits for a later turn, see fairness.go
	answerDue                          // nothing was written since the last read
)

// lists says on which lists a connection is. Each bit keeps it from being added twice.
type lists uint16

const (
	onDirty      lists = 1 << iota // Manager.dirty: to be settled
	onRedeliver                    // Manager.redeliver: Recv is to be delivered again
	onInput                        // Manager.inputs: has input that the poller does not report
	onCatchUp                      // Manager.catchUps: to be read before a deadline is enforced
	onGrown                        // Manager.grown: Send has grown beyond a mark or limit
	onPollEvents                   // Manager.pollConns: gets EvPoll
	onAcks                         // Manager.ackQueue: an early acknowledgement may be due
	onStepQueue                    // handshake queue: waits to take a step of its TLS handshake
	onSlotQueue                    // handshake queue: waits for a slot for its TLS handshake
	onSlotFull                     // on onSlotQueue, and as much was read as may wait there
)

const (
	// onHandshakeQueue is set while the connection is in the handshake queue.
	onHandshakeQueue = onStepQueue | onSlotQueue | onSlotFull
	// notRead is set while the connection is in the handshake queue and its input waits in the
	// socket.
	notRead = onStepQueue | onSlotFull
)
