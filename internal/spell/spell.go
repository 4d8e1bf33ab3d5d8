// Package spell finds the word that somebody probably meant, for messages about
// unknown keys and names. It imports nothing of this module.
package spell

import "strings"

// maxWord bounds the work of comparing; no word of ours is longer.
const maxWord = 64

// Nearest returns the candidate that got was probably meant to be: the one
// with the smallest edit distance, letters' case aside, if it is no more than a
// third of the word. The first of equals wins. It returns "" when none is near.
func Nearest(got string, candidates []string) string {
	got = strings.ToLower(got)
	if got == "" || len(got) > maxWord {
		return ""
	}
	best, bestDist := "", max(1, len(got)/3)+1
	for _, c := range candidates {
		if len(c) > maxWord {
			continue
		}
		if d := Distance(got, strings.ToLower(c)); d < bestDist {
			best, bestDist = c, d
		}
	}
	return best
}

// Distance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b (optimal string alignment).
func Distance(a, b string) int {
	prev2 := make([]int, len(b)+1)
	prev := make([]int, len(b)+1)
	cur := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}
