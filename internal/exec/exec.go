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

// Runner runs pipelines.
type Runner struct {
	Cluster  *kube.Cluster
	Operator pipeline.Operator
	Patience time.Duration // how long a pod may wait for a node
	Out      terminal.Screen
	Errs     terminal.Screen   // what is said besides the steps' output
	Secrets  map[string]string // what steps ask for by name; in a Secret of the Job's, and gone with it
	Registry Registry          // nil: steps need run
	JSON     bool              // Out gets an object a line: of what a step prints, of a step's end and of a job's
}

// Registry tells what an image is made to run.
type Registry interface {
	Image(ctx context.Context, name string, anonymous bool) (ci.Image, error)
}

// look is how often the cluster is asked how a job stands.
const look = 250 * time.Millisecond

// Run runs all jobs of a file on a snapshot, one after another, as a push of the
// branch that is checked out, whatever the file says under on. It returns the
// worst outcome. The error is the context's when it ended first.
func (r Runner) Run(ctx context.Context, file *pipeline.File, tree *Snapshot) (ci.State, error) {
	id := newID()
	file.On = pipeline.On{}
	silence(file)
	in := input(id, tree)
	for name := range r.Secrets {
		in.Secrets[name] = pipeline.SecretRef{Key: name}
	}
	jobs, err := pipeline.Compile(file, in, r.Operator)
	if err != nil {
		return "", err
	}
	if len(jobs) == 0 {
		r.Errs.Say("%s", file.Select(in).Why)
		return ci.Skipped, nil
	}
	ended := make([]ci.State, len(jobs))
	worst := ci.Success
	for {
		i := next(jobs, ended)
		if i < 0 {
			return worst, nil
		}
		if ended[i] = ci.Skipped; passed(jobs[i], ended) {
			if ended[i], err = r.job(ctx, jobs[i], tree); err != nil {
				return ci.Error, err
			}
		} else {
			r.Errs.Say("- %s is skipped: a job that it needs did not pass", jobs[i].Name)
		}
		if ended[i].Worse(worst) {
			worst = ended[i]
		}
	}
}

// input is a push of the branch that is checked out, with the working tree as its commit.
func input(id string, tree *Snapshot) pipeline.Input {
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

// silence keeps scripts out of the output, which programs may read: it is what the steps print.
func silence(file *pipeline.File) {
	quiet := true
	for _, j := range file.Jobs {
		for _, s := range j.Steps {
			s.Quiet = &quiet
		}
	}
}

// next is a job whose needs have ended, or -1 when all have.
func next(jobs []*pipeline.Compiled, ended []ci.State) int {
	for i, j := range jobs {
		ready := ended[i] == ""
		for _, n := range j.Needs {
			ready = ready && ended[n] != ""
		}
		if ready {
			return i
		}
	}
	return -1
}

func passed(j *pipeline.Compiled, ended []ci.State) bool {
	for _, n := range j.Needs {
		if ended[n] != ci.Success {
			return false
		}
	}
	return true
}

// job runs one job and takes it away again.
func (r Runner) job(ctx context.Context, c *pipeline.Compiled, tree *Snapshot) (ci.State, error) {
	if err := r.useImages(ctx, c); err != nil {
		return "", err
	}
	made, err := r.Cluster.LaunchAside(ctx, c.Job, c.Files, r.Secrets)
	if err != nil {
		return "", err
	}
	name := ci.JobName(made.Name)
	defer func() { // also after Ctrl-C
		ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer stop()
		if err := r.Cluster.Stop(ctx, name); err != nil {
			r.Errs.Say("yaci: %v; delete it with kubectl -n %s delete job %s", err, r.Cluster.Namespace, name)
		}
	}()
	stored := ci.Job{
		Name:    name,
		Title:   c.Name,
		UID:     string(made.UID),
		State:   ci.Running,
		Started: time.Now(),
	}
	if stored.Files, err = json.Marshal(c.Files); err != nil {
		return "", fmt.Errorf("encode files: %w", err)
	}
	for _, s := range c.Steps {
		stored.Steps = append(stored.Steps, ci.Step{Name: s.Name, Container: s.Container, State: ci.Queued})
	}
	for _, s := range c.Services {
		stored.Services = append(stored.Services, ci.Service{Name: s.Name, Container: s.Container})
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		r.logs(ctx, stored)
	}()
	sent := make(chan error, 1)
	if reads(made) {
		go func() { sent <- r.send(ctx, name, tree) }()
	}
	end, err := r.await(ctx, stored, sent)
	if err != nil {
		return "", err
	}
	select { // what was printed last may be on its way
	case <-shown:
	case <-time.After(5 * time.Second):
		stop()
		<-shown
	}
	if r.JSON {
		return end.State, r.tell(end)
	}
	r.summary(end)
	return end.State, nil
}

// useImages completes the steps without run of a job.
func (r Runner) useImages(ctx context.Context, c *pipeline.Compiled) error {
	var images []ci.Image
	for _, name := range c.Images {
		if r.Registry == nil {
			return fmt.Errorf("image %s: no registry is asked here; set run on the step", name)
		}
		image, err := r.Registry.Image(ctx, name, false)
		if err != nil {
			return err
		}
		images = append(images, image)
	}
	return kube.UseImages(c.Job, images)
}

// reads reports whether a Job waits for a pack.
func reads(j *batchv1.Job) bool {
	spec := j.Spec.Template.Spec
	for _, c := range append(spec.InitContainers, spec.Containers...) {
		if c.Stdin {
			return true
		}
	}
	return false
}

// await looks at a job until its outcome counts.
func (r Runner) await(ctx context.Context, stored ci.Job, sent <-chan error) (ci.Job, error) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	var since time.Time // that this outcome is seen
	for {
		job, pods, err := r.Cluster.Look(ctx, stored.Name)
		if err != nil {
			return stored, errors.Join(ctx.Err(), err)
		}
		s := watch.Observe(watch.View{
			Stored:   stored,
			Job:      job,
			Pods:     pods,
			Patience: r.Patience,
		})
		if s.Lost != "" {
			s.Job.State, s.Job.Message = ci.Error, "The cluster lost the pod: "+s.Lost+"."
		}
		if !s.Job.State.Final() {
			since = time.Time{}
		} else if since.IsZero() {
			since = time.Now()
		}
		if s.Job.State.Final() && time.Since(since) >= s.Wait {
			return s.Job, nil
		}
		select {
		case <-ctx.Done():
			return stored, ctx.Err()
		case err := <-sent:
			if err != nil {
				return stored, err
			}
		case <-tick.C:
		}
	}
}

