package kube

import (
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func amounts(pairs ...string) corev1.ResourceList {
	list := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		list[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return list
}

// TestC9 checks that a Job meets the minimum and the ratio of its namespace, whatever its containers request.
func TestC9(t *testing.T) {
	for name, c := range map[string]struct {
		item corev1.LimitRangeItem
		want corev1.ResourceList // of the waiting container
		all  corev1.ResourceList // of the running one
	}{
		"a minimum": {
			corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, Min: amounts("cpu", "10m", "memory", "4Mi")},
			amounts("cpu", "10m", "memory", "4Mi"), amounts("cpu", "250m", "memory", "256Mi"),
		},
		"a large minimum": {
			corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, Min: amounts("memory", "8Gi")},
			amounts("cpu", "0", "memory", "8Gi"), amounts("cpu", "250m", "memory", "8Gi"),
		},
		"a ratio": {
			corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, MaxLimitRequestRatio: amounts("memory", "8")},
			amounts("cpu", "0", "memory", "512Mi"), amounts("cpu", "250m", "memory", "512Mi"),
		},
		"a ratio of CPU": {
			corev1.LimitRangeItem{
				Type:                 corev1.LimitTypeContainer,
				MaxLimitRequestRatio: amounts("cpu", "4"),
				Default:              amounts("cpu", "2"),
			},
			amounts("cpu", "500m", "memory", "0"), amounts("cpu", "500m", "memory", "256Mi"),
		},
		"a ratio of CPU without a default": {
			corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, MaxLimitRequestRatio: amounts("cpu", "4")},
			amounts("cpu", "1m", "memory", "0"), amounts("cpu", "250m", "memory", "256Mi"),
		},
		"a minimum of the pod": {
			corev1.LimitRangeItem{Type: corev1.LimitTypePod, Min: amounts("cpu", "1")},
			amounts("cpu", "0", "memory", "0"), amounts("cpu", "1", "memory", "256Mi"),
		},
		"a ratio of the pod": {
			corev1.LimitRangeItem{Type: corev1.LimitTypePod, MaxLimitRequestRatio: amounts("memory", "4")},
			amounts("cpu", "0", "memory", "0"), amounts("cpu", "250m", "memory", "2Gi"),
		},
		"nothing": {
			corev1.LimitRangeItem{Type: corev1.LimitTypeContainer},
			amounts("cpu", "0", "memory", "0"), amounts("cpu", "250m", "memory", "256Mi"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			limits := corev1.LimitRange{
				ObjectMeta: metav1.ObjectMeta{Name: "x", Namespace: "builds"},
				Spec:       corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{c.item}},
			}
			cluster, err := New(fake.NewClientset(&limits), Config{Namespace: "builds"})
			if err != nil {
				t.Fatal(err)
			}
			job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "builds"}}
			job.Spec.Template.Spec.Containers = []corev1.Container{
				{
					Resources: corev1.ResourceRequirements{
						Requests: amounts("cpu", "0", "memory", "0"),
						Limits:   amounts("memory", "4Gi"),
					},
				},
				{
					Resources: corev1.ResourceRequirements{
						Requests: amounts("cpu", "250m", "memory", "256Mi"),
						Limits:   amounts("memory", "4Gi"),
					},
				},
			}
			if err := cluster.applyLimitRanges(t.Context(), job); err != nil {
				t.Fatal(err)
			}
			for i, want := range []corev1.ResourceList{c.want, c.all} {
				for resource, q := range want {
					if got := job.Spec.Template.Spec.Containers[i].Resources.Requests[resource]; got.Cmp(q) != 0 {
						t.Errorf("container %d requests %s %s, want %s", i, resource, got.String(), q.String())
					}
				}
			}
		})
	}
}
