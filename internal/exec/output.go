package exec

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/runner"
	"github.com/yaci-ci/yaci/internal/terminal"
)

// printLogs prints what the steps of a job print, in the order of the file. The output of a step that runs beside
// another one is printed when that one has ended.
func (r *Runner) printLogs(ctx context.Context, job ci.Job) {
	for _, step := range job.Steps {
		for ctx.Err() == nil && !r.printStep(ctx, job, step) {
			select {
			case <-ctx.Done():
			case <-time.After(pollInterval):
			}
		}
	}
}

// printStep follows the log of a step to its end. It returns false if there was nothing to print yet: the kubelet also
// returns an empty log for a container that is about to start.
func (r *Runner) printStep(ctx context.Context, job ci.Job, step ci.Step) bool {
	_, pods, err := r.cfg.Cluster.JobAndPods(ctx, job.Name)
	if err != nil || len(pods) == 0 {
		return false
	}
	ended := hasEnded(pods[0], step.Container)
	log, err := r.cfg.Cluster.LogStream(ctx, pods[0].Name, step.Container, time.Time{}, true)
	if err != nil {
		return false
	}
	defer log.Close()
	if r.cfg.JSON {
		return r.copyLog(log, "", jsonLines{runner: r, job: job.Title, step: step.Name}) || ended
	}
	title := step.Name
	if job.Title != "" {
		title = job.Title + " › " + step.Name
	}
	return r.copyLog(log, title, r.cfg.Out) || ended
}

// copyLog copies a log to w, without timestamps and progress markers, one line per call of Write. It prints a title
// before the first line, unless the title is empty. It reports whether the log had any content.
func (r *Runner) copyLog(log io.Reader, title string, w io.Writer) bool {
	found := false
	in := bufio.NewReader(log)
	for {
		line, err := in.ReadBytes('\n')
		found = found || len(line) > 0
		_, text, ok := bytes.Cut(line, []byte(" ")) // after the timestamp
		if ok && !isProgressMarker(text) {
			if title != "" {
				r.cfg.Errs.Say("%s", r.cfg.Errs.Paint(terminal.Bold, "▶ "+terminal.Clean(title)))
				title = ""
			}
			var u runner.MarkerUnescaper
			if _, err := w.Write(u.Unescape(text)); err != nil {
				return true // nobody reads the output
			}
		}
		if err != nil {
			return found
		}
	}
}

func isProgressMarker(line []byte) bool {
	_, ok := runner.ParseProgressMarker(line)
	return ok
}

func hasEnded(pod *corev1.Pod, container string) bool {
	return slices.ContainsFunc(pod.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool {
		return c.Name == container && c.State.Terminated != nil
	})
}

// jsonEvent is a line of the output with --json: a line that a step printed, the end of a step or, without a step, the
// end of a job.
type jsonEvent struct {
	Job     string   `json:"job"` // with its matrix values; empty if it is the only one
	Step    string   `json:"step,omitempty"`
	Line    *string  `json:"line,omitempty"`
	State   ci.State `json:"state,omitempty"`
	Exit    *int     `json:"exit,omitempty"`
	Seconds float64  `json:"seconds,omitempty"`
	Message string   `json:"message,omitempty"`
}

func (r *Runner) writeEvent(e jsonEvent) error {
	encoder := json.NewEncoder(r.cfg.Out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(e)
}

// jsonLines is an io.Writer that writes an event for each line. A call of Write gets one line.
type jsonLines struct {
	runner *Runner
	job    string
	step   string
}

// Write writes an event for a line.
func (l jsonLines) Write(p []byte) (int, error) {
	line := strings.TrimRight(string(p), "\r\n")
	return len(p), l.runner.writeEvent(jsonEvent{Job: l.job, Step: l.step, Line: &line})
}

// writeResult writes an event for each step of a finished job, and one for the job.
func (r *Runner) writeResult(job ci.Job) error {
	for _, step := range job.Steps {
		e := jsonEvent{
			Job:     job.Title,
			Step:    step.Name,
			State:   step.State,
			Exit:    &step.Exit,
			Message: step.Reason,
		}
		if !step.Started.IsZero() && !step.Finished.IsZero() {
			e.Seconds = step.Finished.Sub(step.Started).Seconds()
		}
		if err := r.writeEvent(e); err != nil {
			return err
		}
	}
	return r.writeEvent(jsonEvent{Job: job.Title, State: job.State, Message: job.Message})
}

// printSummary prints a table of the steps of a finished job, and its message.
func (r *Runner) printSummary(job ci.Job) {
	errs := r.cfg.Errs
	errs.Say("")
	var rows [][]terminal.Cell
	for _, step := range job.Steps {
		rows = append(rows, stepRow(step))
	}
	if err := errs.Table(rows); err != nil {
		return // nobody reads the output
	}
	icon, _, colour := terminal.Look(job.State)
	title := ""
	if job.Title != "" {
		title = job.Title + ": "
	}
	errs.Say("%s", errs.Paint(colour, icon+" "+title+terminal.Clean(job.Message)))
}

func stepRow(step ci.Step) []terminal.Cell {
	took := ""
	if !step.Started.IsZero() && !step.Finished.IsZero() {
		took = terminal.Took(step.Finished.Sub(step.Started))
	}
	reason := step.Reason
	if step.State == ci.Failure && reason == "" {
		reason = fmt.Sprintf("exit %d", step.Exit)
	}
	return []terminal.Cell{
		terminal.State(step.State),
		{Text: terminal.Cut(step.Name, 50)},
		{Text: took},
		{Text: reason},
	}
}
