package model

// excuses are losses without a record that are known, each with its number in
// docs/model_check.md. With its mend an excuse goes.
type excuses struct {
	// atOnce (O1, O2): the server lost accepted frames, or the record of a loss,
	// while no agent with a memory of them was connected.
	atOnce map[uint64]bool
}

// pardons reports whether a sample may be missing without a record.
func (e *excuses) pardons(sample uint64) bool { return e.atOnce[sample] }
