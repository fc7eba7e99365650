package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/streaming/pkg/httpstream"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/runner"
)

// LaunchLocal creates the Job of a local run (yaci exec), which no server watches, with a Secret of the files that its
// clone container hands out and another one of the secrets that its steps use. The Job has no finalizer and owns its
// Secrets, so all of it goes when the Job is deleted, at the latest by its ttlSecondsAfterFinished.
func (c *Cluster) LaunchLocal(
	ctx context.Context,
	job *batchv1.Job,
	files, secrets map[string]string,
) (*batchv1.Job, error) {
	job = job.DeepCopy()
	job.Namespace = c.Namespace
	if err := c.applyLimitRanges(ctx, job); err != nil {
		return nil, err
	}
	valuesName := job.Name + "-values"
	for i := range job.Spec.Template.Spec.Containers {
		for _, v := range job.Spec.Template.Spec.Containers[i].Env {
			if v.ValueFrom != nil && v.ValueFrom.SecretKeyRef != nil {
				v.ValueFrom.SecretKeyRef.Name = valuesName
			}
		}
	}
	job.Labels[runner.LabelManagedBy] = runner.ExecManager
	job.Spec.Template.Labels[runner.LabelManagedBy] = runner.ExecManager
	created, err := c.Client.BatchV1().Jobs(c.Namespace).Create(ctx, job, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("create job: %w", err)
	}
	err = errors.Join(
		c.createOwnedSecret(ctx, created, created.Name, files),
		c.createOwnedSecret(ctx, created, valuesName, secrets),
	)
	if err != nil {
		return nil, errors.Join(err, c.DeleteJob(ctx, ci.JobName(created.Name)))
	}
	return created, nil
}

// createOwnedSecret creates a Secret that is deleted with a Job, unless it would be empty.
func (c *Cluster) createOwnedSecret(
	ctx context.Context,
	owner *batchv1.Job,
	name string,
	data map[string]string,
) error {
	if len(data) == 0 {
		return nil
	}
	kind := batchv1.SchemeGroupVersion.WithKind("Job")
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name:            name,
			Labels:          owner.Labels,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(owner, kind)},
		},
		StringData: data,
	}
	_, err := c.Client.CoreV1().Secrets(c.Namespace).Create(ctx, secret, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("create secret: %w", err)
	}
	return nil
}

// JobAndPods returns a Job and the pods that it controls.
func (c *Cluster) JobAndPods(ctx context.Context, name ci.JobName) (*batchv1.Job, []*corev1.Pod, error) {
	job, err := c.Client.BatchV1().Jobs(c.Namespace).Get(ctx, string(name), metav1.GetOptions{})
	if err != nil {
		return nil, nil, fmt.Errorf("job %s: %w", name, err)
	}
	options := metav1.ListOptions{LabelSelector: batchv1.ControllerUidLabel + "=" + string(job.UID)}
	list, err := c.Client.CoreV1().Pods(c.Namespace).List(ctx, options)
	if err != nil {
		return nil, nil, fmt.Errorf("pods of %s: %w", name, err)
	}
	var pods []*corev1.Pod
	for i := range list.Items {
		pods = append(pods, &list.Items[i])
	}
	return job, pods, nil
}

// ErrContainerNotRunning says that the kubelet does not run the container yet, so nothing was written to it.
var ErrContainerNotRunning = errors.New("the container is not running yet")

// WriteStdin copies in to the standard input of a container, which must have been created with one, and returns when
// all is written. The error wraps ErrContainerNotRunning if the call may be repeated.
func (c *Cluster) WriteStdin(ctx context.Context, pod, container string, in io.Reader) error {
	executor, err := c.attach(pod, container)
	if err == nil {
		err = executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: in})
	}
	if err != nil && strings.Contains(err.Error(), "unable to upgrade connection") {
		err = fmt.Errorf("%w: %w", ErrContainerNotRunning, err)
	}
	if err != nil {
		return fmt.Errorf("attach to %s/%s: %w", pod, container, err)
	}
	return nil
}

// attach prepares a connection to a container's standard input. As kubectl does, it uses WebSockets, and SPDY with
// clusters before version 1.31 (https://kubernetes.io/docs/reference/using-api/websockets/).
func (c *Cluster) attach(pod, container string) (remotecommand.Executor, error) {
	if c.rest == nil {
		return nil, errors.New("there is no connection to the cluster")
	}
	request := c.Client.CoreV1().RESTClient().Post().
		Resource("pods").Namespace(c.Namespace).Name(pod).SubResource("attach").
		VersionedParams(&corev1.PodAttachOptions{Container: container, Stdin: true}, scheme.ParameterCodec)
	webSocket, err := remotecommand.NewWebSocketExecutor(c.rest, "GET", request.URL().String())
	if err != nil {
		return nil, err
	}
	spdy, err := remotecommand.NewSPDYExecutor(c.rest, "POST", request.URL())
	if err != nil {
		return nil, err
	}
	return remotecommand.NewFallbackExecutor(webSocket, spdy, httpstream.IsUpgradeFailure)
}
