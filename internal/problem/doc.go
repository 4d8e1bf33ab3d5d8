// Package problem describes mistakes in configurations: where each is, what was
// found and what to do about it. It knows nothing of what is configured.
package problem
