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

// Registry tells what an image is made to run. anonymous says that the operator's credentials must not be used. The
// error is ci.ErrInvalid, wrapped, when another try changes nothing; its words are for people.
type Registry interface {
	Image(ctx context.Context, name string, anonymous bool) (ci.Image, error)
}

// Registries are asked beside the passes of the queue, so that one that does not answer holds no other job up.
const (
	askers       = 24               // jobs whose images are asked for at once
	askersOfRepo = 4                // of one repository
	askersKept   = askers / 3       // for the first try of a repository of which nothing is being asked
	askTime      = 30 * time.Second // for all images of a job
	askPause     = time.Minute      // between two tries, at most
	askFor       = 10 * time.Minute // until a job ends whose registry does not answer
	tellAsking   = 5 * time.Second  // after which people are told that a registry is being asked
)

// inquiry is a queued job whose images are not known yet. It takes no slot.
type inquiry struct {
	job     ci.JobName
	repo    int64
	fork    bool
	since   time.Time
	tries   int
	asking  bool      // at this moment
	until   time.Time // when it is asked again
	problem string    // of the last try
}

// inquire has the images of a job asked for. [Queue.Pass] launches it when all is known.
func (q *Queue) inquire(name ci.JobName, run ci.Run) {
	q.mu.Lock()
	if q.inquiries == nil {
		q.inquiries = map[ci.JobName]*inquiry{}
	}
	if q.inquiries[name] == nil {
		q.inquiries[name] = &inquiry{
			job:   name,
			repo:  run.Event.Repo.ID,
			fork:  run.Event.Fork,
			since: time.Now(),
		}
	}
	q.mu.Unlock()
	select {
	case q.asks() <- struct{}{}:
	default:
	}
}

// asks returns the channel that wakes AskRegistries.
func (q *Queue) asks() chan struct{} {
	q.asksOnce.Do(func() { q.asksWake = make(chan struct{}, 1) })
	return q.asksWake
}

// AskRegistries asks for the images of jobs that Pass would launch, until the context ends.
func (q *Queue) AskRegistries(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		for _, one := range q.dueInquiries() {
			wg.Go(func() { q.ask(ctx, one) })
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-q.asks():
		}
	}
}

// dueInquiries returns the jobs whose images are to be asked for now, and marks them as being asked.
func (q *Queue) dueInquiries() (due []*inquiry) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now, asking := time.Now(), askingNow{ofRepo: map[int64]int{}}
	var waiting []*inquiry
	for _, one := range q.inquiries {
		if one.asking {
			asking.add(one)
		} else if !now.Before(one.until) {
			waiting = append(waiting, one)
		}
	}
	for {
		waiting = slices.DeleteFunc(waiting, func(one *inquiry) bool { return one.asking || !asking.hasRoom(one) })
		if len(waiting) == 0 {
			return due
		}
		next := slices.MinFunc(waiting, asking.compare)
		next.asking = true
		asking.add(next)
		due = append(due, next)
	}
}

// askingNow counts the inquiries that are being asked.
type askingNow struct {
	all    int
	ofRepo map[int64]int
}

func (n *askingNow) add(one *inquiry) {
	n.all++
	n.ofRepo[one.repo]++
}

// hasRoom reports whether an inquiry may be asked. Some askers are kept for the first try of a repository of which
// nothing is being asked, so that repositories whose registries do not answer cannot take them all.
func (n *askingNow) hasRoom(one *inquiry) bool {
	room := askers - askersKept
	if one.tries == 0 && n.ofRepo[one.repo] == 0 {
		room = askers
	}
	return n.all < room && n.ofRepo[one.repo] < askersOfRepo
}

// compare orders inquiries: first that of the repository of which the fewest are being asked, then the one with the
// fewest tries, then the oldest.
func (n *askingNow) compare(a, b *inquiry) int {
	return cmp.Or(
		cmp.Compare(n.ofRepo[a.repo], n.ofRepo[b.repo]),
		cmp.Compare(a.tries, b.tries),
		a.since.Compare(b.since),
		cmp.Compare(a.job, b.job),
	)
}

// ask makes one try for a job, and stores what came of it.
func (q *Queue) ask(ctx context.Context, one *inquiry) {
	err := q.tryImages(ctx, one)
	q.mu.Lock()
	one.asking = false
	one.tries++
	if err == nil {
		delete(q.inquiries, one.job)
	} else {
		one.problem = strings.TrimSuffix(err.Error(), ".")
		one.until = time.Now().Add(min(time.Second<<min(one.tries, 10), askPause))
	}
	q.mu.Unlock()
	switch {
	case ctx.Err() != nil: // the next leader asks
	case err != nil:
		q.Log.Warn("ask registry", "job", one.job, "err", err)
	case q.Wake != nil:
		q.Wake()
	}
	select {
	case q.asks() <- struct{}{}: // there is room for another one
	default:
	}
}

// tryImages asks for the images of a job that is still queued. One whose images cannot be had ends. An error means: try
// again later.
func (q *Queue) tryImages(ctx context.Context, one *inquiry) error {
	job, err := q.Runs.Job(ctx, one.job)
	if err != nil || job.State != ci.Queued {
		return err
	}
	images, err := q.imagesOf(ctx, job, one.fork)
	lasted := time.Since(one.since)
	switch {
	case err == nil:
		return q.Runs.SaveImages(ctx, job.Name, images)
	case errors.Is(err, ci.ErrInvalid):
		return q.end(ctx, job, sentenceOf(err))
	case lasted > askFor:
		return q.end(
			ctx,
			job,
			fmt.Sprintf("%s YACI tried for %s. Retry later, or set run on the step.", sentenceOf(err), ci.Duration(lasted)),
		)
	}
	return err
}

// imagesOf asks the registries for those images of a job that are not known.
func (q *Queue) imagesOf(ctx context.Context, job ci.Job, fork bool) ([]ci.Image, error) {
	if q.Registry == nil {
		return nil, fmt.Errorf("%w: this server asks no registries: set run on the step", ci.ErrInvalid)
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	var images []ci.Image
	for _, image := range job.Images {
		if image.Pinned == "" {
			var err error
			if image, err = q.Registry.Image(ctx, image.Name, fork); err != nil {
				return nil, err
			}
		}
		images = append(images, image)
	}
	return images, nil
}

// sentenceOf returns an error's words as a sentence for people.
func sentenceOf(err error) string {
	text := strings.TrimPrefix(err.Error(), ci.ErrInvalid.Error()+": ")
	if text == "" {
		return text
	}
	return strings.TrimSuffix(strings.ToUpper(text[:1])+text[1:], ".") + "."
}

// unknownImages returns the jobs whose images are being asked for, with what is worth telling people about it.
func (q *Queue) unknownImages() map[ci.JobName]string {
	q.mu.Lock()
	defer q.mu.Unlock()
	found := map[ci.JobName]string{}
	for name, one := range q.inquiries {
		switch {
		case one.problem != "":
			found[name] = "its registry is asked again: " + one.problem
		case time.Since(one.since) > tellAsking:
			found[name] = "its registry is asked what the image runs"
		default:
			found[name] = ""
		}
	}
	return found
}
