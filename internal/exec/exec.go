package exec

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/kube"
	"github.com/yaci-ci/yaci/internal/runner"
	"github.com/yaci-ci/yaci/internal/terminal"
	"github.com/yaci-ci/yaci/internal/watch"
	"github.com/yaci-ci/yaci/pipeline"
)

// Config holds the settings and dependencies of a Runner.
type Config struct {
	Cluster        *kube.Cluster
	Registry       Registry // nil: every step must set run
	Operator       pipeline.Operator
	PendingTimeout time.Duration     // how long a pod may wait for a node
	Secrets        map[string]string // values by name, for the steps that ask for them
	Out            terminal.Screen   // what the steps print
	Errs           terminal.Screen   // everything else
	JSON           bool              // Out gets a JSON object per line of output, and per finished step and job
}

// Registry looks up the command of an image. If anonymous is true, no credentials are used.
type Registry interface {
	Image(ctx context.Context, name string, anonymous bool) (ci.Image, error)
}

// Runner runs pipelines.
type Runner struct {
	cfg Config
}

// New returns a Runner, or an error if there is no cluster.
func New(cfg Config) (*Runner, error) {
	if cfg.Cluster == nil {
		return nil, errors.New("exec: Cluster must not be nil")
	}
	return &Runner{cfg: cfg}, nil
}

// pollInterval is how often the state of a job is read from the cluster.
const pollInterval = 250 * time.Millisecond

// Run runs all jobs of a file on a snapshot, one after another, as a push of the current branch would; the file's
// triggers are ignored. It returns the worst outcome. If the context ends first, it returns the context's error.
func (r *Runner) Run(ctx context.Context, file *pipeline.File, tree *Snapshot) (ci.State, error) {
	id := newID()
	file.On = pipeline.On{}
	hideScripts(file)
	in := compileInput(id, tree)
	for name := range r.cfg.Secrets {
		in.Secrets[name] = pipeline.SecretRef{Key: name}
	}
	jobs, err := pipeline.Compile(file, in, r.cfg.Operator)
	if err != nil {
		return "", err
	}
	if len(jobs) == 0 {
		r.cfg.Errs.Say("%s", file.Select(in).Why)
		return ci.Skipped, nil
	}

	states := make([]ci.State, len(jobs)) // empty: not finished
	worst := ci.Success
	for i := nextJob(jobs, states); i >= 0; i = nextJob(jobs, states) {
		if needsPassed(jobs[i], states) {
			if states[i], err = r.runJob(ctx, jobs[i], tree); err != nil {
				return ci.Error, err
			}
		} else {
			states[i] = ci.Skipped
			r.cfg.Errs.Say("- %s is skipped: a job that it needs did not pass", jobs[i].Name)
		}
		if states[i].Worse(worst) {
			worst = states[i]
		}
	}
	return worst, nil
}

// compileInput describes a push of the current branch, with the working tree as its commit.
func compileInput(id string, tree *Snapshot) pipeline.Input {
	return pipeline.Input{
		RunID:   id,
		JobName: "yaci-exec-" + id,
		Attempt: 1,
		Repo:    tree.Repo,
		Event:   "push",
		Branch:  tree.Branch,
		Ref:     tree.Ref(),
		SHA:     tree.Commit,
		Pack:    true,
		Secrets: map[string]pipeline.SecretRef{},
	}
}

// hideScripts keeps the scripts out of the output, which programs may read.
func hideScripts(file *pipeline.File) {
	quiet := true
	for _, j := range file.Jobs {
		for _, s := range j.Steps {
			s.Quiet = &quiet
		}
	}
}

// nextJob returns the index of a job whose needs have finished, or -1 if all jobs have.
func nextJob(jobs []*pipeline.Compiled, states []ci.State) int {
	for i, j := range jobs {
		ready := states[i] == ""
		for _, need := range j.Needs {
			ready = ready && states[need] != ""
		}
		if ready {
			return i
		}
	}
	return -1
}

func needsPassed(j *pipeline.Compiled, states []ci.State) bool {
	for _, need := range j.Needs {
		if states[need] != ci.Success {
			return false
		}
	}
	return true
}

// runJob runs one job and deletes it from the cluster, even if the context ends.
func (r *Runner) runJob(ctx context.Context, c *pipeline.Compiled, tree *Snapshot) (ci.State, error) {
	if err := r.useImages(ctx, c); err != nil {
		return "", err
	}
	launched, err := r.cfg.Cluster.LaunchLocal(ctx, c.Job, c.Files, r.cfg.Secrets)
	if err != nil {
		return "", err
	}
	defer r.deleteJob(ctx, ci.JobName(launched.Name))
	job, err := asStored(launched, c)
	if err != nil {
		return "", err
	}

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	printed := make(chan struct{})
	go func() {
		defer close(printed)
		r.printLogs(ctx, job.Job)
	}()
	sent := make(chan error, 1)
	if needsPack(launched) {
		go func() { sent <- r.sendPack(ctx, job.Name, tree) }()
	}
	finished, err := r.await(ctx, job, sent)
	if err != nil {
		return "", err
	}
	select { // the last output may still be on its way
	case <-printed:
	case <-time.After(5 * time.Second):
		stop()
		<-printed
	}
	if r.cfg.JSON {
		return finished.State, r.writeResult(finished)
	}
	r.printSummary(finished)
	return finished.State, nil
}

