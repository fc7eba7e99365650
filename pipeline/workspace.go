package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/runner"
)

// cloneUser is the user of the clone container, unless the file sets one for all steps.
const cloneUser = 65532

// cloneContainer returns the container that fetches the commit. The file has switches for it, but no
// influence on its environment otherwise.
func (b *builder) cloneContainer(j *Job) corev1.Container {
	yes := true
	user := int64(cloneUser)
	security := restrictedContext(nil)
	security.RunAsNonRoot = &yes
	security.RunAsUser = &user
	security.RunAsGroup = &user
	security.ReadOnlyRootFilesystem = &yes
	pack := b.in.Pack && !j.Clone.Off
	return corev1.Container{
		Name:            runner.CloneContainer,
		Stdin:           pack,
		StdinOnce:       pack,
		Image:           b.op.Image,
		ImagePullPolicy: corev1.PullIfNotPresent,
		Command:         runner.PrepareArgs(),
		WorkingDir:      "/",
		Env:             containerEnv(b.cloneEnv(j.Clone)),
		SecurityContext: security,
		Resources:       withoutRequests(b.requirements(Resources{})),
		VolumeMounts: []corev1.VolumeMount{
			{Name: binVolume, MountPath: runner.BinDir},
			{Name: syncVolume, MountPath: runner.SyncDir},
			{Name: workspaceVolume, MountPath: runner.VolumeDir},
			{Name: payloadVolume, MountPath: runner.SeedDir, ReadOnly: true},
		},
	}
}

// cloneEnv returns the environment of the clone container. HOME is writable for git, although the
// root file system is not.
func (b *builder) cloneEnv(c Clone) Env {
	env := Env{
		"HOME":                 runner.BinDir,
		runner.VersionVariable: strconv.Itoa(runner.Version),
	}
	maps.Copy(env, b.cloneRequest(c).Environment())
	return env
}

// cloneRequest returns what the clone container fetches.
func (b *builder) cloneRequest(c Clone) runner.Clone {
	switch {
	case c.Off:
		return runner.Clone{}
	case b.in.Pack:
		return runner.Clone{Pack: true, SHA: b.in.SHA}
	case b.in.CloneURL == "":
		return runner.Clone{}
	}
	request := runner.Clone{
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
		request.Depth = *c.Depth
	}
	if b.in.PRBase != "" && b.in.PRBaseSHA != "" {
		request.Base = b.in.PRBase
		request.BaseSHA = b.in.PRBaseSHA
	}
	if c.Merge && b.in.Event == "pull_request" {
		request.Merge = b.in.PRBaseSHA
	}
	return request
}

// assignOwner decides who owns the workspace. The workspace is a directory of its volume, which steps
// mount by a sub-path, because the root of a volume cannot belong to the user of the steps.
//
// If the file sets one user for all steps, the clone container runs as that user. Otherwise the first
// step adopts the workspace, and steps with different users hand it over to each other
// (cmd/yaci-step/ownership.go). A step of root always adopts it, because the clone container never
// runs as root.
func assignOwner(clone *corev1.Container, plans []runner.StepPlan, steps []*Step) {
	var classes []string
	for i, s := range steps {
		class := "image " + s.Image
		if s.User != nil {
			class = fmt.Sprint("user ", s.User.UID)
		}
		if !slices.Contains(classes, class) {
			classes = append(classes, class)
		}
		plans[i].Class = slices.Index(classes, class)
	}

	if user := steps[0].User; len(classes) == 1 && user != nil && user.UID != 0 {
		uid := user.UID
		gid := user.GID
		if gid == nil {
			gid = &uid
		}
		clone.SecurityContext.RunAsUser = &uid
		clone.SecurityContext.RunAsGroup = gid
		clone.Env = append(clone.Env, containerEnv(runner.Clone{Owned: true}.Environment())...)
		return
	}
	for i := range plans {
		if len(plans[i].Needs) == 0 {
			plans[i].Adopt = true
			return
		}
	}
}
