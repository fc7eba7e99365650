package watch

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/runner"
)

// tellAfter is how long a launched job must have waited before people are told.
const tellAfter = 5 * time.Second

// waitsFor says what a launched job waits for in the cluster: the reason in one
// word (ci.WaitNode and so on), a sentence, and the cluster's own words; all empty
// when it waits for nothing that is worth telling. again, when positive, is when
// to look again.
func waitsFor(v View) (w wait, again time.Duration) {
	if len(v.Pods) == 0 {
		switch {
		case v.Job == nil:
		case v.Job.Spec.Suspend != nil && *v.Job.Spec.Suspend:
			return later(v, v.Stored.Started, wait{reason: ci.WaitKueue, why: "Waiting: Kueue has not admitted the job yet."})
		case strings.Contains(v.Refusal, exceeded):
			lacks, why := quotaShortage(v.Refusal)
			return wait{ci.QuotaWait(lacks), "Waiting: " + why + ".", v.Refusal}, 0
		}
		return wait{}, 0
	}
	pod := v.Pods[len(v.Pods)-1]
	scheduled := condition(pod, corev1.PodScheduled)
	if !alive(pod) || pod.DeletionTimestamp != nil || scheduled == nil {
		return wait{}, 0
	}
	since := scheduled.LastTransitionTime.Time
	if scheduled.Status != corev1.ConditionTrue {
		_, why := nodeShortage(scheduled.Message)
		return later(v, since, wait{ci.WaitNode, "Waiting: " + why + ".", scheduled.Message})
	}
	if images := pulled(pod); images != "" {
		return later(v, since, wait{reason: ci.WaitImage, why: "Waiting: " + images + " is being pulled."})
	}
	return wait{}, 0
}

// wait is what a launched job waits for: in one word, in a sentence, and in the cluster's own words.
type wait struct{ reason, why, detail string }

// later tells nothing of what has not lasted yet.
func later(v View, since time.Time, w wait) (wait, time.Duration) {
	if left := tellAfter - v.Now.Sub(since); left > 0 {
		return wait{}, left
	}
	return w, 0
}

// pulled names the image that a pod waits for: that of the first container that
// has not begun although the pod's sandbox stands. It is empty once a step runs.
func pulled(pod *corev1.Pod) string {
	c := condition(pod, corev1.PodReadyToStartContainers)
	if c == nil || c.Status != corev1.ConditionTrue {
		return ""
	}
	seen, image := containers(pod), ""
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		state := seen[c.Name].State
		if state.Waiting == nil {
			if c.Name != runner.CloneContainer && c.RestartPolicy == nil {
				return ""
			}
			continue
		}
		if image == "" &&
			slices.Contains([]string{"ContainerCreating", "ErrImagePull", "ImagePullBackOff"}, state.Waiting.Reason) {
			image = "image " + c.Image
		}
	}
	return image
}
