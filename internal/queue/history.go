package queue

import (
	"container/heap"
	"slices"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// medianOf is how many of a repository's newest jobs its median is taken of.
const medianOf = 20

// medians are how long the newest jobs of each repository took, and under -1,
// which no repository has, those of all.
func medians(recent []ci.Spent) map[int64]time.Duration {
	took := map[int64][]time.Duration{}
	for _, u := range recent {
		for _, id := range []int64{u.Repo, -1} {
			if len(took[id]) < medianOf {
				took[id] = append(took[id], u.Finished.Sub(u.Started))
			}
		}
	}
	median := map[int64]time.Duration{}
	for id, d := range took {
		slices.Sort(d)
		median[id] = d[len(d)/2]
	}
	return median
}

// typical is how long a job of a repository is expected to take.
func (l *line) typical(repo int64) time.Duration {
	for _, id := range []int64{repo, -1} {
		if d, known := l.median[id]; known {
			return d
		}
	}
	return typical
}

// clock foresees when slots become free.
type clock struct{ ends durations }

// clock has a slot for each job that may run at once.
func (l *line) clock() *clock {
	c := &clock{ends: slices.Clone(l.ends)}
	heap.Init(&c.ends)
	return c
}

// next takes the slot that becomes free first for a job that takes so long.
func (c *clock) next(takes time.Duration) (starts time.Duration) {
	if len(c.ends) == 0 { // nothing runs, so what is in the way ends at a time that nobody knows
		return 0
	}
	starts = c.ends[0]
	c.ends[0] = starts + takes
	heap.Fix(&c.ends, 0)
	return starts
}

type durations []time.Duration

func (d durations) Len() int           { return len(d) }
func (d durations) Less(i, j int) bool { return d[i] < d[j] }
func (d durations) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *durations) Push(x any)        { *d = append(*d, x.(time.Duration)) }
func (d *durations) Pop() any {
	last := (*d)[len(*d)-1]
	*d = (*d)[:len(*d)-1]
	return last
}
