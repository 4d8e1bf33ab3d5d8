//go:build chaos

package chaos

import "os"

// full says that counts and times are those of the documentation.
var full = os.Getenv("TTP_CHAOS_QUICK") == ""
