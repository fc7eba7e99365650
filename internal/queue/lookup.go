package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// A step without run executes what its image is made to run, which only the registry knows. Registries are asked beside
// the passes of the queue, so that one that does not answer delays no other job. A job takes no slot meanwhile.
const (
	maxLookups         = 24             // jobs whose images are looked up at the same time
	maxLookupsPerRepo  = 4              // of them, of one repository
	reservedForFirst   = maxLookups / 3 // of them, reserved for the first try of a repository that has no other lookup
	lookupTimeout      = 30 * time.Second
	maxLookupPause     = time.Minute      // between two tries
	giveUpLookupAfter  = 10 * time.Minute // the job ends with an error
	reportLookupsAfter = 5 * time.Second  // the job's status mentions the lookup
)

// imageLookup is a queued job whose images are being looked up.
type imageLookup struct {
	job    ci.JobName
	repo   int64
	fork   bool
	since  time.Time
	tries  int
	active bool      // a try is under way
	next   time.Time // when the next try may begin
	err    string    // of the last try, without a full stop; empty: none yet
}

// startLookup looks up the images of a job, unless that is under way. A later pass launches the job.
func (q *Queue) startLookup(name ci.JobName, run ci.Run) {
	q.mu.Lock()
	if q.lookups[name] == nil {
		q.lookups[name] = &imageLookup{
			job:   name,
			repo:  run.Event.Repo.ID,
			fork:  run.Event.Fork,
			since: time.Now(),
		}
	}
	q.mu.Unlock()
	q.signalLookups()
}

// signalLookups makes RunLookups check what is due.
func (q *Queue) signalLookups() {
	select {
	case q.wakeLookups <- struct{}{}:
	default:
	}
}

// RunLookups looks up the images of jobs that Pass wants to launch, until the context ends.
func (q *Queue) RunLookups(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		for _, l := range q.dueLookups() {
			wg.Go(func() { q.runLookup(ctx, l) })
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-q.wakeLookups:
		}
	}
}

// dueLookups returns the lookups to try now, and marks them as active.
func (q *Queue) dueLookups() []*imageLookup {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	active := activeLookups{byRepo: map[int64]int{}}
	var waiting, due []*imageLookup
	for _, l := range q.lookups {
		if l.active {
			active.add(l)
		} else if !now.Before(l.next) {
			waiting = append(waiting, l)
		}
	}
	for {
		waiting = slices.DeleteFunc(waiting, func(l *imageLookup) bool { return l.active || !active.hasRoom(l) })
		if len(waiting) == 0 {
			return due
		}
		next := slices.MinFunc(waiting, active.compare)
		next.active = true
		active.add(next)
		due = append(due, next)
	}
}

// activeLookups counts the lookups that are under way.
type activeLookups struct {
	total  int
	byRepo map[int64]int
}

func (a *activeLookups) add(l *imageLookup) {
	a.total++
	a.byRepo[l.repo]++
}

// hasRoom reports whether a lookup may begin. Part of the capacity is reserved for the first try of a repository that
// has no active lookup, so that repositories with registries that do not answer cannot use all of it.
func (a *activeLookups) hasRoom(l *imageLookup) bool {
	limit := maxLookups - reservedForFirst
	if l.tries == 0 && a.byRepo[l.repo] == 0 {
		limit = maxLookups
	}
	return a.total < limit && a.byRepo[l.repo] < maxLookupsPerRepo
}

// compare orders lookups by the number of active lookups of their repository, then tries, then age.
func (a *activeLookups) compare(x, y *imageLookup) int {
	return cmp.Or(
		cmp.Compare(a.byRepo[x.repo], a.byRepo[y.repo]),
		cmp.Compare(x.tries, y.tries),
		x.since.Compare(y.since),
		cmp.Compare(x.job, y.job),
	)
}

// runLookup makes one try and schedules the next one if it failed.
func (q *Queue) runLookup(ctx context.Context, l *imageLookup) {
	err := q.lookUp(ctx, l)
	q.mu.Lock()
	l.active = false
	l.tries++
	if err == nil {
		delete(q.lookups, l.job)
	} else {
		l.err = strings.TrimSuffix(err.Error(), ".")
		l.next = time.Now().Add(min(time.Second<<min(l.tries, 10), maxLookupPause))
	}
	q.mu.Unlock()

	switch {
	case ctx.Err() != nil: // the next leader starts anew
	case err != nil:
		q.log.Warn("look up image", "job", l.job, "err", err)
	case q.wake != nil:
		q.wake()
	}
	q.signalLookups() // there is room for another one
}

// lookUp looks up the images of a job, if it is still queued, and stores them. It ends the job if they cannot be had.
// An error means that the lookup should be retried later.
func (q *Queue) lookUp(ctx context.Context, l *imageLookup) error {
	job, err := q.runs.JobWithSpec(ctx, l.job)
	if err != nil || job.State != ci.Queued {
		return err
	}
	images, err := q.lookUpImages(ctx, job.JobSpec, l.fork)
	elapsed := time.Since(l.since)
	switch {
	case err == nil:
		return q.runs.SaveImages(ctx, job.Name, images)
	case errors.Is(err, ci.ErrInvalid):
		return q.failJob(ctx, job.Job, sentence(err))
	case elapsed > giveUpLookupAfter:
		return q.failJob(ctx, job.Job, fmt.Sprintf("%s YACI gave up after %s. Retry the run later, or set run on the step.",
			sentence(err), ci.Duration(elapsed)))
	}
	return err
}

// lookUpImages returns the images of a job, and asks the registries for those that are not known.
func (q *Queue) lookUpImages(ctx context.Context, spec ci.JobSpec, fork bool) ([]ci.Image, error) {
	if q.registry == nil {
		return nil, fmt.Errorf("%w: this server does not look up images: set run on the step", ci.ErrInvalid)
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	var images []ci.Image
	for _, image := range spec.Images {
		if image.Pinned == "" {
			var err error
			if image, err = q.registry.Image(ctx, image.Name, fork); err != nil {
				return nil, err
			}
		}
		images = append(images, image)
	}
	return images, nil
}

// sentence returns an error as a sentence for people, without the name of ci.ErrInvalid.
func sentence(err error) string {
	text := strings.TrimPrefix(err.Error(), ci.ErrInvalid.Error()+": ")
	if text == "" {
		return text
	}
	return strings.TrimSuffix(strings.ToUpper(text[:1])+text[1:], ".") + "."
}

// lookupReasons returns the jobs whose images are being looked up, with a reason to show; it is empty while the lookup
// is young. The caller holds q.mu.
func (q *Queue) lookupReasons() map[ci.JobName]string {
	reasons := map[ci.JobName]string{}
	for name, l := range q.lookups {
		switch {
		case l.err != "":
			reasons[name] = "looking up its image again: " + l.err
		case time.Since(l.since) > reportLookupsAfter:
			reasons[name] = "looking up its image in the registry"
		default:
			reasons[name] = ""
		}
	}
	return reasons
}
