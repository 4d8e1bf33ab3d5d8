// Package notify tells systemd how the service is doing, by the protocol of
// sd_notify(3): datagrams to the socket named by $NOTIFY_SOCKET. Outside
// systemd every call does nothing, so callers need no conditions.
//
// Watchdog keeps WATCHDOG=1 coming only while the caller says that samples
// really move: a hung agent is restarted although its process still runs.
//
// The package starts no goroutine of its own (Watchdog.Run is run by the
// agent) and imports nothing of this module.
package notify
