package server

import (
	"errors"

	"github.com/tarndb/tarn/sql/sqlerr"
)

func asSQL(err error, target **sqlerr.Error) bool { return errors.As(err, target) }

// nearest returns the name that differs least from word, "" if none is near:
// at most a third of its letters (Levenshtein distance).
func nearest(word string, names []string) string {
	best, at := len(word)/3+1, ""
	for _, n := range names {
		if d := distance(word, n); d < best {
			best, at = d, n
		}
	}
	return at
}

// distance is the Levenshtein distance, with one row of the matrix at a time.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diag, row[j+1] = row[j+1], min(diag+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
