package pipeline

import (
	"fmt"
	"strconv"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Where things are in the pod. The paths are fixed: no file can move them.
const (
	workspaceDir = "/workspace"
	binDir       = "/yaci/bin"  // yaci-step, plan and scripts; read-only in steps
	syncDir      = "/yaci/sync" // hand-over between steps
	seedDir      = "/yaci/seed" // token and files; mounted in the clone container only

	// LabelManaged marks what YACI made; LabelRun holds the run's id.
	LabelManaged = "app.kubernetes.io/managed-by"
	LabelRun     = "yaci.dev/run"
	// Manager is the value of LabelManaged.
	Manager = "yaci"
	// CloneContainer is the name of the init container.
	CloneContainer = "clone"
	cloneUser      = 65532
)

func job(file *File, in Input, op Operator) (*batchv1.Job, error) {
	q, err := quantities(op)
	if err != nil {
		return nil, err
	}
	labels := map[string]string{LabelManaged: Manager, LabelRun: in.RunID}
	never := batchv1.Failed
	pod := podSpec(in, op, q)
	for i, s := range file.Steps {
		pod.Containers = append(pod.Containers, stepContainer(i, s, variables(file, s, in), op, q))
	}
	return &batchv1.Job{
		TypeMeta:   metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"},
		ObjectMeta: metav1.ObjectMeta{Name: in.JobName, Labels: labels},
		Spec: batchv1.JobSpec{
			BackoffLimit:            new(int32),
			ActiveDeadlineSeconds:   &op.TimeoutSeconds,
			TTLSecondsAfterFinished: &op.TTLSeconds,
			PodReplacementPolicy:    &never,
			Template:                corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod},
		},
	}, nil
}

func podSpec(in Input, op Operator, q sizes) corev1.PodSpec {
	yes, no, grace := true, false, op.GraceSeconds
	spec := corev1.PodSpec{
		RestartPolicy:                 corev1.RestartPolicyNever,
		ServiceAccountName:            op.ServiceAccount,
		AutomountServiceAccountToken:  &no,
		EnableServiceLinks:            &no,
		TerminationGracePeriodSeconds: &grace,
		SecurityContext:               &corev1.PodSecurityContext{SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
		InitContainers:                []corev1.Container{cloneContainer(in, op, q)},
		Volumes: []corev1.Volume{
			scratch("bin", resource.MustParse("64Mi")),
			scratch("sync", resource.MustParse("16Mi")),
			scratch("workspace", q.disk),
			// Optional, because it is deleted while the pod lives; the clone container refuses to go on without its plan.
			{Name: "seed", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: in.JobName, Optional: &yes}}},
		},
	}
	if op.RuntimeClass != "" {
		spec.RuntimeClassName = &op.RuntimeClass
	}
	if op.UserNamespace {
		spec.HostUsers = &no
	}
	return spec
}

func scratch(name string, limit resource.Quantity) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: &limit}}}
}

// cloneContainer gets nothing from the file: its environment is YACI's alone.
func cloneContainer(in Input, op Operator, q sizes) corev1.Container {
	yes, user := true, int64(cloneUser)
	sec := hardened(nil)
	sec.RunAsNonRoot, sec.RunAsUser, sec.RunAsGroup, sec.ReadOnlyRootFilesystem = &yes, &user, &user, &yes
	return corev1.Container{
		Name: CloneContainer, Image: op.Image, ImagePullPolicy: corev1.PullIfNotPresent,
		Command:         []string{"/usr/local/bin/yaci-step", "prepare"},
		WorkingDir:      "/",
		Env:             environment(map[string]string{"YACI_CLONE_URL": in.CloneURL, "YACI_CLONE_SHA": in.SHA, "HOME": binDir}),
		SecurityContext: sec,
		Resources:       q.of(false),
		VolumeMounts: []corev1.VolumeMount{
			{Name: "bin", MountPath: binDir}, {Name: "sync", MountPath: syncDir},
			{Name: "workspace", MountPath: workspaceDir}, {Name: "seed", MountPath: seedDir, ReadOnly: true},
		},
	}
}

func stepContainer(i int, s Step, env map[string]string, op Operator, q sizes) corev1.Container {
	return corev1.Container{
		Name: containerName(i, s.Name), Image: s.Image, ImagePullPolicy: corev1.PullPolicy(op.PullPolicy),
		Command:    []string{binDir + "/yaci-step", "run", strconv.Itoa(i)},
		WorkingDir: workspaceDir,
		Env:        environment(env),
		// Root in an image can install packages with these and no more.
		SecurityContext: hardened([]corev1.Capability{"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}),
		Resources:       q.of(i == 0),
		VolumeMounts: []corev1.VolumeMount{
			{Name: "bin", MountPath: binDir, ReadOnly: true}, {Name: "sync", MountPath: syncDir},
			{Name: "workspace", MountPath: workspaceDir},
		},
	}
}

func hardened(add []corev1.Capability) *corev1.SecurityContext {
	no := false
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: &no, Privileged: &no,
		Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}, Add: add},
	}
}

// environment keeps values as they are: Kubernetes would rewrite $(NAME) and
// reads $$ as one $ (kubernetes.io, "Define dependent environment variables").
func environment(env map[string]string) []corev1.EnvVar {
	var vars []corev1.EnvVar
	for _, k := range sortedKeys(env) {
		vars = append(vars, corev1.EnvVar{Name: k, Value: strings.ReplaceAll(env[k], "$", "$$")})
	}
	return vars
}

// sizes are the operator's amounts, parsed.
type sizes struct{ cpu, memory, limit, disk resource.Quantity }

func quantities(op Operator) (q sizes, err error) {
	for _, f := range []struct {
		to   *resource.Quantity
		name string
		text string
	}{{&q.cpu, "CPU request", op.CPURequest}, {&q.memory, "memory request", op.MemoryRequest},
		{&q.limit, "memory limit", op.MemoryLimit}, {&q.disk, "disk limit", op.DiskLimit}} {
		if *f.to, err = resource.ParseQuantity(f.text); err != nil {
			return q, fmt.Errorf("%s %q: %w", f.name, f.text, err)
		}
	}
	return q, nil
}

// of is one container's share. Steps run one after another, so the first one
// asks for the whole job and the others for nothing: the pod's request is the
// sum of its containers'.
func (q sizes) of(first bool) corev1.ResourceRequirements {
	zero := resource.MustParse("0")
	r := corev1.ResourceRequirements{
		Requests: corev1.ResourceList{corev1.ResourceCPU: zero, corev1.ResourceMemory: zero, corev1.ResourceEphemeralStorage: zero},
		Limits:   corev1.ResourceList{corev1.ResourceMemory: q.limit, corev1.ResourceEphemeralStorage: q.disk},
	}
	if first {
		r.Requests[corev1.ResourceCPU], r.Requests[corev1.ResourceMemory] = q.cpu, q.memory
	}
	return r
}
