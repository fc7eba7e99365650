package queue

import (
	"container/heap"
	"math"
	"slices"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

const (
	usageHalfLife   = time.Hour   // after which usage counts half
	defaultDuration = time.Minute // of a job, if there is no history
	minCores        = 0.05        // a job counts for; so that jobs without requests still take turns
	bytesPerCore    = 4 << 30     // of memory count as much as one core
	medianSample    = 20          // newest jobs of which a median is taken
)

// coreSeconds returns the usage of a job that requests cpu millicores and memory bytes for the duration d, which counts
// as at least one second.
func coreSeconds(cpu, memory int64, d time.Duration) float64 {
	cores := max(float64(cpu)/1000, float64(memory)/bytesPerCore, minCores)
	return cores * max(d.Seconds(), 1)
}

// decay returns what usage counts after a time.
func decay(usage float64, age time.Duration) float64 {
	return usage * math.Exp2(-float64(age)/float64(usageHalfLife))
}

// medianDurations returns the median duration of the newest jobs of each repository, and that of the newest jobs of
// all, which is defaultDuration if there are none. The history must be newest first.
func medianDurations(history []ci.Usage) (byRepo map[int64]time.Duration, total time.Duration) {
	durations := map[int64][]time.Duration{}
	var all []time.Duration
	for _, u := range history {
		d := u.Finished.Sub(u.Started)
		if len(durations[u.Repo]) < medianSample {
			durations[u.Repo] = append(durations[u.Repo], d)
		}
		if len(all) < medianSample {
			all = append(all, d)
		}
	}
	byRepo = map[int64]time.Duration{}
	for id, d := range durations {
		byRepo[id] = median(d)
	}
	if len(all) == 0 {
		return byRepo, defaultDuration
	}
	return byRepo, median(all)
}

// median sorts values, which must not be empty, and returns the middle one.
func median(values []time.Duration) time.Duration {
	slices.Sort(values)
	return values[len(values)/2]
}

// expectedDuration returns how long a job of a repository is expected to run.
func (p *planner) expectedDuration(repo int64) time.Duration {
	if d, ok := p.repoMedian[repo]; ok {
		return d
	}
	return p.totalMedian
}

// forecast predicts when slots become free: a job starts when the earliest of the jobs before it ends.
type forecast struct {
	ends durationHeap // from now, one for each slot in use
}

func newForecast(remaining []time.Duration) *forecast {
	f := &forecast{ends: slices.Clone(remaining)}
	heap.Init(&f.ends)
	return f
}

// next returns when the next job starts, from now, if it runs for the duration d. It returns 0 if nothing runs, since
// then the job waits for something whose end cannot be predicted.
func (f *forecast) next(d time.Duration) time.Duration {
	if len(f.ends) == 0 {
		return 0
	}
	starts := f.ends[0]
	f.ends[0] = starts + d
	heap.Fix(&f.ends, 0)
	return starts
}

// durationHeap implements heap.Interface; the shortest duration is first.
type durationHeap []time.Duration

func (h durationHeap) Len() int           { return len(h) }
func (h durationHeap) Less(i, j int) bool { return h[i] < h[j] }
func (h durationHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push appends a time.Duration.
func (h *durationHeap) Push(x any) { *h = append(*h, x.(time.Duration)) }

// Pop removes the last element.
func (h *durationHeap) Pop() any {
	last := len(*h) - 1
	d := (*h)[last]
	*h = (*h)[:last]
	return d
}
