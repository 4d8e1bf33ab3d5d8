package chain

// Chain is a channel's steps and their state.
type Chain struct{}
