// Package mqtt speaks MQTT 3.1.1 and 5.0.
//
// # The codec
//
// Parse and the Append functions are pure: bytes in, values out. All fifteen
// packet types go both ways, for both versions, whichever side of the
// connection one is on. Versions are named by their protocol level: 4 is
// MQTT 3.1.1, 5 is MQTT 5.0, and 0 stands for 4.
//
// Parse checks everything that the standard says about a packet on its own.
// What needs the state of the connection (a second CONNECT, a packet that the
// other side may not send, an alias beyond the agreed maximum) is left to the
// caller. The iterators NextProp and NextFilter therefore cannot fail on a
// message that came out of Parse.
//
// The Append functions append one packet to a slice and return the extended
// slice, or the slice as it was together with an error. What they wrote is
// checked by the same code that Parse uses, so one side never sends what the
// other refuses.
//
// Comments and errors cite the standards by statement number, as in
// [MQTT-3.3.1-4], or by section where a rule has no number. Where the
// two versions number a rule differently, 3.1.1's comes first.
package mqtt
