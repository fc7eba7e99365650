package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/failpoint"
	"github.com/yaci-ci/yaci/internal/runner"
)

// Finalizer keeps a Job, and so its pod and the pod's logs, until its outcome and logs are stored.
const Finalizer = "yaci.dev/outcome"

// Launch creates the Secret and the Job of a job and returns the UID of the Job.
//
// The Secret comes first, so that the pod does not wait for it. If a crash leaves a Secret without a Job, the next
// launch uses it. A job that the cluster refuses leaves no Secret. The Job of an earlier launch that was lost is
// deleted before.
func (c *Cluster) Launch(ctx context.Context, launch ci.Launch) (string, error) {
	name := launch.Name
	job, err := c.jobFromManifest(launch)
	if err != nil {
		return "", err
	}
	if err := UseImages(job, launch.Images); err != nil {
		return "", err
	}
	job.Finalizers = append(job.Finalizers, Finalizer)
	if err := c.deleteLostJob(ctx, job.Namespace, launch.Job); err != nil {
		return "", err
	}
	if err := c.applyLimitRanges(ctx, job); err != nil {
		return "", err
	}
	if err := c.createOrUpdateSecret(ctx, job, launch); err != nil {
		return "", err
	}
	c.suspendForKueue(job)
	failpoint.Hit(failpoint.SecretMade)

	created, err := c.Client.BatchV1().Jobs(job.Namespace).Create(ctx, job, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		created, err = c.existingJob(ctx, job)
	}
	if err = classifyRefusal(err); errors.Is(err, ci.ErrRefused) {
		if err := c.DeleteJobSecret(ctx, name); err != nil {
			return "", err // the launch is repeated and refused again; afterwards nobody would delete the Secret
		}
	}
	if err != nil {
		return "", fmt.Errorf("create job: %w", err)
	}
	return string(created.UID), nil
}

// jobFromManifest returns the Job of a launch, in its namespace.
func (c *Cluster) jobFromManifest(launch ci.Launch) (*batchv1.Job, error) {
	job := &batchv1.Job{}
	if err := json.Unmarshal(launch.Manifest, job); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if launch.CloneURL != "" {
		setCloneURL(job, launch.CloneURL)
	}
	if c.installation != "" {
		job.Labels = maps.Clone(job.Labels)
		job.Labels[runner.LabelInstallation] = c.installation
	}
	namespace, err := c.namespaceOf(job)
	if err != nil {
		return nil, err
	}
	job.Namespace = namespace
	return job, nil
}

// setCloneURL replaces the URL that the Job's clone container, if it has one, fetches from.
func setCloneURL(job *batchv1.Job, url string) {
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

// suspendForKueue leaves it to Kueue when the Job starts (https://kueue.sigs.k8s.io/docs/tasks/run/jobs/), if that is
// configured.
func (c *Cluster) suspendForKueue(job *batchv1.Job) {
	if c.kueueQueue == "" {
		return
	}
	suspend := true
	job.Spec.Suspend = &suspend
	job.Labels = maps.Clone(job.Labels)
	job.Labels["kueue.x-k8s.io/queue-name"] = c.kueueQueue
}

// deleteLostJob deletes the Job that an earlier, lost launch of a job left. It is known by its UID.
func (c *Cluster) deleteLostJob(ctx context.Context, namespace string, job ci.Job) error {
	if job.UID == "" {
		return nil
	}
	found, err := c.Client.BatchV1().Jobs(namespace).Get(ctx, string(job.Name), metav1.GetOptions{})
	if apierrors.IsNotFound(err) || err == nil && string(found.UID) != job.UID {
		return nil
	}
	if err != nil {
		return fmt.Errorf("get lost job %s: %w", job.Name, err)
	}
	// In the background, so that the Job is gone, and its name free, as soon as its finalizer is removed.
	return errors.Join(
		c.deleteJob(ctx, job.Name, metav1.DeletePropagationBackground),
		c.RemoveFinalizer(ctx, job.Name),
	)
}

// existingJob returns the Job that an earlier try of the same launch created. The error wraps ci.ErrRefused if the Job
// of that name belongs to something else.
func (c *Cluster) existingJob(ctx context.Context, job *batchv1.Job) (*batchv1.Job, error) {
	found, err := c.Client.BatchV1().Jobs(job.Namespace).Get(ctx, job.Name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	for name, want := range job.Labels {
		got, labelled := found.Labels[name]
		if name == runner.LabelInstallation && !labelled {
			continue // created by a version without this label
		}
		if got != want {
			return nil, fmt.Errorf("%w: the Job %s does not belong to this run", ci.ErrRefused, job.Name)
		}
	}
	return found, nil
}

// jobSecret returns the Secret that the clone container reads: the job's files and, if there is one, the clone token
// with the names of the other repositories that it can read.
func jobSecret(job *batchv1.Job, files []byte, access ci.CloneAccess) (*corev1.Secret, error) {
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: job.Name, Labels: job.Labels}}
	if err := json.Unmarshal(files, &s.StringData); err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	if access.Token == "" {
		return s, nil
	}
	s.StringData[runner.TokenFile] = access.Token
	if len(access.Repositories) > 0 {
		s.StringData[runner.RepositoriesFile] = strings.Join(access.Repositories, "\n")
	}
	return s, nil
}

// createOrUpdateSecret creates a job's Secret, or updates the one that an earlier try of the same launch left.
func (c *Cluster) createOrUpdateSecret(ctx context.Context, job *batchv1.Job, launch ci.Launch) error {
	s, err := jobSecret(job, launch.Files, launch.Access)
	if err != nil {
		return err
	}
	secrets := c.Client.CoreV1().Secrets(job.Namespace)
	_, err = secrets.Create(ctx, s, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		_, err = c.existingJob(ctx, job)
		if err == nil || apierrors.IsNotFound(err) {
			_, err = secrets.Update(ctx, s, metav1.UpdateOptions{})
		}
	}
	if err != nil {
		return fmt.Errorf("create secret: %w", classifyRefusal(err))
	}
	return nil
}

// Renew replaces the clone token of a launched job. If the clone is done, the Secret is gone and nothing happens.
func (c *Cluster) Renew(ctx context.Context, launch ci.Launch) error {
	job, err := c.jobFromManifest(launch)
	if err != nil {
		return err
	}
	s, err := jobSecret(job, launch.Files, launch.Access)
	if err != nil {
		return err
	}
	_, err = c.Client.CoreV1().Secrets(job.Namespace).Update(ctx, s, metav1.UpdateOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("renew secret: %w", err)
	}
	return nil
}

// missingPermission is part of the API server's answer if an account lacks a permission. It also answers so for a
// moment after it has started, until it has read the Roles (forbiddenMessage in
// k8s.io/apiserver/pkg/endpoints/handlers/responsewriters/errors.go). The installation is wrong then, not the job.
const missingPermission = `" in API group "`

// classifyRefusal wraps ci.ErrRefused around errors of the API server for which a retry cannot succeed.
func classifyRefusal(err error) error {
	if apierrors.IsForbidden(err) && strings.Contains(err.Error(), missingPermission) {
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
