package kube

import (
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Managed selects what YACI has made.
const Managed = "app.kubernetes.io/managed-by=yaci"

// Count is how many Jobs and Secrets of YACI's there are.
func (c *Cluster) Count(ctx context.Context) (jobs, secrets int, err error) {
	j, err := c.Client.BatchV1().Jobs(c.Namespace).List(ctx, metav1.ListOptions{LabelSelector: Managed})
	if err != nil {
		return 0, 0, fmt.Errorf("jobs of %s: %w", c.Namespace, err)
	}
	s, err := c.Client.CoreV1().Secrets(c.Namespace).List(ctx, metav1.ListOptions{LabelSelector: Managed})
	if err != nil {
		return 0, 0, fmt.Errorf("secrets of %s: %w", c.Namespace, err)
	}
	return len(j.Items), len(s.Items), nil
}

// Uninstall deletes all Jobs and Secrets of YACI's, whose finalizer would
// otherwise keep them, and the namespace, for ever.
func (c *Cluster) Uninstall(ctx context.Context) error {
	jobs, err := c.Client.BatchV1().Jobs(c.Namespace).List(ctx, metav1.ListOptions{LabelSelector: Managed})
	if err != nil {
		return fmt.Errorf("jobs of %s: %w", c.Namespace, err)
	}
	var errs []error
	for _, j := range jobs.Items {
		name := ci.JobName(j.Name)
		errs = append(errs, c.Stop(ctx, name), c.Release(ctx, name))
	}
	secrets, err := c.Client.CoreV1().Secrets(c.Namespace).List(ctx, metav1.ListOptions{LabelSelector: Managed})
	if err != nil {
		return errors.Join(append(errs, fmt.Errorf("secrets of %s: %w", c.Namespace, err))...)
	}
	for _, s := range secrets.Items {
		errs = append(errs, c.DropSecret(ctx, ci.JobName(s.Name)))
	}
	return errors.Join(errs...)
}
