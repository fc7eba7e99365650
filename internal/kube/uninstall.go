package kube

import (
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/runner"
)

// Managed selects what YACI has made.
const Managed = runner.ManagedSelector

// Count is how many Jobs and Secrets of YACI's there are.
func (c *Cluster) Count(ctx context.Context) (jobs, secrets int, err error) {
	j, s, err := c.managed(ctx)
	return len(j), len(s), err
}

// managed are the names of YACI's Jobs and Secrets.
func (c *Cluster) managed(ctx context.Context) (jobs, secrets []ci.JobName, err error) {
	for _, space := range c.Spaces() {
		j, err := c.Client.BatchV1().Jobs(space).List(ctx, metav1.ListOptions{LabelSelector: Managed})
		if err != nil {
			return nil, nil, fmt.Errorf("jobs of %s: %w", space, err)
		}
		for _, one := range j.Items {
			jobs = append(jobs, ci.JobName(one.Name))
		}
		s, err := c.Client.CoreV1().Secrets(space).List(ctx, metav1.ListOptions{LabelSelector: Managed})
		if err != nil {
			return nil, nil, fmt.Errorf("secrets of %s: %w", space, err)
		}
		for _, one := range s.Items {
			secrets = append(secrets, ci.JobName(one.Name))
		}
	}
	return jobs, secrets, nil
}

// Uninstall deletes all Jobs and Secrets of YACI's, whose finalizer would
// otherwise keep them, and the namespace, for ever.
func (c *Cluster) Uninstall(ctx context.Context) error {
	jobs, secrets, err := c.managed(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range jobs {
		errs = append(errs, c.Stop(ctx, name), c.Release(ctx, name))
	}
	for _, name := range secrets {
		errs = append(errs, c.DropSecret(ctx, name))
	}
	return errors.Join(errs...)
}