// deleteJob deletes a job, or says how to if that fails.
func (r *Runner) deleteJob(ctx context.Context, name ci.JobName) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := r.cfg.Cluster.DeleteJob(ctx, name); err != nil {
		r.cfg.Errs.Say("yaci: %v; delete it with kubectl -n %s delete job %s", err, r.cfg.Cluster.Namespace, name)
	}
}

// asStored returns a job as the database of a server would have it after the launch.
func asStored(launched *batchv1.Job, c *pipeline.Compiled) (ci.JobWithSpec, error) {
	job := ci.Job{
		Name:    ci.JobName(launched.Name),
		Title:   c.Name,
		UID:     string(launched.UID),
		State:   ci.Running,
		Started: time.Now(),
	}
	files, err := json.Marshal(c.Files)
	if err != nil {
		return ci.JobWithSpec{}, fmt.Errorf("encode files: %w", err)
	}
	for _, s := range c.Steps {
		job.Steps = append(job.Steps, ci.Step{Name: s.Name, Container: s.Container, State: ci.Queued})
	}
	for _, s := range c.Services {
		job.Services = append(job.Services, ci.Service{Name: s.Name, Container: s.Container})
	}
	return ci.JobWithSpec{Job: job, JobSpec: ci.JobSpec{Files: files}}, nil
}

// useImages completes the steps without run of a job.
func (r *Runner) useImages(ctx context.Context, c *pipeline.Compiled) error {
	var images []ci.Image
	for _, name := range c.Images {
		if r.cfg.Registry == nil {
			return fmt.Errorf("image %s: images are not looked up here; set run on the step", name)
		}
		image, err := r.cfg.Registry.Image(ctx, name, false)
		if err != nil {
			return err
		}
		images = append(images, image)
	}
	return kube.UseImages(c.Job, images)
}

// await polls a job until it has a final verdict. It returns an error if the snapshot could not be sent.
func (r *Runner) await(ctx context.Context, stored ci.JobWithSpec, sent <-chan error) (ci.Job, error) {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	var since time.Time // when the final verdict was first seen
	for {
		job, pods, err := r.cfg.Cluster.JobAndPods(ctx, stored.Name)
		if err != nil {
			return stored.Job, errors.Join(ctx.Err(), err)
		}
		v := watch.Observe(watch.Observation{
			Stored:         stored.Job,
			Files:          stored.Files,
			Job:            job,
			Pods:           pods,
			PendingTimeout: r.cfg.PendingTimeout,
		})
		if v.Interruption != "" { // a local run is not retried
			v.Job.State = ci.Error
			v.Job.Message = "The cluster lost the pod: " + v.Interruption + "."
		}
		switch {
		case !v.Job.State.Final():
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		}
		if v.Job.State.Final() && time.Since(since) >= v.ConfirmAfter {
			return v.Job, nil
		}
		select {
		case <-ctx.Done():
			return stored.Job, ctx.Err()
		case err := <-sent:
			if err != nil {
				return stored.Job, err
			}
		case <-tick.C:
		}
	}
}

// needsPack reports whether a container of a Job waits for a pack on its standard input.
func needsPack(job *batchv1.Job) bool {
	pod := job.Spec.Template.Spec
	for _, containers := range [][]corev1.Container{pod.InitContainers, pod.Containers} {
		for _, c := range containers {
			if c.Stdin {
				return true
			}
		}
	}
	return false
}

// sendPack sends the snapshot to the clone container. The kubelet takes up to a second to report that container as
// running, so sending is tried until it succeeds. It returns nil if the context ends, because then the job has
// finished.
func (r *Runner) sendPack(ctx context.Context, name ci.JobName, tree *Snapshot) error {
	for {
		_, pods, err := r.cfg.Cluster.JobAndPods(ctx, name)
		hasNode := err == nil && len(pods) == 1 && pods[0].Spec.NodeName != ""
		if hasNode && pods[0].Status.Phase != corev1.PodFailed {
			err = r.trySendPack(ctx, pods[0].Name, tree)
			if !errors.Is(err, kube.ErrContainerNotRunning) {
				return err // nil, or it broke off in the middle and cannot be repeated
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pollInterval):
		}
	}
}

func (r *Runner) trySendPack(ctx context.Context, pod string, tree *Snapshot) error {
	f, err := os.Open(tree.Pack)
	if err != nil {
		return err
	}
	defer f.Close()
	err = r.cfg.Cluster.WriteStdin(ctx, pod, runner.CloneContainer, f)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func newID() string {
	var b [7]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return strings.ToLower(base32.StdEncoding.EncodeToString(b[:])[:10])
}
