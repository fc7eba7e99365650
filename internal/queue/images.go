package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Registry tells what an image is made to run. anonymous says that the operator's credentials must not be used. The error
// is ci.ErrInvalid, wrapped, when another try changes nothing; its words are for people.
type Registry interface {
	Image(ctx context.Context, name string, anonymous bool) (ci.Image, error)
}

// Registries are asked beside the passes of the queue, so that one that does not answer holds no other job up.
const (
	askers       = 24               // jobs whose images are asked for at once
	askersOfRepo = 4                // of one repository
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

// dueInquiries returns the jobs whose images are to be asked for now, the oldest first, and marks them as being asked.
func (q *Queue) dueInquiries() (due []*inquiry) {
	q.mu.Lock()
	defer q.mu.Unlock()
	asking, ofRepo := 0, map[int64]int{}
	for _, one := range q.inquiries {
		if one.asking {
			asking++
			ofRepo[one.repo]++
		} else if !time.Now().Before(one.until) {
			due = append(due, one)
		}
	}
	slices.SortFunc(due, func(a, b *inquiry) int {
		return a.since.Compare(b.since)
	})
	return slices.DeleteFunc(due, func(one *inquiry) bool {
		if asking >= askers || ofRepo[one.repo] >= askersOfRepo {
			return true
		}
		asking++
		ofRepo[one.repo]++
		one.asking = true
		return false
	})
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
		return q.end(ctx, job, fmt.Sprintf("%s YACI tried for %s. Retry later, or set run on the step.", sentenceOf(err), ci.Duration(lasted)))
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
