package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// pollInterval is how often a reader looks for more of a log that this process does not
// collect.
const pollInterval = 5 * storeInterval

// Read hands a range of a log to a receiver, fragment by fragment (see [ci.LogLine]), until
// the receiver returns an error. If the range is followed, Read returns when the log is
// closed, or when nothing more can come because the job has ended.
func (s *Store) Read(ctx context.Context, id ci.LogID, want ci.LogRange, to func(ci.LogLine) error) error {
	r := reader{
		store:    s,
		id:       id,
		want:     want,
		to:       to,
		nextLine: 1,
	}
	for {
		more := s.signals.next(id) // taken first, so that nothing that comes meanwhile is missed
		done, err := r.readStored(ctx)
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-more:
		case <-time.After(pollInterval):
		}
	}
}

// reader hands a range of one log to a receiver.
type reader struct {
	store *Store
	id    ci.LogID
	want  ci.LogRange
	to    func(ci.LogLine) error

	nextSeq  int   // of the first chunk that was not handed on
	nextLine int64 // number of the line that goes on, or begins, behind the chunks that were handed on
	inside   bool  // that line goes on
}

// readStored hands on what was stored since the last call. It returns true when there will
// be no more, or the reader wants no more.
func (r *reader) readStored(ctx context.Context) (done bool, err error) {
	// The job is asked before the log: its logs are closed before it is done with, so what
	// is read below is the whole log if nothing more can come.
	whyEnded := ""
	if r.want.Follow {
		if whyEnded, err = r.whyNoMore(ctx); err != nil {
			return false, err
		}
	}
	l, err := r.store.config.Jobs.Log(ctx, r.id)
	if err != nil {
		return false, err
	}
	chunks, err := r.store.config.Index.LogChunks(ctx, r.id)
	if err != nil {
		return false, err
	}

	for _, c := range chunks {
		if c.Seq < r.nextSeq {
			continue
		}
		done, err = r.readChunk(ctx, c)
		if done || err != nil {
			return done, err
		}
	}

	switch {
	case l.Closed || !r.want.Follow:
		return true, r.endNote(l.Note)
	case whyEnded == "":
		return false, nil
	case r.nextLine == 1:
		return true, r.endNote(whyEnded)
	}
	return true, nil
}

// readChunk hands on the wanted lines of a chunk, after a note about lines that are missing
// before it. It returns true if all lines behind the wanted range are reached.
func (r *reader) readChunk(ctx context.Context, c ci.LogChunk) (done bool, err error) {
	if c.First > r.nextLine && r.want.Notes && r.want.From <= r.nextLine {
		if err := r.note(r.nextLine, r.whyMissing(c)); err != nil {
			return false, err
		}
	}
	next := chunkAfter(c)
	r.nextSeq, r.nextLine = next.Seq, next.First
	r.inside = next.Inside
	if r.want.To > 0 && c.First > r.want.To {
		return true, nil
	}
	if next.First < r.want.From {
		return false, nil
	}
	data, err := r.store.config.Bucket.get(ctx, r.id, c.Seq)
	if err != nil {
		return false, err
	}
	return false, r.handOn(data, c)
}

// handOn hands on the wanted lines of a chunk's data.
func (r *reader) handOn(data []byte, c ci.LogChunk) error {
	fragments := newFragmentReader(bytes.NewReader(data))
	fragments.inside = c.Inside
	for number := c.First; ; {
		f, err := fragments.next()
		if len(f.text) == 0 {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		line := ci.LogLine{Number: number, Text: f.text}
		if !f.inside {
			line.Time = f.time
		}
		if number >= r.want.From && (r.want.To == 0 || number <= r.want.To) {
			if err := r.to(line); err != nil {
				return err
			}
		}
		if line.Ends() {
			number++
		}
	}
}

// whyMissing returns a sentence about the lines that are missing before a chunk.
func (r *reader) whyMissing(c ci.LogChunk) string {
	if c.Seq == r.nextSeq { // no chunk was dropped: a progress marker has shown that lines are missing
		return fmt.Sprintf("above, in the last second, %d lines are missing: they were rotated away, "+
			"or lost by the container runtime, before they were read.", c.First-r.nextLine)
	}
	return fmt.Sprintf("lines %d to %d are left out: the log is larger than %d MiB.",
		r.nextLine, c.First-1, r.store.config.Limit>>20)
}

// endNote hands on a note at the end of the log. It does nothing if the text is empty, or
// notes are not wanted.
func (r *reader) endNote(text string) error {
	if text == "" || !r.want.Notes {
		return nil
	}
	number := r.nextLine
	if r.inside { // the line of this number was cut off
		number++
	}
	return r.note(number, text)
}

func (r *reader) note(number int64, text string) error {
	return r.to(ci.LogLine{Number: number, Text: []byte(text + "\n"), Note: true})
}

// whyNoMore returns a sentence if nothing more can come of a log although it is not closed:
// its job is done with, and all logs of containers that ran are closed by then, or its step
// was skipped. It returns "" while something may come.
func (r *reader) whyNoMore(ctx context.Context) (string, error) {
	if r.want.Job == "" {
		return "", nil
	}
	job, err := r.store.config.Jobs.Job(ctx, r.want.Job)
	if err != nil {
		return "", err
	}
	step := ci.Step{}
	for _, s := range job.Steps {
		if s.Container == r.id.Container {
			step = s
		}
	}
	over := job.State.Final() && (job.UID == "" || job.CleanedUp)
	switch {
	case r.id.UID != job.UID:
		return "The cluster lost this pod. The job runs again, with a log of its own.", nil
	case !over && step.State != ci.Skipped:
		return "", nil
	case !step.Started.IsZero():
		return "No output of this step was kept.", nil
	}
	reason := step.Reason
	if reason == "" && step.State != ci.Skipped {
		reason = job.Message
	}
	reason = strings.TrimRight(reason, ".")
	if reason == "" {
		return "This step did not run.", nil
	}
	return "This step did not run: " + reason + ".", nil
}
