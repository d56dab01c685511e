// Package tenon holds the few words that cross the packages of this module: who acts ([Caller]), the classes of error
// ([ErrNotFound] and its siblings), what is told to people ([Notification]), what was changed ([Change]), whether one
// may go on ([Verdict]) and whose data it is ([Subject]).
//
// It imports the standard library alone. The features live beside it: each has a core that imports nothing but this
// package, and adapters that bring a driver or net/http. No feature imports another; what one needs of another is an
// interface of one method, declared here or by the one that needs it, and wired by the host.
//
// An instant in tenon is UTC and truncated to microseconds, so that every store keeps exactly what it was given.
package tenon
