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

// Read hands the lines of a range to a reader, piece by piece, until the reader
// returns an error.
func (k *Keeper) Read(ctx context.Context, id ci.LogID, want ci.LogRange, to func(ci.LogLine) error) error {
	next, expect := 0, int64(1)
	for {
		more := k.Bells.next(id) // before the look, so that nothing falls between
		why := ""
		if want.Follow { // before the look too: logs are closed before their job is settled, so this look shows the whole log
			var err error
			if why, err = k.neverCame(ctx, id, want.Job); err != nil {
				return err
			}
		}
		l, err := k.Jobs.Log(ctx, id)
		if err != nil {
			return err
		}
		chunks, err := k.Index.LogChunks(ctx, id)
		if err != nil {
			return err
		}
		for _, c := range chunks {
			if c.Seq < next {
				continue
			}
			if c.First > expect && want.Notes && want.From <= expect {
				why := fmt.Sprintf("lines %d to %d are left out: the log is larger than %d MiB.", expect, c.First-1, k.Limit>>20)
				if c.Seq == next {
					why = fmt.Sprintf(
						"above, in the last second, %d lines are missing: they were rotated away, or lost by the container runtime, before they were read.",
						c.First-expect,
					)
				}
				if err := to(note(expect, why)); err != nil {
					return err
				}
			}
			next, expect = c.Seq+1, c.First+c.Lines
			if want.To > 0 && c.First > want.To {
				return nil
			}
			if c.First+c.Lines < want.From {
				continue
			}
			if err := k.readChunk(ctx, id, c, want, to); err != nil {
				return err
			}
		}
		if l.Closed || !want.Follow {
			if l.Note != "" && want.Notes {
				return to(note(expect, l.Note))
			}
			return nil
		}
		if why != "" && want.Notes && expect == 1 {
			return to(note(expect, why))
		}
		if why != "" {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-more:
		case <-time.After(5 * storeEvery): // a log that nobody follows here
		}
	}
}

// neverCame says why nothing more will come of a log that nobody has closed: its
// job is over, and all logs of what ran are closed by then; or the step was
// skipped. It is empty while something may come.
func (k *Keeper) neverCame(ctx context.Context, id ci.LogID, name ci.JobName) (why string, err error) {
	if name == "" {
		return "", nil
	}
	job, err := k.Jobs.Job(ctx, name)
	if err != nil {
		return "", err
	}
	step := ci.Step{}
	for _, s := range job.Steps {
		if s.Container == id.Container {
			step = s
		}
	}
	over := job.State.Final() && (job.UID == "" || job.Settled)
	switch {
	case id.UID != job.UID:
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
	if reason = strings.TrimRight(reason, "."); reason == "" {
		return "This step did not run.", nil
	}
	return "This step did not run: " + reason + ".", nil
}

func note(line int64, text string) ci.LogLine {
	return ci.LogLine{Number: line, Text: []byte("[yaci] " + text + "\n")}
}

func (k *Keeper) readChunk(
	ctx context.Context,
	id ci.LogID,
	c ci.LogChunk,
	want ci.LogRange,
	to func(ci.LogLine) error,
) error {
	data, err := k.Bucket.get(ctx, id, c.Seq)
	if err != nil {
		return err
	}
	in := newLines(bytes.NewReader(data))
	in.open = c.Inside
	for number := c.First; ; {
		p, err := in.next()
		if len(p.text) == 0 {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return err
		}
		if number >= want.From && (want.To == 0 || number <= want.To) {
			text := p.text
			if want.Times {
				text = append(bytes.Clone(p.stamp), text...)
			}
			if err := to(ci.LogLine{Number: number, Text: text}); err != nil {
				return err
			}
		}
		if p.whole() {
			number++
		}
	}
}
