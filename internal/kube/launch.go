package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/dial"
	"github.com/yaci-ci/yaci/internal/failpoint"
	"github.com/yaci-ci/yaci/internal/runner"
)

// Cluster is the namespace of the builds, and perhaps another for those of
// forks. A manifest says which of them its Job is for; a name is in one only.
type Cluster struct {
	Client    kubernetes.Interface
	Namespace string
	Forks     string // namespace for the Jobs of forks; empty: there is none
	Kueue     string // its local queue that admits the Jobs; empty: none

	Installation string // is a label of what is made here; empty: there is none

	config *rest.Config // for streams
	// has a rate of its own, so that the logs of a node that does not answer hold nothing else up; nil: Client
	logs kubernetes.Interface

	election kubernetes.Interface // for the Lease alone; nil: Client

	limitRanges *limitRangeCache // nil: asked each time
}

// Connect reaches the cluster of a kubeconfig file; empty means the usual ones,
// and inside a pod that pod's own cluster.
func Connect(kubeconfig, namespace string) (*Cluster, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	cfg, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	cfg = rest.AddUserAgent(cfg, "yaci")
	cfg.QPS, cfg.Burst = 50, 100
	cfg.Dial = dial.Context
	if err := pingOften(); err != nil {
		return nil, err
	}
	cfg.WarningHandler = rest.NoWarnings{} // of what a namespace would rather have; yaci doctor tells
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("kubernetes: %w", err)
	}
	logs, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("kubernetes: %w", err)
	}
	election, err := electionClient(cfg)
	if err != nil {
		return nil, err
	}
	return &Cluster{
		Client:    client,
		Namespace: namespace,
		config:    cfg,
		logs:      logs,
		election:  election,

		limitRanges: &limitRangeCache{},
	}, nil
}

// pingOften has client-go ask after 10 s of silence whether a connection still works, and close it 5 s later. All calls
// share one connection, so that a dead one would otherwise stop everything for 45 s. Its environment is the only way to
// tell client-go (k8s.io/apimachinery/pkg/util/net/http.go); what an operator has set there stays.
func pingOften() error {
	for name, value := range map[string]string{"HTTP2_READ_IDLE_TIMEOUT_SECONDS": "10", "HTTP2_PING_TIMEOUT_SECONDS": "5"} {
		if _, set := os.LookupEnv(name); set {
			continue
		}
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("kubernetes: %w", err)
		}
	}
	return nil
}

// Spaces are the namespaces that Jobs are in.
func (c *Cluster) Spaces() []string {
	if c.Forks == "" {
		return []string{c.Namespace}
	}
	return []string{c.Namespace, c.Forks}
}

// space is where a Job is to be. A manifest may be older than the configuration.
func (c *Cluster) space(job batchv1.Job) (string, error) {
	switch {
	case job.Namespace == "":
		return c.Namespace, nil
	case slices.Contains(c.Spaces(), job.Namespace):
		return job.Namespace, nil
	}
	return "", fmt.Errorf(
		"%w: this server does not use the namespace %s any more; run it again",
		ci.ErrRefused,
		job.Namespace,
	)
}

