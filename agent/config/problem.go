package config

import (
	"github.com/telhub/telhub/internal/problem"
	"github.com/telhub/telhub/internal/toml"
)

// Problem is one mistake in a configuration, with what to do about it.
type Problem = problem.Problem

// Problems is everything that is wrong with a configuration. It is the error of
// Load.
type Problems = problem.Problems

// fault is what a check of one value says: what is wrong and what to do.
// The zero fault means that nothing is.
type fault toml.Fault

func (f fault) ok() bool { return f.Msg == "" }
