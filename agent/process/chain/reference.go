package chain

// Filter describes a filter for a reference of the configuration.
type Filter struct {
	Name    string
	Example string // as ParseFilter reads it
	Doc     string // what it gives
}

// Filters lists all filters in the order in which a reference tells of them.
func Filters() []Filter {
	return []Filter{
		{"median", "median 5", "The median of a window: single wrong values vanish, edges stay."},
		{"mean", "mean 1m", "The mean of a window."},
		{"min", "min 10", "The smallest value of a window."},
		{"max", "max 30s", "The largest value of a window."},
		{"ewma", "ewma 30s", "Exponentially weighted mean: the time constant is what it takes to follow a step by 63 %."},
		{"outlier", "outlier 3", "Holds back a value that deviates from the median of the newest seven by more than so many standard deviations, " +
			"as estimated from their median deviation (Hampel). A new level passes once it has the majority."},
		{"throttle", "throttle 10s", "Passes at most one value in the time."},
		{"round", "round 1", "Rounds to so many decimals, half away from zero."},
		{"step", "step 0.25", "Rounds to the nearest multiple."},
	}
}
