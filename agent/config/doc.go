// Package config reads the agent's configuration: defaults, then the strict
// TOML file, then the environment, then the checks that concern several keys.
// Load reports every problem at once, each with its line or variable, the
// field, the value found and what to do.
//
// One table (keys.go) describes every key: its type, default, range, meaning
// and where it is stored. Decoding, the commented file of "telhub init" and
// docs/configuration_reference.md all follow from that table, so they cannot
// disagree. What a sensor's engine accepts comes from drivers/catalog.
//
// Nothing here runs as a goroutine or opens a device. Load reads the file it
// is given and nothing else; the password and certificate files that the
// configuration names are looked at by CheckFiles and read when they are
// needed, because they may change while the agent runs.
package config
