package kube

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/runner"
)

// PodLog is a pod with what its steps have printed so far.
type PodLog struct {
	Pod    string `json:"pod"`
	Status string `json:"status"` // the pod's phase
	Log    string `json:"log"`    // of the steps, in order
}

// maxLog is how many bytes of a container's log are read.
const maxLog = 4 << 20

// Logs returns the pods of a Job with their logs. It is not an error if there are none: the Job may be new.
func (c *Cluster) Logs(ctx context.Context, name ci.JobName) ([]PodLog, error) {
	var pods []corev1.Pod
	options := metav1.ListOptions{LabelSelector: batchv1.JobNameLabel + "=" + string(name)}
	err := c.inAllNamespaces(func(namespace string) error {
		list, err := c.Client.CoreV1().Pods(namespace).List(ctx, options)
		if err == nil {
			pods = append(pods, list.Items...)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("pods of %s: %w", name, err)
	}
	slices.SortFunc(pods, func(a, b corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	logs := []PodLog{}
	for _, pod := range pods {
		text, err := c.stepLogs(ctx, pod)
		if err != nil {
			return nil, err
		}
		logs = append(logs, PodLog{
			Pod:    pod.Name,
			Status: string(pod.Status.Phase),
			Log:    text,
		})
	}
	return logs, nil
}

// stepLogs returns what the steps of a pod have printed.
func (c *Cluster) stepLogs(ctx context.Context, pod corev1.Pod) (string, error) {
	var all strings.Builder
	for _, container := range pod.Spec.Containers {
		if !runner.IsStepCommand(container.Command) || !hasStarted(pod, container.Name) {
			continue
		}
		text, err := c.containerLog(ctx, pod.Name, container.Name)
		if err != nil {
			return "", err
		}
		all.WriteString(text)
	}
	return all.String(), nil
}

func hasStarted(pod corev1.Pod, container string) bool {
	for _, s := range pod.Status.ContainerStatuses {
		if s.Name == container {
			return s.State.Running != nil || s.State.Terminated != nil
		}
	}
	return false
}

// containerLog returns what the step of a container has printed; empty if the pod is gone.
func (c *Cluster) containerLog(ctx context.Context, pod, container string) (string, error) {
	limit := int64(maxLog)
	r, err := c.openLog(ctx, pod, &corev1.PodLogOptions{Container: container, LimitBytes: &limit})
	if apierrors.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("log of %s/%s: %w", pod, container, err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		return "", fmt.Errorf("log of %s/%s: %w", pod, container, err)
	}
	return string(runner.StepOutput(text)), nil
}

// openLog opens a log in the namespace that has the pod.
func (c *Cluster) openLog(ctx context.Context, pod string, opts *corev1.PodLogOptions) (io.ReadCloser, error) {
	var err error
	for _, namespace := range c.Namespaces() {
		var r io.ReadCloser
		r, err = c.logs.CoreV1().Pods(namespace).GetLogs(pod, opts).Stream(ctx)
		if !apierrors.IsNotFound(err) {
			return r, err
		}
	}
	return nil, err
}

// LogStream opens a container's log with timestamps, from a time on; the zero time means the beginning. If follow is
// true, the log ends when the container does. The error wraps ci.ErrNotFound if the pod is gone.
func (c *Cluster) LogStream(
	ctx context.Context,
	pod, container string,
	since time.Time,
	follow bool,
) (io.ReadCloser, error) {
	opts := &corev1.PodLogOptions{
		Container:  container,
		Follow:     follow,
		Timestamps: true,
	}
	if !since.IsZero() {
		opts.SinceTime = &metav1.Time{Time: since}
	}
	r, err := c.openLog(ctx, pod, opts)
	if apierrors.IsNotFound(err) {
		err = fmt.Errorf("%w: %w", ci.ErrNotFound, err)
	}
	if err != nil {
		return nil, fmt.Errorf("log of %s/%s: %w", pod, container, err)
	}
	return r, nil
}