// everywhere does something in each namespace; what is not there is fine.
func (c *Cluster) everywhere(do func(space string) error) error {
	for _, space := range c.Spaces() {
		err := do(space)
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// handOver leaves it to Kueue when a Job starts (kueue.sigs.k8s.io/docs/tasks/run/jobs).
func (c *Cluster) handOver(job *batchv1.Job) {
	if c.Kueue == "" {
		return
	}
	yes := true
	job.Spec.Suspend = &yes
	job.Labels = maps.Clone(job.Labels)
	job.Labels["kueue.x-k8s.io/queue-name"] = c.Kueue
}

// Finalizer keeps a Job, and so its pod and the pod's logs, until its outcome
// is stored.
const Finalizer = "yaci.dev/outcome"

// Launch makes the Secret and the Job of a job and returns the Job's UID. The
// Secret comes first, so that the pod never waits for it; should a crash leave
// one without a Job, the next launch takes it up. A refused job leaves none. The
// Job of a job that was lost before goes first.
func (c *Cluster) Launch(ctx context.Context, launch ci.Launch) (string, error) {
	job := launch.Job
	want, err := c.wanted(launch)
	if err != nil {
		return "", err
	}
	if err := UseImages(&want, job.Images); err != nil {
		return "", err
	}
	space := want.Namespace
	want.Finalizers = append(want.Finalizers, Finalizer)
	if err := c.removeLost(ctx, space, job); err != nil {
		return "", err
	}
	if err := c.meetLimitRanges(ctx, &want); err != nil {
		return "", err
	}
	if err := c.putSecret(ctx, want, launch); err != nil {
		return "", err
	}
	c.handOver(&want)
	failpoint.Hit(failpoint.SecretMade)
	made, err := c.Client.BatchV1().Jobs(space).Create(ctx, &want, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		made, err = c.own(ctx, want)
	}
	if err = refused(err); errors.Is(err, ci.ErrRefused) {
		if err := c.DropSecret(ctx, job.Name); err != nil {
			return "", err // to be launched, and refused, again: later nobody looks at the Secret
		}
	}
	if err != nil {
		return "", fmt.Errorf("create job: %w", err)
	}
	return string(made.UID), nil
}

// wanted is the Job of a manifest, in the namespace that it is for.
func (c *Cluster) wanted(launch ci.Launch) (want batchv1.Job, err error) {
	if err := json.Unmarshal(launch.Manifest, &want); err != nil {
		return want, fmt.Errorf("manifest: %w", err)
	}
	if launch.CloneURL != "" {
		cloneFrom(&want, launch.CloneURL)
	}
	if c.Installation != "" {
		want.Labels = maps.Clone(want.Labels)
		want.Labels[runner.LabelInstallation] = c.Installation
	}
	want.Namespace, err = c.space(want)
	return want, err
}

// cloneFrom has a Job's clone container, if it has one, clone from a URL.
func cloneFrom(job *batchv1.Job, url string) {
	pod := &job.Spec.Template.Spec
	for _, containers := range [][]corev1.Container{pod.InitContainers, pod.Containers} {
		for i := range containers {
			for n, v := range containers[i].Env {
				if v.Name == runner.CloneURLVariable && v.Value != "" {
					containers[i].Env[n].Value = url
				}
			}
		}
	}
}

// LaunchAside makes the Job that somebody runs with his own rights, with the files
// that its clone container hands out and the values of the secrets that its steps name. It has no
// finalizer and owns its Secret, so that nothing is left of it once it is
// deleted, at the latest by its own ttlSecondsAfterFinished.
func (c *Cluster) LaunchAside(
	ctx context.Context,
	want *batchv1.Job,
	files, secrets map[string]string,
) (*batchv1.Job, error) {
	want = want.DeepCopy()
	want.Namespace = c.Namespace
	if err := c.meetLimitRanges(ctx, want); err != nil {
		return nil, err
	}
	values := want.Name + "-values"
	for i := range want.Spec.Template.Spec.Containers {
		for _, v := range want.Spec.Template.Spec.Containers[i].Env {
			if v.ValueFrom != nil && v.ValueFrom.SecretKeyRef != nil {
				v.ValueFrom.SecretKeyRef.Name = values
			}
		}
	}
	want.Labels[runner.LabelManagedBy], want.Spec.Template.Labels[runner.LabelManagedBy] = Aside, Aside
	made, err := c.Client.BatchV1().Jobs(c.Namespace).Create(ctx, want, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("create job: %w", err)
	}
	for name, data := range map[string]map[string]string{made.Name: files, values: secrets} {
		if len(data) == 0 {
			continue
		}
		s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: made.Labels}, StringData: data}
		s.OwnerReferences = []metav1.OwnerReference{
			*metav1.NewControllerRef(made, batchv1.SchemeGroupVersion.WithKind("Job")),
		}
		if _, err := c.Client.CoreV1().Secrets(c.Namespace).Create(ctx, s, metav1.CreateOptions{}); err != nil {
			return nil, errors.Join(fmt.Errorf("create secret: %w", err), c.Stop(ctx, ci.JobName(made.Name)))
		}
	}
	return made, nil
}

// removeLost deletes the Job that a lost job left, known by its UID.
func (c *Cluster) removeLost(ctx context.Context, space string, job ci.Job) error {
	if job.UID == "" {
		return nil
	}
	found, err := c.Client.BatchV1().Jobs(space).Get(ctx, string(job.Name), metav1.GetOptions{})
	if apierrors.IsNotFound(err) || err == nil && string(found.UID) != job.UID {
		return nil
	}
	if err != nil {
		return fmt.Errorf("lost job %s: %w", job.Name, err)
	}
	// In the background, so that it is gone, and its name free, with its finalizer.
	return errors.Join(c.delete(ctx, job.Name, metav1.DeletePropagationBackground), c.Release(ctx, job.Name))
}

