package exec

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/runner"
	"github.com/yaci-ci/yaci/internal/terminal"
)

// logs writes what the steps print, one step after another in the order of the
// file; steps that run beside another are shown when that one has ended.
func (r Runner) logs(ctx context.Context, job ci.Job) {
	for _, s := range job.Steps {
		for ctx.Err() == nil {
			if r.follow(ctx, job, s) {
				break
			}
			select {
			case <-ctx.Done():
			case <-time.After(look):
			}
		}
	}
}

// follow shows one step to its end. It is false when there was nothing to show
// yet: the kubelet may also answer with nothing for a container that has not quite begun.
func (r Runner) follow(ctx context.Context, job ci.Job, s ci.Step) bool {
	_, pods, err := r.Cluster.Look(ctx, job.Name)
	if err != nil || len(pods) == 0 {
		return false
	}
	over := ended(pods[0], s.Container)
	log, err := r.Cluster.LogStream(ctx, pods[0].Name, s.Container, time.Time{}, true)
	if err != nil {
		return false
	}
	defer log.Close()
	title := s.Name
	if job.Title != "" {
		title = job.Title + " › " + s.Name
	}
	to := io.Writer(r.Out)
	if r.JSON {
		title, to = "", lines{r, job.Title, s.Name}
	}
	return r.show(log, title, to) || over
}

// show copies a log without its timestamps, under a title if there is one, and reports whether there was any.
func (r Runner) show(log io.Reader, title string, to io.Writer) (some bool) {
	begun := false
	in := bufio.NewReader(log)
	for {
		line, err := in.ReadBytes('\n')
		some = some || len(line) > 0
		_, text, ok := bytes.Cut(line, []byte(" "))
		if ok && !isMarker(text) {
			if !begun && title != "" {
				begun = true
				r.Errs.Say("%s", r.Errs.Paint(terminal.Bold, "▶ "+terminal.Clean(title)))
			}
			var u runner.MarkerUnescaper
			if _, err := to.Write(u.Unescape(text)); err != nil {
				return true // nobody reads
			}
		}
		if err != nil {
			return some
		}
	}
}

func isMarker(line []byte) bool {
	_, ok := runner.ParseProgressMarker(line)
	return ok
}

func ended(pod *corev1.Pod, container string) bool {
	return slices.ContainsFunc(pod.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool {
		return c.Name == container && c.State.Terminated != nil
	})
}
