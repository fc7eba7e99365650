package pipeline

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
)

// placeClone puts the clone container first. As an init container it would cost
// every job a second, because the kubelet notices its end only when it relists
// once a second. So it is the first ordinary container: the kubelet starts those
// in order and awaits a postStart hook before the next, and the hook returns when
// the runner is in place. The steps' runners then wait for the commit.
//
// With services it stays an init container, so that the token is gone from the pod
// before anything that the file names runs; they cost that second anyway.
func (b *builder) placeClone(j *Job, spec *corev1.PodSpec) {
	c := b.clone(j)
	if len(j.Services) > 0 {
		spec.InitContainers = append(spec.InitContainers, c)
		return
	}
	c.Command = append(c.Command, "beside")
	hook := &corev1.ExecAction{Command: []string{c.Command[0], "release"}}
	c.Lifecycle = &corev1.Lifecycle{PostStart: &corev1.LifecycleHandler{Exec: hook}}
	spec.Containers = append(spec.Containers, c)
}

// clone is the container that fetches the commit. It gets nothing from the
// file but switches: its environment is YACI's alone.
func (b *builder) clone(j *Job) corev1.Container {
	yes, user := true, int64(cloneUser)
	sec := hardened(nil)
	sec.RunAsNonRoot, sec.RunAsUser, sec.RunAsGroup, sec.ReadOnlyRootFilesystem = &yes, &user, &user, &yes
	pack := b.in.Pack && !j.Clone.Off
	return corev1.Container{
		Name: CloneContainer, Stdin: pack, StdinOnce: pack, Image: b.op.Image, ImagePullPolicy: corev1.PullIfNotPresent,
		Command:         []string{"/usr/local/bin/yaci-step", "prepare"},
		WorkingDir:      "/",
		Env:             environment(b.cloneEnv(j.Clone)),
		SecurityContext: sec,
		Resources:       idle(b.limits(Resources{})),
		VolumeMounts: []corev1.VolumeMount{
			{Name: "bin", MountPath: binDir}, {Name: "sync", MountPath: syncDir},
			{Name: "workspace", MountPath: workspaceDir}, {Name: "seed", MountPath: seedDir, ReadOnly: true},
		},
	}
}

func (b *builder) cloneEnv(c Clone) Env {
	env := Env{"HOME": binDir}
	if b.in.Pack && !c.Off {
		env["YACI_CLONE_PACK"], env["YACI_CLONE_SHA"] = "stdin", b.in.SHA
		return env
	}
	if b.in.CloneURL == "" || c.Off {
		return env
	}
	env["YACI_CLONE_URL"], env["YACI_CLONE_SHA"] = b.in.CloneURL, b.in.SHA
	if b.in.RevokeURL != "" {
		env["YACI_CLONE_REVOKE"] = b.in.RevokeURL
	}
	depth := 1
	if c.Depth != nil {
		depth = *c.Depth
	}
	env["YACI_CLONE_DEPTH"] = strconv.Itoa(depth)
	if b.in.Tag != "" {
		env["YACI_CLONE_TAG"] = b.in.Tag
	}
	if c.Tags {
		env["YACI_CLONE_TAGS"] = "true"
	}
	if b.in.PRBase != "" && b.in.PRBaseSHA != "" {
		env["YACI_CLONE_BASE"], env["YACI_CLONE_BASE_SHA"] = b.in.PRBase, b.in.PRBaseSHA
	}
	if c.Submodules {
		env["YACI_CLONE_SUBMODULES"] = "true"
		if b.in.Fork {
			env["YACI_CLONE_FORK"] = "true"
		}
	}
	if c.LFS {
		env["YACI_CLONE_LFS"] = "true"
	}
	if c.Merge && b.in.Event == "pull_request" {
		env["YACI_CLONE_MERGE"] = b.in.PRBaseSHA
	}
	return env
}
