package pipeline

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/runner"
)

// compiledSteps has the steps of a job that run, with their plans and containers. The slices have the
// same length.
type compiledSteps struct {
	steps      []*Step
	plans      []runner.StepPlan
	containers []corev1.Container
}

// steps compiles the selected steps of a job.
func (b *builder) steps(j *Job, selected JobSelection) compiledSteps {
	edges := make([][]int, len(j.Steps))
	keep := make([]bool, len(j.Steps))
	for i, s := range j.Steps {
		edges[i] = s.after
		keep[i] = selected.Steps[i].Runs
	}
	edges = removeNodes(edges, keep)

	var out compiledSteps
	for i, s := range j.Steps {
		if !keep[i] {
			continue
		}
		index := len(out.steps)
		plan := stepPlan(s, index, edges[index])
		if len(edges[index]) == 0 {
			plan.Ready = readyPlans(j.Services)
		}
		out.steps = append(out.steps, s)
		out.plans = append(out.plans, plan)
		out.containers = append(out.containers, b.stepContainer(index, s, j))
	}
	keepPeakRequests(out.containers, edges)
	return out
}

// stepPlan returns what the runner does for a step. needs has the indexes of the steps before it.
func stepPlan(s *Step, index int, needs []int) runner.StepPlan {
	p := runner.StepPlan{
		Name:         s.Name,
		Needs:        needs,
		Command:      s.Run.Args,
		Quiet:        s.Quiet != nil && *s.Quiet,
		When:         s.When.Status,
		AllowFailure: s.AllowFailure,
		TimeoutMS:    time.Duration(s.Timeout).Milliseconds(),
		Mask:         s.Secrets,
	}
	if s.Run.Script != "" {
		p.Command = s.Shell
		p.Script = fmt.Sprintf("step-%d.sh", index+1)
	}
	_, p.OwnHome = s.Env["HOME"]
	if s.WorkingDir != "." {
		p.Dir = s.WorkingDir
	}
	if s.Retry != nil {
		p.Attempts = s.Retry.Attempts
		p.OnExit = s.Retry.OnExit
	}
	return p
}

// runsImage reports whether a step has no run, so that it runs its image's ENTRYPOINT. Compile does
// not ask registries: it sets the container's arguments to the args of the step. Before the caller
// creates the Job, it puts the ENTRYPOINT before them, or ENTRYPOINT and CMD if there are no args.
func (s *Step) runsImage() bool { return s.Run.Script == "" && s.Run.Args == nil }

// imagesWithoutRun returns the images of the steps without run, each once.
func imagesWithoutRun(steps []*Step) (images []string) {
	for _, s := range steps {
		if s.runsImage() && !slices.Contains(images, s.Image) {
			images = append(images, s.Image)
		}
	}
	return images
}

// defaultReadyTimeout limits how long steps wait for a service that sets no timeout.
const defaultReadyTimeout = time.Minute

// readyPlans returns the services that the first steps wait for.
func readyPlans(services []*Service) (list []runner.ReadyPlan) {
	for _, s := range services {
		if s.Ready == nil {
			continue
		}
		timeout := time.Duration(s.Ready.Timeout)
		if timeout == 0 {
			timeout = defaultReadyTimeout
		}
		list = append(list, runner.ReadyPlan{Service: s.Name, TCP: s.Ready.TCP, TimeoutMS: timeout.Milliseconds()})
	}
	return list
}

// stepContainer returns the container of a step. The runner is its command, and starts the step's
// own command when the steps that it needs have ended.
func (b *builder) stepContainer(index int, s *Step, j *Job) corev1.Container {
	env := withSafeDirectory(mergeEnv(b.variables, s.Env), s.Env)
	env["YACI_JOB"] = j.Title()
	b.checkSecrets(s)
	for _, name := range s.Secrets {
		delete(env, name)
	}
	security := restrictedContext(buildCapabilities())
	if s.User != nil {
		security.RunAsUser = &s.User.UID
		security.RunAsGroup = s.User.GID
	}
	return corev1.Container{
		Name:            containerName("", index, s.Name),
		Image:           s.Image,
		ImagePullPolicy: corev1.PullPolicy(b.op.PullPolicy),
		Command:         runner.StepArgs(index, s.runsImage()),
		Args:            containerArgs(s.Args),
		WorkingDir:      runner.WorkspaceDir,
		Env:             passRuntimeVariables(append(containerEnv(env), secretEnv(s.Secrets, b.in.Secrets)...)),
		SecurityContext: security,
		Resources:       b.requirements(s.Resources),
		VolumeMounts: []corev1.VolumeMount{
			{Name: binVolume, MountPath: runner.BinDir, ReadOnly: true},
			{Name: syncVolume, MountPath: runner.SyncDir, ReadOnly: true},
			{Name: syncVolume, MountPath: runner.OwnDir, SubPath: runner.StepPath(index)}, // the clone container makes it
			{Name: workspaceVolume, MountPath: runner.WorkspaceDir, SubPath: runner.WorkspacePath},
			{Name: workspaceVolume, MountPath: runner.HomesDir, SubPath: runner.HomesPath},
		},
	}
}

// checkSecrets reports the secrets of a step that are not granted for this run.
func (b *builder) checkSecrets(s *Step) {
	for _, name := range s.Secrets {
		if _, granted := b.in.Secrets[name]; granted {
			continue
		}
		if reason := b.in.Refused[name]; reason != "" {
			b.problem(s.at("secrets"), "%s", reason)
			continue
		}
		b.problem(s.at("secrets"), "secret %s is not granted to this repository for %s. Ask the operator of the server to "+
			"grant it",
			name, b.in.describe())
	}
}
