package kube

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// limitRangeCache keeps the LimitRanges of each namespace for a while: they hardly change, and each launch asks.
type limitRangeCache struct {
	mu    sync.Mutex
	asked map[string]time.Time
	items map[string][]corev1.LimitRangeItem
}

const limitRangeAge = 30 * time.Second

// LimitRanges returns the limits that a namespace sets for pods and containers.
// An account that may not list them gets none: the cluster's answer then says what is wrong.
func (c *Cluster) LimitRanges(ctx context.Context, namespace string) ([]corev1.LimitRangeItem, error) {
	cache := c.limitRanges
	if cache == nil {
		cache = &limitRangeCache{}
	}
	cache.mu.Lock()
	defer cache.mu.Unlock()
	if time.Since(cache.asked[namespace]) < limitRangeAge {
		return cache.items[namespace], nil
	}
	list, err := c.Client.CoreV1().LimitRanges(namespace).List(ctx, metav1.ListOptions{})
	if err != nil && !apierrors.IsForbidden(err) {
		return nil, fmt.Errorf("list limit ranges: %w", err)
	}
	var items []corev1.LimitRangeItem
	if err == nil {
		for _, r := range list.Items {
			items = append(items, r.Spec.Limits...)
		}
	}
	if cache.asked == nil {
		cache.asked, cache.items = map[string]time.Time{}, map[string][]corev1.LimitRangeItem{}
	}
	cache.asked[namespace], cache.items[namespace] = time.Now(), items
	return items, nil
}

// meetLimitRanges raises the requests of a Job's containers to what its namespace
// asks for. Steps that wait for others request nothing, which a LimitRange with a
// minimum or a ratio would refuse.
func (c *Cluster) meetLimitRanges(ctx context.Context, job *batchv1.Job) error {
	items, err := c.LimitRanges(ctx, job.Namespace)
	if err != nil {
		return err
	}
	pod := &job.Spec.Template.Spec
	for _, item := range items {
		if item.Type != corev1.LimitTypeContainer {
			continue
		}
		for _, containers := range [][]corev1.Container{pod.InitContainers, pod.Containers} {
			for i := range containers {
				meetItem(&containers[i].Resources, item)
			}
		}
	}
	for _, item := range items {
		if item.Type == corev1.LimitTypePod && len(pod.Containers) > 0 {
			meetPodItem(pod, item)
		}
	}
	return nil
}

// meetItem raises the requests of one container to the minimum, and to its limit divided by the largest ratio.
func meetItem(r *corev1.ResourceRequirements, item corev1.LimitRangeItem) {
	for name, least := range item.Min {
		raise(r, name, least)
		limit, ok := r.Limits[name]
		if ok && limit.Cmp(least) < 0 {
			r.Limits[name] = least
		}
	}
	for name, ratio := range item.MaxLimitRequestRatio {
		limit, set := r.Limits[name]
		if !set { // a ratio needs both: the namespace's default is filled in, or there must be one
			if limit, set = item.Default[name]; !set {
				limit, set = item.Max[name]
			}
		}
		if set {
			raise(r, name, divided(name, limit, ratio))
			continue
		}
		request := r.Requests[name]
		if request.IsZero() {
			raise(r, name, smallest(name))
			request = r.Requests[name]
		}
		if r.Limits == nil {
			r.Limits = corev1.ResourceList{}
		}
		r.Limits[name] = request
	}
}

// meetPodItem raises the requests of the last container until those of all meet a limit of the whole pod.
func meetPodItem(pod *corev1.PodSpec, item corev1.LimitRangeItem) {
	last := &pod.Containers[len(pod.Containers)-1].Resources
	sum := func(name corev1.ResourceName, of func(corev1.ResourceRequirements) corev1.ResourceList) (total resource.Quantity) {
		for _, c := range pod.Containers {
			total.Add(of(c.Resources)[name])
		}
		return total
	}
	need := func(name corev1.ResourceName, least resource.Quantity) {
		total := sum(name, func(r corev1.ResourceRequirements) corev1.ResourceList { return r.Requests })
		if total.Cmp(least) >= 0 {
			return
		}
		least.Sub(total)
		least.Add(last.Requests[name])
		raise(last, name, least)
	}
	for name, least := range item.Min {
		need(name, least.DeepCopy())
	}
	for name, ratio := range item.MaxLimitRequestRatio {
		limit := sum(name, func(r corev1.ResourceRequirements) corev1.ResourceList { return r.Limits })
		if !limit.IsZero() {
			need(name, divided(name, limit, ratio))
		}
	}
}

// raise sets a request that is lower than it must be.
func raise(r *corev1.ResourceRequirements, name corev1.ResourceName, least resource.Quantity) {
	if r.Requests == nil {
		r.Requests = corev1.ResourceList{}
	}
	request, set := r.Requests[name]
	if !set || request.Cmp(least) < 0 {
		r.Requests[name] = least
	}
}

// divided is an amount divided by a ratio, rounded up in the unit that Kubernetes compares.
func divided(name corev1.ResourceName, q, ratio resource.Quantity) resource.Quantity {
	by := math.Max(ratio.AsApproximateFloat64(), 1e-3)
	if name == corev1.ResourceCPU {
		return *resource.NewMilliQuantity(int64(math.Ceil(float64(q.MilliValue())/by)), resource.DecimalSI)
	}
	return *resource.NewQuantity(int64(math.Ceil(float64(q.Value())/by)), resource.BinarySI)
}

// smallest is the least that counts as a request.
func smallest(name corev1.ResourceName) resource.Quantity {
	if name == corev1.ResourceCPU {
		return *resource.NewMilliQuantity(1, resource.DecimalSI)
	}
	return *resource.NewQuantity(1, resource.BinarySI)
}

// DescribeLimits says in a few words what LimitRanges ask of each container; empty: nothing that YACI has to meet.
func DescribeLimits(items []corev1.LimitRangeItem) string {
	var words []string
	for _, item := range items {
		for what, list := range map[string]corev1.ResourceList{"at least %s %s": item.Min, "a limit of at most %[2]s times the request of %[1]s": item.MaxLimitRequestRatio} {
			for name, q := range list {
				words = append(words, fmt.Sprintf(what, name, q.String())+" for each "+strings.ToLower(string(item.Type)))
			}
		}
	}
	slices.Sort(words)
	return strings.Join(words, ", ")
}
