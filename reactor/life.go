package reactor

// life is what a connection is doing. It only moves down this list; docs/design.md
// draws the moves. That a connection is still being dialled is not a state: it may be
// drained meanwhile.
type life uint8

const (
	open      life = iota // input is delivered, Send is written; a listener accepts
	receiving             // CloseWrite has ended our side; input is delivered
	draining              // Drain: input is delivered until Send is empty, then our side ends
	yielding              // AwaitEnd: as draining, but the peer is to end first
	lingering             // the peer's end is awaited, input is discarded
	closing               // to be freed by settle
	closed                // EvClose was raised, or is being raised
)

// role is what a connection was made by.
type role uint8

const (
	roleAccepted role = iota // a listener
	roleClient               // Connect
	roleListener             // Listen or ListenFD
	roleWrapped              // WrapFD, a socket
	roleFile                 // WrapFD, other than a socket
)

// flags are facts about a connection that do not depend on each other.
type flags uint16

const (
	opened      flags = 1 << iota // EvOpen was raised
	failed                        // EvError was raised: no more input, Send gets one try
	paused                        // Pause
	held                          // too much waits unsent: input waits as well
	ended                         // the peer's end of stream was read
	halfClose                     // SetHalfClose
	endWrite                      // CloseWrite
	above                         // Send is beyond its high-water mark
	polled                        // SetPoll
	hexdump                       // SetHexdump
	handshaking                   // SetHandshaking
	midMessage                    // SetReceiving
)

// lists are those of the manager's lists that a connection is on.
type lists uint16

const (
	onDirty     lists = 1 << iota // to be settled
	onRedeliver                   // what lies in Recv is to be offered again
	onInput                       // there is input to take in that readiness does not tell of
	onLate                        // a deadline has passed: look before judging
	onGrown                       // Send has grown beyond its trip
	onAsking                      // SetPoll
	onAcks                        // has read; an acknowledgement may be due
	onSteps                       // waits to take a step of its TLS handshake
	onSlots                       // waits for a slot for its TLS handshake
)

// onQueue is the admission queue: input waits in the socket.
const onQueue = onSteps | onSlots
