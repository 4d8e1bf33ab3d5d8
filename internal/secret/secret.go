// Package secret keeps passwords and keys out of what is printed, and reads
// them from files. It imports nothing of ours.
package secret

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// maxBytes bounds a file; what is longer is neither a password nor a key.
const maxBytes = 4096

// Text is text that never shows itself: whatever prints it prints "***".
type Text string

// String hides the secret.
func (s Text) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// GoString hides the secret from %#v.
func (s Text) GoString() string { return s.String() }

// MarshalText hides the secret from JSON.
func (s Text) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reveal gives the secret itself.
func (s Text) Reveal() string { return string(s) }

// Read reads a secret from a file without its final line break.
func Read(path string) (Text, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return "", err
	}
	if len(b) > maxBytes {
		return "", fmt.Errorf("%s: longer than %d bytes, so hardly a password or key", path, maxBytes)
	}
	b = bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
	if len(b) == 0 {
		return "", fmt.Errorf("%s: is empty", path)
	}
	return Text(b), nil
}
