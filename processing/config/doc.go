// Package config reads the configuration of ttp: defaults, then the strict
// TOML file, then the environment (TTP_SECTION_KEY), then the checks that
// concern several keys. Load reports every problem at once, each with its line
// or variable, the field, the value found and what to do.
//
// One table (keys.go) describes every key: its type, default, range, meaning
// and where it is stored. Decoding and the commented file of Example follow
// from it, and a test holds the README to it.
//
// Nothing here runs as a goroutine or opens a connection. Load reads the file
// that it is given and nothing else; the password and certificate files that
// the configuration names are looked at by CheckFiles and read when they are
// needed, because they may change while ttp runs. The package imports
// internal/toml, internal/spell, internal/redisurl and
// internal/secret.
package config
