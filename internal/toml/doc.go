// Package toml reads a TOML document into a tree that knows the line of every
// value, so that whoever checks the values can say where a mistake stands. It
// reports what is wrong with the document itself in words for users, with the
// usual cure.
//
// The parser is go-toml's package unstable, which gives one expression at a
// time; what TOML says about tables and repetition is done here. Without
// go-toml's reflection the arm64 binary is 128 KiB smaller.
//
// Documents are bounded in size and nesting. Dates are recognised and nothing
// more: no setting of ours is one. The package does no I/O, starts no
// goroutine and imports nothing of this module.
package toml
