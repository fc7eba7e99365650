package pipeline

import (
	"maps"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/runner"
)

// clone is the container that fetches the commit. It gets nothing from the
// file but switches: its environment is YACI's alone.
func (b *builder) clone(j *Job) corev1.Container {
	yes, user := true, int64(cloneUser)
	sec := hardened(nil)
	sec.RunAsNonRoot = &yes
	sec.RunAsUser = &user
	sec.RunAsGroup = &user
	sec.ReadOnlyRootFilesystem = &yes
	pack := b.in.Pack && !j.Clone.Off
	return corev1.Container{

		Name:            runner.CloneContainer,
		Stdin:           pack,
		StdinOnce:       pack,
		Image:           b.op.Image,
		ImagePullPolicy: corev1.PullIfNotPresent,
		Command:         runner.PrepareArgs(),
		WorkingDir:      "/",
		Env:             environment(b.cloneEnv(j.Clone)),
		SecurityContext: sec,
		Resources:       idle(b.limits(Resources{})),
		VolumeMounts: []corev1.VolumeMount{
			{Name: "bin", MountPath: runner.BinDir},
			{Name: "sync", MountPath: runner.SyncDir},
			{Name: "workspace", MountPath: runner.VolumeDir},
			{Name: "seed", MountPath: runner.SeedDir, ReadOnly: true},
		},
	}
}

// cloneEnv returns the variables of the clone container.
func (b *builder) cloneEnv(c Clone) Env {
	env := Env{"HOME": runner.BinDir, runner.VersionVariable: strconv.Itoa(runner.Version)}
	maps.Copy(env, b.fetched(c).Environment())
	return env
}

// fetched returns what the clone container fetches.
func (b *builder) fetched(c Clone) runner.Clone {
	switch {
	case c.Off:
		return runner.Clone{}
	case b.in.Pack:
		return runner.Clone{Pack: true, SHA: b.in.SHA}
	case b.in.CloneURL == "":
		return runner.Clone{}
	}
	r := runner.Clone{
		URL:        b.in.CloneURL,
		SHA:        b.in.SHA,
		Depth:      1,
		Tag:        b.in.Tag,
		Tags:       c.Tags,
		Submodules: c.Submodules,
		Fork:       c.Submodules && b.in.Fork,
		LFS:        c.LFS,
		RevokeURL:  b.in.RevokeURL,
	}
	if c.Depth != nil {
		r.Depth = *c.Depth
	}
	if b.in.PRBase != "" && b.in.PRBaseSHA != "" {
		r.Base, r.BaseSHA = b.in.PRBase, b.in.PRBaseSHA
	}
	if c.Merge && b.in.Event == "pull_request" {
		r.Merge = b.in.PRBaseSHA
	}
	return r
}
