package watch

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/ci"
)

// tellAfter is how long a launched job must have waited before people are told.
const tellAfter = 5 * time.Second

// waitsFor says what a launched job waits for in the cluster: the reason in one
// word (ci.WaitNode and so on) and a sentence; both empty when it waits for
// nothing that is worth telling. again, when positive, is when to look again.
func waitsFor(v View) (reason, why string, again time.Duration) {
	if len(v.Pods) == 0 {
		switch {
		case v.Job == nil:
		case v.Job.Spec.Suspend != nil && *v.Job.Spec.Suspend:
			return later(v, v.Stored.Started, ci.WaitKueue, "Waiting: Kueue has not admitted the job yet.")
		case strings.Contains(v.Refusal, exceeded):
			return ci.WaitQuota, fmt.Sprintf("Waiting: the quota of the namespace is used up (%s).", quotaWords(v.Refusal)), 0
		}
		return "", "", 0
	}
	pod := v.Pods[len(v.Pods)-1]
	if !alive(pod) || pod.DeletionTimestamp != nil {
		return "", "", 0
	}
	if c := condition(pod, corev1.PodScheduled); c == nil {
		return "", "", 0
	} else if c.Status != corev1.ConditionTrue {
		return later(v, c.LastTransitionTime.Time, ci.WaitNode, "Waiting: no node has room for the job: "+trim(c.Message)+".")
	} else if images := pulled(pod); images != "" {
		return later(v, c.LastTransitionTime.Time, ci.WaitImage, "Waiting: "+images+" is being pulled.")
	}
	return "", "", 0
}

// later tells nothing of what has not lasted yet.
func later(v View, since time.Time, reason, why string) (string, string, time.Duration) {
	if left := tellAfter - v.Now.Sub(since); left > 0 {
		return "", "", left
	}
	return reason, why, 0
}

// pulled names the image that a pod waits for: that of the first container that
// has not begun although the pod's sandbox stands. It is empty once a step runs.
func pulled(pod *corev1.Pod) string {
	if c := condition(pod, corev1.PodReadyToStartContainers); c == nil || c.Status != corev1.ConditionTrue {
		return ""
	}
	seen, image := containers(pod), ""
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		state := seen[c.Name].State
		if state.Waiting == nil {
			if c.Name != cloneContainer && c.RestartPolicy == nil {
				return ""
			}
			continue
		}
		if image == "" && slices.Contains([]string{"ContainerCreating", "ErrImagePull", "ImagePullBackOff"}, state.Waiting.Reason) {
			image = "image " + c.Image
		}
	}
	return image
}

// exceeded is how a quota says no (plugin/pkg/admission/resourcequota).
const exceeded = "exceeded quota"

// quotaWords are what comes after that: requested, used, limited.
func quotaWords(refusal string) string {
	_, words, _ := strings.Cut(refusal, exceeded+": ")
	return trim(words)
}