// send gives the pod the snapshot as soon as its clone container listens. The
// kubelet takes up to a second to show that container as running, so the sending
// is tried until it succeeds.
func (r Runner) send(ctx context.Context, name ci.JobName, tree *Snapshot) error {
	for {
		_, pods, err := r.Cluster.Look(ctx, name)
		if err == nil && len(pods) == 1 && pods[0].Spec.NodeName != "" && pods[0].Status.Phase != corev1.PodFailed {
			if err = r.try(ctx, pods[0].Name, tree); !errors.Is(err, kube.ErrNotThere) {
				return err // nil, or cut in the middle, which cannot be repeated
			}
		}
		select {
		case <-ctx.Done():
			return nil // the job has ended
		case <-time.After(look):
		}
	}
}

func (r Runner) try(ctx context.Context, pod string, tree *Snapshot) error {
	f, err := os.Open(tree.Pack)
	if err != nil {
		return err
	}
	defer f.Close()
	if err = r.Cluster.Send(ctx, pod, runner.CloneContainer, f); ctx.Err() != nil {
		return nil // the job has ended
	}
	return err
}

func newID() string {
	var b [7]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return strings.ToLower(base32.StdEncoding.EncodeToString(b[:])[:10])
}

// summary says how each step ended.
func (r Runner) summary(j ci.Job) {
	r.Errs.Say("")
	var rows [][]terminal.Cell
	for _, s := range j.Steps {
		took, why := "", s.Reason
		if !s.Started.IsZero() && !s.Finished.IsZero() {
			took = terminal.Took(s.Finished.Sub(s.Started))
		}
		if s.State == ci.Failure && why == "" {
			why = fmt.Sprintf("exit %d", s.Exit)
		}
		rows = append(
			rows,
			[]terminal.Cell{terminal.State(s.State), {Text: terminal.Cut(s.Name, 50)}, {Text: took}, {Text: why}},
		)
	}
	if err := r.Errs.Table(rows); err != nil {
		return // nobody reads
	}
	icon, _, colour := terminal.Look(j.State)
	title := ""
	if j.Title != "" {
		title = j.Title + ": "
	}
	r.Errs.Say("%s", r.Errs.Paint(colour, icon+" "+title+terminal.Clean(j.Message)))
}
