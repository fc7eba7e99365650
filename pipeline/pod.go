package pipeline

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/yaci-ci/yaci/internal/runner"
)

// Names of the volumes in a pod.
const (
	binVolume       = "bin"
	syncVolume      = "sync"
	workspaceVolume = "workspace"
	payloadVolume   = "seed" // the job's Secret
)

// job returns the Kubernetes Job for one job, with its files.
func (b *builder) job(j *Job, selected JobSelection, name string) (*Compiled, error) {
	c := &Compiled{Name: j.Title()}
	spec := b.pod(j, name)
	steps := b.steps(j, selected)
	c.Images = imagesWithoutRun(steps.steps)
	spec.Containers = steps.containers
	assignOwner(&spec.InitContainers[0], steps.plans, steps.steps)
	for i := range steps.plans {
		steps.plans[i].RecordBytes = runner.RecordBytes(len(spec.InitContainers) + len(steps.containers))
	}
	spec.Volumes = append(spec.Volumes, emptyDir(workspaceVolume, largestDisk(steps.containers)))
	for i, s := range steps.steps {
		c.Steps = append(c.Steps, NamedContainer{Name: s.Name, Container: steps.containers[i].Name})
	}
	for i, s := range j.Services {
		c.Services = append(c.Services, NamedContainer{Name: s.Name, Container: serviceContainer(i, s)})
	}

	var err error
	c.Files, err = jobFiles(steps.plans, steps.steps)
	if err != nil {
		return nil, err
	}
	c.Job = b.kubernetesJob(name, b.timeoutSeconds(j), spec)
	return c, nil
}

// kubernetesJob returns the Job around a pod. Its pod is never restarted (backoffLimit 0): whether
// a job runs again is the decision of the server.
func (b *builder) kubernetesJob(name string, timeoutSeconds int64, spec corev1.PodSpec) *batchv1.Job {
	labels := map[string]string{runner.LabelManagedBy: runner.Manager, runner.LabelRun: b.in.RunID}
	onlyFailed := batchv1.Failed // a new pod replaces one only when that has ended
	ttl := b.op.TTLSeconds
	return &batchv1.Job{
		TypeMeta:   metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: b.op.Namespace, Labels: labels},
		Spec: batchv1.JobSpec{
			BackoffLimit:            new(int32),
			ActiveDeadlineSeconds:   &timeoutSeconds,
			TTLSecondsAfterFinished: &ttl,
			PodReplacementPolicy:    &onlyFailed,
			Template:                corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec},
		},
	}
}

// pod returns the pod without the steps.
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
			emptyDir(binVolume, resource.MustParse("64Mi")),
			emptyDir(syncVolume, resource.MustParse("16Mi")),
			// Optional, because the server deletes the Secret while the pod lives. The clone container
			// fails if it finds no plan.
			{Name: payloadVolume, VolumeSource: corev1.VolumeSource{
				Secret: &corev1.SecretVolumeSource{SecretName: name, Optional: &yes},
			}},
		},
	}

	// The clone container comes first, and ends before anything runs that the file names: services,
	// which are native sidecars, and then the steps.
	spec.InitContainers = append(spec.InitContainers, b.cloneContainer(j))
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

// emptyDir returns a volume on the node's disk that lives as long as the pod.
func emptyDir(name string, limit resource.Quantity) corev1.Volume {
	return corev1.Volume{
		Name:         name,
		VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: &limit}},
	}
}

// service returns the native sidecar for a service. It runs its image's ENTRYPOINT unless the file has
// a command.
func (b *builder) service(i int, s *Service) corev1.Container {
	always := corev1.ContainerRestartPolicyAlways
	return corev1.Container{
		Name:            serviceContainer(i, s),
		Image:           s.Image,
		ImagePullPolicy: corev1.PullPolicy(b.op.PullPolicy),
		Command:         containerArgs(s.Command),
		Args:            containerArgs(s.Args),
		RestartPolicy:   &always,
		Env:             containerEnv(s.Env),
		SecurityContext: restrictedContext(buildCapabilities()),
		Resources:       b.requirements(s.Resources),
	}
}

func serviceContainer(i int, s *Service) string { return containerName("s", i, s.Name) }

// buildCapabilities returns the capabilities of root in steps and services. All of them are in the
// "baseline" level of Pod Security (kubernetes.io/docs/concepts/security/pod-security-standards), none
// reaches beyond the container, and builds need each of them.
func buildCapabilities() []corev1.Capability {
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

// restrictedContext returns a security context with these capabilities and no others.
func restrictedContext(capabilities []corev1.Capability) *corev1.SecurityContext {
	no := false
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: &no,
		Privileged:               &no,
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}, Add: capabilities},
	}
}
