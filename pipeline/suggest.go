package pipeline

import (
	"fmt"
	"strings"
)

// suggestion asks whether the known word closest to a mistyped one was meant.
func suggestion(word string, known []string) string {
	best := closest(word, known)
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", best)
}

// closest finds the known word that a mistyped one was meant to be, or "".
func closest(word string, known []string) string {
	best, distance := "", max(1, min(len(word)/3, 3))+1
	for _, k := range known {
		d := edits(word, k)
		if len(word) > 2 && strings.HasPrefix(k, word) {
			d = min(d, 1)
		}
		if d < distance && d < len(k) || d == distance && best != "" && k < best {
			best, distance = k, d
		}
	}
	return best
}

// edits is the number of letters to insert, delete, replace or swap (optimal string alignment).
func edits(a, b string) int {
	const most = 40
	if len(a) > most || len(b) > most {
		return most + 1
	}
	var d [most + 1][most + 1]int
	for i := range d {
		d[i][0], d[0][i] = i, i
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
