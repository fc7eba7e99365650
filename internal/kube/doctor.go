package kube

import (
	"context"
	"fmt"
	"strings"

	authv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/yaci-ci/yaci/internal/ci"
)

// CanI reports whether the current identity may perform verb on a resource of a namespace; an empty namespace means
// cluster-wide. Every identity may ask that (https://kubernetes.io/docs/reference/access-authn-authz/authorization/).
func (c *Cluster) CanI(ctx context.Context, namespace, group, resource, subresource, verb string) (bool, error) {
	review := &authv1.SelfSubjectAccessReview{Spec: authv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authv1.ResourceAttributes{
			Namespace:   namespace,
			Group:       group,
			Resource:    resource,
			Subresource: subresource,
			Verb:        verb,
		},
	}}
	answer, err := c.Client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("review access: %w", err)
	}
	return answer.Status.Allowed, nil
}

// PodStatus is where the pod of a Job is, and what it is waiting for.
type PodStatus struct {
	Exists      bool
	CreateError string // why the cluster did not create the pod; empty: it exists, or was not tried yet
	IP          string
	HostIP      string // of its node
	WaitingFor  string // why a container has not started
	Ended       bool
}

// PodStatus returns the status of a Job's pod. If the pod does not exist or does not start, the status says why.
func (c *Cluster) PodStatus(ctx context.Context, name ci.JobName) (PodStatus, error) {
	var status PodStatus
	options := metav1.ListOptions{LabelSelector: batchv1.JobNameLabel + "=" + string(name)}
	pods, err := c.Client.CoreV1().Pods(c.Namespace).List(ctx, options)
	if err != nil {
		return status, fmt.Errorf("pods of %s: %w", name, err)
	}
	selector := fields.Set{
		"involvedObject.kind": "Job",
		"involvedObject.name": string(name),
		"reason":              "FailedCreate",
	}
	if len(pods.Items) > 0 {
		status = podStatus(pods.Items[0])
		if status.IP != "" || status.Ended || status.WaitingFor != "" {
			return status, nil
		}
		selector = fields.Set{
			"involvedObject.uid": string(pods.Items[0].UID),
			"type":               corev1.EventTypeWarning,
		}
	}

	options = metav1.ListOptions{FieldSelector: selector.String()}
	events, err := c.Client.CoreV1().Events(c.Namespace).List(ctx, options)
	if err != nil {
		return status, fmt.Errorf("events of %s: %w", name, err)
	}
	for _, e := range events.Items {
		switch {
		case !status.Exists:
			status.CreateError = strings.TrimPrefix(e.Message, "Error creating: ")
		case strings.HasPrefix(e.Reason, "Failed"): // others, such as MissingClusterDNS, do not keep a pod from starting
			status.WaitingFor = e.Message
		}
	}
	return status, nil
}

func podStatus(pod corev1.Pod) PodStatus {
	status := PodStatus{
		Exists: true,
		IP:     pod.Status.PodIP,
		HostIP: pod.Status.HostIP,
		Ended:  pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed,
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
			status.WaitingFor = condition.Message
		}
	}
	for _, s := range pod.Status.ContainerStatuses {
		waiting := s.State.Waiting
		if waiting != nil && waiting.Message != "" {
			status.WaitingFor = waiting.Message
		}
	}
	return status
}
