package pipeline

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/yaci-ci/yaci/internal/runner"
)

const cloneUser = 65532

// job is the Job around the pod of one job.
func (b *builder) job(j *Job, selected JobSelection, name string) (*Compiled, error) {
	c := &Compiled{Name: j.Title()}
	spec := b.pod(j, name)
	plans, steps, containers := b.steps(j, selected)
	c.Images = askedImages(steps)
	spec.Containers = containers
	settleOwner(&spec.InitContainers[0], plans, steps)
	for i := range plans {
		plans[i].RecordBytes = runner.RecordBytes(len(spec.InitContainers) + len(containers))
	}
	spec.Volumes = append(spec.Volumes, scratch("workspace", largestDisk(containers)))
	for i, s := range steps {
		c.Steps = append(c.Steps, Named{s.Name, containers[i].Name})
	}
	for i, s := range j.Services {
		c.Services = append(c.Services, Named{s.Name, serviceName(i, s)})
	}
	var err error
	if c.Files, err = files(plans, steps); err != nil {
		return nil, err
	}
	labels := map[string]string{runner.LabelManagedBy: runner.Manager, runner.LabelRun: b.in.RunID}
	never := batchv1.Failed
	deadline := b.seconds(j)
	ttl := b.op.TTLSeconds
	c.Job = &batchv1.Job{
		TypeMeta:   metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: b.op.Namespace, Labels: labels},
		Spec: batchv1.JobSpec{
			BackoffLimit:            new(int32),
			ActiveDeadlineSeconds:   &deadline,
			TTLSecondsAfterFinished: &ttl,
			PodReplacementPolicy:    &never,
			Template:                corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec},
		},
	}
	return c, nil
}

// pod is everything but the steps.
func (b *builder) pod(j *Job, name string) corev1.PodSpec {
	yes := true
	no := false
	grace := b.op.GraceSeconds
	spec := corev1.PodSpec{
		RestartPolicy:                 corev1.RestartPolicyNever,
		ServiceAccountName:            b.op.ServiceAccount,
		AutomountServiceAccountToken:  &no,
		EnableServiceLinks:            &no,
		TerminationGracePeriodSeconds: &grace,
		SecurityContext: &corev1.PodSecurityContext{
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Volumes: []corev1.Volume{
			scratch("bin", resource.MustParse("64Mi")),
			scratch("sync", resource.MustParse("16Mi")),
			// Optional, because it is deleted while the pod lives; the clone container refuses to go on without its plan.
			{
				Name:         "seed",
				VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: name, Optional: &yes}},
			},
		},
	}
	// The clone container comes first, and has ended before anything runs that the
	// file names: services, which are native sidecars, and then the steps.
	spec.InitContainers = append(spec.InitContainers, b.clone(j))
	for i, s := range j.Services {
		spec.InitContainers = append(spec.InitContainers, b.service(i, s))
	}
	if b.op.RuntimeClass != "" {
		spec.RuntimeClassName = &b.op.RuntimeClass
	}
	if b.op.UserNamespace {
		spec.HostUsers = &no
	}
	return spec
}

func scratch(name string, limit resource.Quantity) corev1.Volume {
	return corev1.Volume{
		Name:         name,
		VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: &limit}},
	}
}

// service is a native sidecar: it starts as its image is made to start.
func (b *builder) service(i int, s *Service) corev1.Container {
	always := corev1.ContainerRestartPolicyAlways
	return corev1.Container{
		Name:            serviceName(i, s),
		Image:           s.Image,
		ImagePullPolicy: corev1.PullPolicy(b.op.PullPolicy),
		Command:         literals(s.Command),
		Args:            literals(s.Args),
		RestartPolicy:   &always,
		Env:             environment(s.Env),
		SecurityContext: hardened(rootInside()),
		Resources:       b.limits(s.Resources),
	}
}

func serviceName(i int, s *Service) string { return containerName("s", i, s.Name) }

// rootInside returns the capabilities of root in an image. All of them are in the
// "baseline" level of Pod Security (kubernetes.io/docs/concepts/security/pod-security-standards),
// none reaches beyond the container, and each is needed by what builds do.
func rootInside() []corev1.Capability {
	return []corev1.Capability{
		"CHOWN",            // package managers give files to other users
		"DAC_OVERRIDE",     // they write where another user is the owner, as in a workspace of user 1000
		"FOWNER",           // they set modes of such files
		"FSETID",           // chmod keeps setgid bits of such files, as dpkg and install -m 2755 need
		"KILL",             // a step, and its time limit, end processes that run as another user
		"NET_BIND_SERVICE", // servers under test listen on ports under 1024
		"SETFCAP",          // packages set file capabilities, as iputils and httpd do
		"SETGID",           // su, setpriv and daemons change their user
		"SETUID",
	}
}

func hardened(add []corev1.Capability) *corev1.SecurityContext {
	no := false
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: &no, Privileged: &no,
		Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}, Add: add},
	}
}
