package kube

import (
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/runner"
)

// DeleteJobSecret deletes the Secret of a job. It succeeds if the Secret is gone already.
func (c *Cluster) DeleteJobSecret(ctx context.Context, name ci.JobName) error {
	err := c.inAllNamespaces(func(namespace string) error {
		return c.Client.CoreV1().Secrets(namespace).Delete(ctx, string(name), metav1.DeleteOptions{})
	})
	if err != nil {
		return fmt.Errorf("delete secret %s: %w", name, err)
	}
	return nil
}

// RemoveFinalizer removes YACI's finalizer from a Job. It succeeds if the Job is gone already. The patch removes only
// that entry of the list, see
// https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/.
func (c *Cluster) RemoveFinalizer(ctx context.Context, name ci.JobName) error {
	patch := []byte(`{"metadata":{"$deleteFromPrimitiveList/finalizers":["` + Finalizer + `"]}}`)
	err := c.inAllNamespaces(func(namespace string) error {
		jobs := c.Client.BatchV1().Jobs(namespace)
		_, err := jobs.Patch(ctx, string(name), types.StrategicMergePatchType, patch, metav1.PatchOptions{})
		return err
	})
	if err != nil {
		return fmt.Errorf("remove finalizer of job %s: %w", name, err)
	}
	return nil
}

// DeleteJob deletes a Job and its pods. It succeeds if the Job is gone already. It deletes in the foreground, because
// in the background the pods would stay until the Job, which Finalizer keeps, is gone.
func (c *Cluster) DeleteJob(ctx context.Context, name ci.JobName) error {
	return c.deleteJob(ctx, name, metav1.DeletePropagationForeground)
}

func (c *Cluster) deleteJob(ctx context.Context, name ci.JobName, policy metav1.DeletionPropagation) error {
	err := c.inAllNamespaces(func(namespace string) error {
		options := metav1.DeleteOptions{PropagationPolicy: &policy}
		return c.Client.BatchV1().Jobs(namespace).Delete(ctx, string(name), options)
	})
	if err != nil {
		return fmt.Errorf("delete job %s: %w", name, err)
	}
	return nil
}

// DeleteAll deletes the Job and the Secret of a job that the database does not know.
func (c *Cluster) DeleteAll(ctx context.Context, name ci.JobName) error {
	if err := c.DeleteJob(ctx, name); err != nil {
		return err
	}
	if err := c.RemoveFinalizer(ctx, name); err != nil {
		return err
	}
	return c.DeleteJobSecret(ctx, name)
}

// CountManaged returns how many Jobs and Secrets of YACI exist.
func (c *Cluster) CountManaged(ctx context.Context) (jobs, secrets int, err error) {
	jobNames, secretNames, err := c.listManaged(ctx)
	return len(jobNames), len(secretNames), err
}

// listManaged returns the names of YACI's Jobs and Secrets.
func (c *Cluster) listManaged(ctx context.Context) (jobs, secrets []ci.JobName, err error) {
	options := metav1.ListOptions{LabelSelector: runner.ManagedSelector}
	for _, namespace := range c.Namespaces() {
		jobList, err := c.Client.BatchV1().Jobs(namespace).List(ctx, options)
		if err != nil {
			return nil, nil, fmt.Errorf("jobs of %s: %w", namespace, err)
		}
		for _, job := range jobList.Items {
			jobs = append(jobs, ci.JobName(job.Name))
		}
		secretList, err := c.Client.CoreV1().Secrets(namespace).List(ctx, options)
		if err != nil {
			return nil, nil, fmt.Errorf("secrets of %s: %w", namespace, err)
		}
		for _, secret := range secretList.Items {
			secrets = append(secrets, ci.JobName(secret.Name))
		}
	}
	return jobs, secrets, nil
}

// Uninstall deletes all Jobs and Secrets of YACI. The finalizers of the Jobs would otherwise keep them, and their
// namespace, forever.
func (c *Cluster) Uninstall(ctx context.Context) error {
	jobs, secrets, err := c.listManaged(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range jobs {
		errs = append(errs, c.DeleteJob(ctx, name), c.RemoveFinalizer(ctx, name))
	}
	for _, name := range secrets {
		errs = append(errs, c.DeleteJobSecret(ctx, name))
	}
	return errors.Join(errs...)
}
