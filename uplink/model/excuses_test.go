package model

// excuses are losses without a record that are known, each with its number in
// docs/model_check.md. With its mend an excuse goes.
type excuses struct {
	// refused (20): a store with DropNewest had refused frames; what it stored
	// later hides where the loss began when that run ends.
	refused bool
	// atOnce (15, 16): the server lost accepted frames while no agent with a memory
	// of them was connected.
	atOnce map[uint64]bool
	// overtaken (21): two agents ran under one name.
	overtaken bool
}

// The excuses that are still needed.
const (
	excuseRefused  = true
	excuseAtOnce   = true
	excuseTwo      = true
	excuseConflict = true // 19: after a power cut a record of a conflict with itself
)

// pardons reports whether a sample may be missing without a record.
func (e *excuses) pardons(sample uint64) bool {
	return excuseRefused && e.refused || excuseAtOnce && e.atOnce[sample] || excuseTwo && e.overtaken
}
