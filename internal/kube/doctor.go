package kube

import (
	"context"
	"fmt"
	"strings"

	authv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/yaci-ci/yaci/internal/ci"
)

// May reports whether who runs this may do something; an empty namespace is all of
// them. Everybody may ask (kubernetes.io/docs/reference/access-authn-authz/authorization).
func (c *Cluster) May(ctx context.Context, namespace, group, resource, subresource, verb string) (bool, error) {
	answer, err := c.Client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authv1.SelfSubjectAccessReview{
		Spec: authv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authv1.ResourceAttributes{

			Namespace:   namespace,
			Group:       group,
			Resource:    resource,
			Subresource: subresource,
			Verb:        verb,
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("ask the cluster for rights: %w", err)
	}
	return answer.Status.Allowed, nil
}

// Placed is where the pod of a job is.
type Placed struct {
	Made    bool   // there is a pod
	Why     string // the cluster made none; empty: it has not tried yet
	IP      string
	Node    string // its address
	Waiting string // why a container does not start
	Ended   bool
}

// Place finds the pod of a job, or the cluster's reason for making none.
func (c *Cluster) Place(ctx context.Context, name ci.JobName) (p Placed, err error) {
	pods, err := c.Client.CoreV1().
		Pods(c.Namespace).
		List(ctx, metav1.ListOptions{LabelSelector: "batch.kubernetes.io/job-name=" + string(name)})
	if err != nil {
		return p, fmt.Errorf("pods of %s: %w", name, err)
	}
	about := fields.Set{"involvedObject.kind": "Job", "involvedObject.name": string(name), "reason": "FailedCreate"}
	if len(pods.Items) > 0 {
		p = placed(pods.Items[0])
		if p.IP != "" || p.Ended || p.Waiting != "" {
			return p, nil
		}
		about = fields.Set{"involvedObject.uid": string(pods.Items[0].UID), "type": corev1.EventTypeWarning}
	}
	events, err := c.Client.CoreV1().Events(c.Namespace).List(ctx, metav1.ListOptions{FieldSelector: about.String()})
	if err != nil {
		return p, fmt.Errorf("events of %s: %w", name, err)
	}
	for _, e := range events.Items {
		if p.Made && !strings.HasPrefix(e.Reason, "Failed") {
			continue // a warning that keeps no pod from starting, as MissingClusterDNS
		}
		if p.Made {
			p.Waiting = e.Message
		} else {
			p.Why = strings.TrimPrefix(e.Message, "Error creating: ")
		}
	}
	return p, nil
}

func placed(pod corev1.Pod) Placed {
	p := Placed{
		Made:  true,
		IP:    pod.Status.PodIP,
		Node:  pod.Status.HostIP,
		Ended: pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed,
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
			p.Waiting = condition.Message
		}
	}
	for _, s := range pod.Status.ContainerStatuses {
		w := s.State.Waiting
		if w != nil && w.Message != "" {
			p.Waiting = w.Message
		}
	}
	return p
}

// Remove deletes everything of a job that the database does not know.
func (c *Cluster) Remove(ctx context.Context, name ci.JobName) error {
	if err := c.Stop(ctx, name); err != nil {
		return err
	}
	if err := c.Release(ctx, name); err != nil {
		return err
	}
	return c.DropSecret(ctx, name)
}
