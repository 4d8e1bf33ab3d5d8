// Package indicator switches what a box in the field shows an alarm with: an
// LED of the kernel's (/sys/class/leds) or a GPIO line that drives a lamp, a
// horn or a relay.
//
// An indicator is off when it is opened and off when it is closed: nobody is
// there any more who would switch it off. It starts no goroutine; one
// goroutine uses it. It imports nothing of this module.
package indicator
