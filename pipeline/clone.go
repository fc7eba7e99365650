package pipeline

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
)

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
			{Name: "bin", MountPath: binDir},
			{Name: "sync", MountPath: syncDir},
			{Name: "workspace", MountPath: volumeDir},
			{Name: "seed", MountPath: seedDir, ReadOnly: true},
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
