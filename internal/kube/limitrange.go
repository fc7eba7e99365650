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

// limitRangeCache caches the LimitRanges of each namespace: they rarely change, and each launch needs them.
type limitRangeCache struct {
	mu         sync.Mutex
	namespaces map[string]cachedLimits
}

type cachedLimits struct {
	items  []corev1.LimitRangeItem
	readAt time.Time
}

const limitRangeTTL = 30 * time.Second

// LimitRanges returns the limits that a namespace sets for pods and containers. It returns none if the account may not
// list them; if they matter, the answer to the launch says so.
func (c *Cluster) LimitRanges(ctx context.Context, namespace string) ([]corev1.LimitRangeItem, error) {
	cache := c.limitRanges
	cache.mu.Lock()
	defer cache.mu.Unlock()
	cached, ok := cache.namespaces[namespace]
	if ok && time.Since(cached.readAt) < limitRangeTTL {
		return cached.items, nil
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
	if cache.namespaces == nil {
		cache.namespaces = map[string]cachedLimits{}
	}
	cache.namespaces[namespace] = cachedLimits{items: items, readAt: time.Now()}
	return items, nil
}

// applyLimitRanges raises the requests of a Job's containers to what the LimitRanges of its namespace demand. Steps
// that wait for others request nothing, which a LimitRange with a minimum or a ratio would refuse.
func (c *Cluster) applyLimitRanges(ctx context.Context, job *batchv1.Job) error {
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
				applyContainerLimits(&containers[i].Resources, item)
			}
		}
	}
	for _, item := range items {
		if item.Type == corev1.LimitTypePod && len(pod.Containers) > 0 {
			applyPodLimits(pod, item)
		}
	}
	return nil
}

// applyContainerLimits raises the requests of a container to the minimum, and to its limit divided by the maximum ratio
// of limit and request.
func applyContainerLimits(r *corev1.ResourceRequirements, item corev1.LimitRangeItem) {
	for name, minimum := range item.Min {
		raiseRequest(r, name, minimum)
		limit, ok := r.Limits[name]
		if ok && limit.Cmp(minimum) < 0 {
			r.Limits[name] = minimum
		}
	}
	for name, ratio := range item.MaxLimitRequestRatio {
		if limit, ok := effectiveLimit(r, name, item); ok {
			raiseRequest(r, name, divideRoundingUp(name, limit, ratio))
			continue
		}
		// A ratio requires both a request and a limit.
		request := r.Requests[name]
		if request.IsZero() {
			raiseRequest(r, name, smallestRequest(name))
			request = r.Requests[name]
		}
		if r.Limits == nil {
			r.Limits = corev1.ResourceList{}
		}
		r.Limits[name] = request
	}
}

// effectiveLimit returns the limit that a container will have: its own, or the one that the namespace fills in.
func effectiveLimit(
	r *corev1.ResourceRequirements,
	name corev1.ResourceName,
	item corev1.LimitRangeItem,
) (resource.Quantity, bool) {
	for _, limits := range []corev1.ResourceList{r.Limits, item.Default, item.Max} {
		if limit, ok := limits[name]; ok {
			return limit, true
		}
	}
	return resource.Quantity{}, false
}

// applyPodLimits raises the requests of the last container until the sum of all containers meets the limits for a pod.
func applyPodLimits(pod *corev1.PodSpec, item corev1.LimitRangeItem) {
	last := &pod.Containers[len(pod.Containers)-1].Resources
	sum := func(name corev1.ResourceName, listOf func(corev1.ResourceRequirements) corev1.ResourceList) resource.Quantity {
		var total resource.Quantity
		for _, c := range pod.Containers {
			total.Add(listOf(c.Resources)[name])
		}
		return total
	}
	raiseSum := func(name corev1.ResourceName, minimum resource.Quantity) {
		total := sum(name, func(r corev1.ResourceRequirements) corev1.ResourceList { return r.Requests })
		if total.Cmp(minimum) >= 0 {
			return
		}
		minimum.Sub(total)
		minimum.Add(last.Requests[name])
		raiseRequest(last, name, minimum)
	}
	for name, minimum := range item.Min {
		raiseSum(name, minimum.DeepCopy())
	}
	for name, ratio := range item.MaxLimitRequestRatio {
		limit := sum(name, func(r corev1.ResourceRequirements) corev1.ResourceList { return r.Limits })
		if !limit.IsZero() {
			raiseSum(name, divideRoundingUp(name, limit, ratio))
		}
	}
}

// raiseRequest raises a request to at least a minimum.
func raiseRequest(r *corev1.ResourceRequirements, name corev1.ResourceName, minimum resource.Quantity) {
	if r.Requests == nil {
		r.Requests = corev1.ResourceList{}
	}
	request, ok := r.Requests[name]
	if !ok || request.Cmp(minimum) < 0 {
		r.Requests[name] = minimum
	}
}

// divideRoundingUp divides an amount by a ratio and rounds up in the unit in which Kubernetes compares.
func divideRoundingUp(name corev1.ResourceName, q, ratio resource.Quantity) resource.Quantity {
	divisor := math.Max(ratio.AsApproximateFloat64(), 1e-3)
	if name == corev1.ResourceCPU {
		return *resource.NewMilliQuantity(int64(math.Ceil(float64(q.MilliValue())/divisor)), resource.DecimalSI)
	}
	return *resource.NewQuantity(int64(math.Ceil(float64(q.Value())/divisor)), resource.BinarySI)
}

// smallestRequest returns the smallest amount that counts as a request.
func smallestRequest(name corev1.ResourceName) resource.Quantity {
	if name == corev1.ResourceCPU {
		return *resource.NewMilliQuantity(1, resource.DecimalSI)
	}
	return *resource.NewQuantity(1, resource.BinarySI)
}

// DescribeLimits returns a short description of the limits that YACI has to meet; empty if there are none.
func DescribeLimits(items []corev1.LimitRangeItem) string {
	var parts []string
	for _, item := range items {
		kind := strings.ToLower(string(item.Type))
		for name, q := range item.Min {
			parts = append(parts, fmt.Sprintf("at least %s %s for each %s", name, q.String(), kind))
		}
		for name, q := range item.MaxLimitRequestRatio {
			part := fmt.Sprintf("a limit of at most %s times the request of %s for each %s", q.String(), name, kind)
			parts = append(parts, part)
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}