// own finds a job's Job. One of the same name that is another run's is refused.
func (c *Cluster) own(ctx context.Context, want batchv1.Job) (*batchv1.Job, error) {
	found, err := c.Client.BatchV1().Jobs(want.Namespace).Get(ctx, want.Name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	for k, v := range want.Labels {
		got, labelled := found.Labels[k]
		if k == runner.LabelInstallation && !labelled {
			continue // made by a version that had no such label
		} else if got != v {
			return nil, fmt.Errorf("%w: the Job %s is not this run's", ci.ErrRefused, want.Name)
		}
	}
	return found, nil
}

// secretOf is what the clone container reads: files, and a token, if there is one,
// with the names of what it can read beside the run's own repository.
func secretOf(job batchv1.Job, files []byte, access ci.CloneAccess) (*corev1.Secret, error) {
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: job.Name, Labels: job.Labels}}
	if err := json.Unmarshal(files, &s.StringData); err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	if access.Token != "" {
		s.StringData[runner.TokenFile] = access.Token
		if len(access.Repositories) > 0 {
			s.StringData[runner.RepositoriesFile] = strings.Join(access.Repositories, "\n")
		}
	}
	return s, nil
}

// putSecret makes a job's Secret, or renews the one that an earlier launch left.
func (c *Cluster) putSecret(ctx context.Context, job batchv1.Job, launch ci.Launch) error {
	s, err := secretOf(job, launch.Files, launch.Access)
	if err != nil {
		return err
	}
	secrets := c.Client.CoreV1().Secrets(job.Namespace)
	_, err = secrets.Create(ctx, s, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		_, err = c.own(ctx, job)
		if err == nil || apierrors.IsNotFound(err) {
			_, err = secrets.Update(ctx, s, metav1.UpdateOptions{})
		}
	}
	if err != nil {
		return fmt.Errorf("create secret: %w", refused(err))
	}
	return nil
}

// Renew gives the clone of a launched job another token. When it has its commit
// already the Secret is gone, which is fine.
func (c *Cluster) Renew(ctx context.Context, launch ci.Launch) error {
	want, err := c.wanted(launch)
	if err != nil {
		return err
	}
	s, err := secretOf(want, launch.Files, launch.Access)
	if err != nil {
		return err
	}
	_, err = c.Client.CoreV1().Secrets(want.Namespace).Update(ctx, s, metav1.UpdateOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("renew secret: %w", err)
	}
	return nil
}

// noRight is in the API server's words when an account lacks a right, as it also
// does for a moment after the API server has started and not read the Roles yet
// (forbiddenMessage in k8s.io/apiserver/pkg/endpoints/handlers/responsewriters/errors.go).
// What is wrong then is the installation, not the job.
const noRight = `" in API group "`

// refused marks the answers that no repetition changes.
func refused(err error) error {
	if apierrors.IsForbidden(err) && strings.Contains(err.Error(), noRight) {
		return err
	}
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return fmt.Errorf("%w: its namespace is being deleted", ci.ErrRefused)
	}
	if apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsRequestEntityTooLargeError(err) {
		return fmt.Errorf("%w: %w", ci.ErrRefused, err)
	}
	return err
}

// DropSecret deletes a job's Secret; one that is gone already is fine.
func (c *Cluster) DropSecret(ctx context.Context, name ci.JobName) error {
	err := c.everywhere(func(space string) error {
		return c.Client.CoreV1().Secrets(space).Delete(ctx, string(name), metav1.DeleteOptions{})
	})
	if err != nil {
		return fmt.Errorf("delete secret %s: %w", name, err)
	}
	return nil
}

// Release takes YACI's finalizer off a Job; one that is gone already is fine. The patch takes that entry alone out of
// the list (kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch).
func (c *Cluster) Release(ctx context.Context, name ci.JobName) error {
	patch := []byte(`{"metadata":{"$deleteFromPrimitiveList/finalizers":["` + Finalizer + `"]}}`)
	err := c.everywhere(func(space string) error {
		_, err := c.Client.BatchV1().
			Jobs(space).
			Patch(ctx, string(name), types.StrategicMergePatchType, patch, metav1.PatchOptions{})
		return err
	})
	if err != nil {
		return fmt.Errorf("release job %s: %w", name, err)
	}
	return nil
}

// Stop deletes a Job and its pods; one that is gone already is fine. In the
// foreground, since in the background the pods would be left until the Job, which Finalizer keeps, is gone.
func (c *Cluster) Stop(ctx context.Context, name ci.JobName) error {
	return c.delete(ctx, name, metav1.DeletePropagationForeground)
}

func (c *Cluster) delete(ctx context.Context, name ci.JobName, policy metav1.DeletionPropagation) error {
	err := c.everywhere(func(space string) error {
		return c.Client.BatchV1().Jobs(space).Delete(ctx, string(name), metav1.DeleteOptions{PropagationPolicy: &policy})
	})
	if err != nil {
		return fmt.Errorf("delete job %s: %w", name, err)
	}
	return nil
}
