package kube

import (
	"context"
	"fmt"
	"io"
	"sort"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/runner"
)

// PodLog is a pod with what its steps have written so far.
type PodLog struct {
	Pod    string `json:"pod"`
	Status string `json:"status"` // the pod's phase
	Log    string `json:"log"`    // of the steps, in order
}

// maxLog bounds how much of one container's log is read, in bytes.
const maxLog = 4 << 20

// Logs returns the pods of a job. None is no error: the Job may be new.
func (c *Cluster) Logs(ctx context.Context, name ci.JobName) ([]PodLog, error) {
	var pods []corev1.Pod
	err := c.everywhere(func(space string) error {
		list, err := c.Client.CoreV1().
			Pods(space).
			List(ctx, metav1.ListOptions{LabelSelector: "batch.kubernetes.io/job-name=" + string(name)})
		if err == nil {
			pods = append(pods, list.Items...)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("pods of %s: %w", name, err)
	}
	sort.Slice(pods, func(i, j int) bool { return pods[i].Name < pods[j].Name })
	logs := []PodLog{}
	for _, pod := range pods {
		l := PodLog{Pod: pod.Name, Status: string(pod.Status.Phase)}
		for _, container := range pod.Spec.Containers {
			if !runner.IsStepCommand(container.Command) || !begun(pod, container.Name) {
				continue
			}
			text, err := c.containerLog(ctx, pod.Name, container.Name)
			if err != nil {
				return nil, err
			}
			l.Log += text
		}
		logs = append(logs, l)
	}
	return logs, nil
}

func begun(pod corev1.Pod, container string) bool {
	for _, s := range pod.Status.ContainerStatuses {
		if s.Name == container {
			return s.State.Running != nil || s.State.Terminated != nil
		}
	}
	return false
}

func (c *Cluster) containerLog(ctx context.Context, pod, container string) (string, error) {
	limit := int64(maxLog)
	r, err := c.stream(ctx, pod, &corev1.PodLogOptions{Container: container, LimitBytes: &limit})
	if apierrors.IsNotFound(err) {
		return "", nil // the pod went between the list and this
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

// stream opens a log in the namespace that has the pod.
func (c *Cluster) stream(ctx context.Context, pod string, opts *corev1.PodLogOptions) (r io.ReadCloser, err error) {
	client := c.logs
	if client == nil {
		client = c.Client
	}
	for _, space := range c.Spaces() {
		if r, err = client.CoreV1().Pods(space).GetLogs(pod, opts).Stream(ctx); !apierrors.IsNotFound(err) {
			break
		}
	}
	return r, err
}

// LogStream is a container's log with timestamps, from a time on (zero: the
// beginning): what there is, or followed until the container has ended. The error
// is ci.ErrNotFound, wrapped, when the pod is gone.
func (c *Cluster) LogStream(
	ctx context.Context,
	pod, container string,
	since time.Time,
	follow bool,
) (io.ReadCloser, error) {
	opts := &corev1.PodLogOptions{Container: container, Follow: follow, Timestamps: true}
	if !since.IsZero() {
		opts.SinceTime = &metav1.Time{Time: since}
	}
	r, err := c.stream(ctx, pod, opts)
	if apierrors.IsNotFound(err) {
		err = fmt.Errorf("%w: %w", ci.ErrNotFound, err)
	}
	if err != nil {
		return nil, fmt.Errorf("log of %s/%s: %w", pod, container, err)
	}
	return r, nil
}
