//go:build !chaos

package chaos

// full says that counts and times are those of the documentation.
var full = false
