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

// Aside is the manager of Jobs that somebody starts with his own rights, aside
// of any server: none watches them.
const Aside = runner.ExecManager

// Look is a Job and its pods as they are now.
func (c *Cluster) Look(ctx context.Context, name ci.JobName) (*batchv1.Job, []*corev1.Pod, error) {
	job, err := c.Client.BatchV1().Jobs(c.Namespace).Get(ctx, string(name), metav1.GetOptions{})
	if err != nil {
		return nil, nil, fmt.Errorf("job %s: %w", name, err)
	}
	list, err := c.Client.CoreV1().
		Pods(c.Namespace).
		List(ctx, metav1.ListOptions{LabelSelector: "batch.kubernetes.io/controller-uid=" + string(job.UID)})
	if err != nil {
		return nil, nil, fmt.Errorf("pods of %s: %w", name, err)
	}
	var pods []*corev1.Pod
	for i := range list.Items {
		pods = append(pods, &list.Items[i])
	}
	return job, pods, nil
}

// Send gives a container all of in as its standard input, and returns when it is
// taken. The container must have been made with one. The error is ErrNotThere,
// wrapped, when it may be tried again.
func (c *Cluster) Send(ctx context.Context, pod, container string, in io.Reader) error {
	req := c.Client.CoreV1().RESTClient().Post().Resource("pods").Namespace(c.Namespace).Name(pod).SubResource("attach").
		VersionedParams(&corev1.PodAttachOptions{Container: container, Stdin: true}, scheme.ParameterCodec)
	// As kubectl does: WebSockets, and SPDY with clusters before 1.31 (kubernetes.io/docs/reference/using-api/websockets).
	socket, err := remotecommand.NewWebSocketExecutor(c.config, "GET", req.URL().String())
	if err != nil {
		return fmt.Errorf("attach to %s/%s: %w", pod, container, err)
	}
	spdy, err := remotecommand.NewSPDYExecutor(c.config, "POST", req.URL())
	if err != nil {
		return fmt.Errorf("attach to %s/%s: %w", pod, container, err)
	}
	stream, err := remotecommand.NewFallbackExecutor(socket, spdy, httpstream.IsUpgradeFailure)
	if err == nil {
		err = stream.StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: in})
	}
	if err != nil && strings.Contains(err.Error(), "unable to upgrade connection") {
		err = fmt.Errorf("%w: %w", ErrNotThere, err)
	}
	if err != nil {
		return fmt.Errorf("attach to %s/%s: %w", pod, container, err)
	}
	return nil
}

// ErrNotThere says that the kubelet has no such container yet: nothing was sent.
var ErrNotThere = errors.New("the container is not there yet")
