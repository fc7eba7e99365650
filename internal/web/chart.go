package web

import (
	"fmt"
	"slices"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// chart is the history of runs as bars: their height is how long they took.
type chart struct {
	Branch        string
	Bars          []bar
	Width, Height int
	Longest       string
	Passed, Ended int
	Median        string
}

// bar is one run, in units of the drawing.
type bar struct {
	X, Y, Height int
	Run          ci.Run
	Label        string
}

const (
	barStep   = 10
	barHeight = 56
)

// draw takes runs as they are listed, newest first, and draws the oldest at the left.
func draw(runs []ci.Run, branch string) *chart {
	c := &chart{Branch: branch, Width: charted * barStep, Height: barHeight + 12}
	var longest time.Duration
	var passed []time.Duration
	length := func(r ci.Run) time.Duration {
		if r.Started.IsZero() || r.Finished.IsZero() {
			return 0
		}
		return r.Finished.Sub(r.Started)
	}
	for _, r := range runs {
		longest = max(longest, length(r))
		if r.State.Final() && r.State != ci.Skipped {
			c.Ended++
		}
		if r.State == ci.Success {
			c.Passed++
			passed = append(passed, length(r))
		}
	}
	for i, r := range slices.Backward(runs) {
		h := 4
		if longest > 0 {
			h = max(h, int(int64(barHeight)*int64(length(r))/int64(longest)))
		}
		b := bar{
			X:      (charted - 1 - i) * barStep,
			Height: h,
			Y:      barHeight - h,
			Run:    r,
			Label:  fmt.Sprintf("#%d %s", r.Number, word(r.State)),
		}
		if d := length(r); d > 0 {
			b.Label += " in " + ci.Duration(d)
		}
		c.Bars = append(c.Bars, b)
	}
	if longest > 0 {
		c.Longest = ci.Duration(longest)
	}
	if slices.Sort(passed); len(passed) > 0 {
		c.Median = ci.Duration(passed[len(passed)/2])
	}
	return c
}
