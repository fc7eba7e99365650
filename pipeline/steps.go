package pipeline

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/runner"
)

// steps are the selected steps with their plans and containers.
func (b *builder) steps(
	j *Job,
	selected JobSelection,
) (plans []runner.StepPlan, steps []*Step, containers []corev1.Container) {
	edges, keep := make([][]int, len(j.Steps)), make([]bool, len(j.Steps))
	for i, s := range j.Steps {
		edges[i], keep[i] = s.after, selected.Steps[i].Runs
	}
	edges = contract(edges, keep)
	for i, s := range j.Steps {
		if !keep[i] {
			continue
		}
		at := len(steps)
		plan := planOf(s, at, edges[at])
		if len(edges[at]) == 0 {
			plan.Ready = awaited(j.Services)
		}
		plans, steps = append(plans, plan), append(steps, s)
		containers = append(containers, b.step(at, s, j))
	}
	share(containers, edges)
	return plans, steps, containers
}

func planOf(s *Step, i int, needs []int) runner.StepPlan {
	p := runner.StepPlan{
		Name:         s.Name,
		Needs:        needs,
		Command:      s.Run.Words,
		Quiet:        s.Quiet != nil && *s.Quiet,
		When:         s.When.Status,
		AllowFailure: s.AllowFailure,
		TimeoutMS:    int64(s.Timeout) / 1e6,
		Mask:         s.Secrets,
	}
	if s.Run.Script != "" {
		p.Command, p.Script = s.Shell, fmt.Sprintf("step-%d.sh", i+1)
	}
	_, p.OwnHome = s.Env["HOME"]
	if s.WorkingDir != "." {
		p.Dir = s.WorkingDir
	}
	if s.Retry != nil {
		p.Attempts, p.OnExit = s.Retry.Attempts, s.Retry.OnExit
	}
	return p
}

// runsImage reports whether a step runs what its image is made to run. Compile, which asks nobody, leaves what the file
// has under args in the container's arguments. Before the Job is made, the image's ENTRYPOINT comes before them, or its
// ENTRYPOINT and CMD instead of none.
func (s *Step) runsImage() bool { return s.Run.Script == "" && s.Run.Words == nil }

// askedImages returns the images of the steps without run, each once.
func askedImages(steps []*Step) (images []string) {
	for _, s := range steps {
		if s.runsImage() && !slices.Contains(images, s.Image) {
			images = append(images, s.Image)
		}
	}
	return images
}

func awaited(services []*Service) (list []runner.ReadyPlan) {
	for _, s := range services {
		if s.Ready == nil {
			continue
		}
		wait := int64(s.Ready.Timeout) / 1e6
		if wait == 0 {
			wait = 60_000
		}
		list = append(list, runner.ReadyPlan{Service: s.Name, TCP: s.Ready.TCP, TimeoutMS: wait})
	}
	return list
}

func (b *builder) step(i int, s *Step, j *Job) corev1.Container {
	env := withGitConfig(overlay(b.own, s.Env), s.Env)
	env["YACI_JOB"] = j.Title()
	for _, name := range s.Secrets {
		_, ok := b.in.Secrets[name]
		if !ok && b.in.Refused[name] != "" {
			b.found.problem(s.at("secrets"), "%s", b.in.Refused[name])
		} else if !ok {
			b.found.problem(s.at("secrets"), "secret %s is not granted to this repository for %s: ask who operates YACI", name, b.in.what())
		}
		delete(env, name)
	}
	sec := hardened(rootInside())
	if s.User != nil {
		sec.RunAsUser, sec.RunAsGroup = &s.User.UID, s.User.GID
	}
	return corev1.Container{

		Name:            containerName("", i, s.Name),
		Image:           s.Image,
		ImagePullPolicy: corev1.PullPolicy(b.op.PullPolicy),
		Command:         runner.StepArgs(i, s.runsImage()),
		Args:            literals(s.Args),
		WorkingDir:      runner.WorkspaceDir,
		Env:             passRuntimeVariables(append(environment(env), secrets(s.Secrets, b.in.Secrets)...)),
		SecurityContext: sec,
		Resources:       b.limits(s.Resources),
		VolumeMounts: []corev1.VolumeMount{
			{Name: "bin", MountPath: runner.BinDir, ReadOnly: true},
			{Name: "sync", MountPath: runner.SyncDir, ReadOnly: true},
			{Name: "sync", MountPath: runner.OwnDir, SubPath: runner.StepPath(i)}, // made by the clone container
			{Name: "workspace", MountPath: runner.WorkspaceDir, SubPath: runner.WorkspacePath},
			{Name: "workspace", MountPath: runner.HomesDir, SubPath: runner.HomesPath},
		},
	}
}
