package kube_test

import (
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/yaci-ci/yaci/internal/kube"
)

func TestPodStatus(t *testing.T) {
	pod := func(status corev1.PodStatus) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			Name:      "p",
			Namespace: namespace,
			UID:       "u",
			Labels:    map[string]string{"batch.kubernetes.io/job-name": name},
		}, Status: status}
	}
	event := func(about corev1.ObjectReference, kind, reason, message string) *corev1.Event {
		return &corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{Name: "e", Namespace: namespace},
			InvolvedObject: about,
			Type:           kind,
			Reason:         reason,
			Message:        message,
		}
	}
	ofJob := corev1.ObjectReference{Kind: "Job", Name: name}
	ofPod := corev1.ObjectReference{UID: "u"}
	noImage := corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Message: "not found"}}
	unscheduled := corev1.PodCondition{
		Type:    corev1.PodScheduled,
		Status:  corev1.ConditionFalse,
		Message: "0/1 nodes",
	}
	for what, c := range map[string]struct {
		objects []runtime.Object
		want    kube.PodStatus
	}{
		"nothing yet": {nil, kube.PodStatus{}},
		"refused": {
			[]runtime.Object{event(ofJob, "Warning", "FailedCreate", "Error creating: violates PodSecurity")},
			kube.PodStatus{CreateError: "violates PodSecurity"},
		},
		"runs": {
			[]runtime.Object{pod(corev1.PodStatus{PodIP: "10.0.0.2", HostIP: "10.0.0.1"})},
			kube.PodStatus{Exists: true, IP: "10.0.0.2", HostIP: "10.0.0.1"},
		},
		"ended": {
			[]runtime.Object{pod(corev1.PodStatus{Phase: corev1.PodFailed})},
			kube.PodStatus{Exists: true, Ended: true},
		},
		"no image": {
			[]runtime.Object{pod(corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{State: noImage}}})},
			kube.PodStatus{Exists: true, WaitingFor: "not found"},
		},
		"no node": {
			[]runtime.Object{pod(corev1.PodStatus{Conditions: []corev1.PodCondition{unscheduled}})},
			kube.PodStatus{Exists: true, WaitingFor: "0/1 nodes"},
		},
		"no sandbox": {
			[]runtime.Object{
				pod(corev1.PodStatus{}),
				event(ofPod, "Warning", "FailedCreatePodSandBox", "no user namespaces"),
			},
			kube.PodStatus{Exists: true, WaitingFor: "no user namespaces"},
		},
	} {
		c1, _ := newCluster(c.objects...)
		got, err := c1.PodStatus(t.Context(), name)
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
}

func TestDeleteAll(t *testing.T) {
	c, client := newCluster(&batchv1.Job{ObjectMeta: meta("r1")}, &corev1.Secret{ObjectMeta: meta("r1")})
	for range 2 { // the second finds nothing
		if err := c.DeleteAll(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if got := secret(t, client); got != nil {
		t.Errorf("left %v", got)
	}
}
