package kube_test

import (
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/yaci-ci/yaci/internal/kube"
)

func TestPlace(t *testing.T) {
	pod := func(status corev1.PodStatus) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			Name:      "p",
			Namespace: space,
			UID:       "u",
			Labels:    map[string]string{"batch.kubernetes.io/job-name": name},
		}, Status: status}
	}
	event := func(about corev1.ObjectReference, kind, reason, message string) *corev1.Event {
		return &corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{Name: "e", Namespace: space},
			InvolvedObject: about,
			Type:           kind,
			Reason:         reason,
			Message:        message,
		}
	}
	for what, c := range map[string]struct {
		objects []runtime.Object
		want    kube.Placed
	}{
		"nothing yet": {nil, kube.Placed{}},
		"refused":     {[]runtime.Object{event(corev1.ObjectReference{Kind: "Job", Name: name}, "Warning", "FailedCreate", "Error creating: violates PodSecurity")}, kube.Placed{Why: "violates PodSecurity"}},
		"runs":        {[]runtime.Object{pod(corev1.PodStatus{PodIP: "10.0.0.2", HostIP: "10.0.0.1"})}, kube.Placed{Made: true, IP: "10.0.0.2", Node: "10.0.0.1"}},
		"ended":       {[]runtime.Object{pod(corev1.PodStatus{Phase: corev1.PodFailed})}, kube.Placed{Made: true, Ended: true}},
		"no image": {[]runtime.Object{pod(corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Message: "not found"}}}}})},
			kube.Placed{Made: true, Waiting: "not found"}},
		"no node": {[]runtime.Object{pod(corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "0/1 nodes"}}})},
			kube.Placed{Made: true, Waiting: "0/1 nodes"}},
		"no sandbox": {[]runtime.Object{pod(corev1.PodStatus{}), event(corev1.ObjectReference{UID: "u"}, "Warning", "FailedCreatePodSandBox", "no user namespaces")},
			kube.Placed{Made: true, Waiting: "no user namespaces"}},
	} {
		c1, _ := world(c.objects...)
		got, err := c1.Place(t.Context(), name)
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
}

func TestRemove(t *testing.T) {
	c, client := world(&batchv1.Job{ObjectMeta: meta("r1")}, &corev1.Secret{ObjectMeta: meta("r1")})
	for range 2 { // what is gone is fine
		if err := c.Remove(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if got := secret(t, client); got != nil {
		t.Errorf("left %v", got)
	}
}
