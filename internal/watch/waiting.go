package watch

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/runner"
)

// reportAfter is how long a launched job must have been waiting before that is stored and shown.
const reportAfter = 5 * time.Second

// waitReason is what a launched job is waiting for; the zero value means nothing that is worth showing.
type waitReason struct {
	key     string // a ci.Wait constant, or the result of ci.QuotaWait
	message string // a sentence
	detail  string // the cluster's own words
}

// waitReasonOf returns what a launched job is waiting for in the cluster. If checkAfter is positive, the answer may be
// another one after that time.
func waitReasonOf(o Observation) (reason waitReason, checkAfter time.Duration) {
	if len(o.Pods) == 0 {
		return waitReasonWithoutPod(o)
	}
	pod := o.Pods[len(o.Pods)-1]
	scheduled := podCondition(pod, corev1.PodScheduled)
	if !isAlive(pod) || pod.DeletionTimestamp != nil || scheduled == nil {
		return waitReason{}, 0
	}
	since := scheduled.LastTransitionTime.Time
	if scheduled.Status != corev1.ConditionTrue {
		_, why := nodeShortage(scheduled.Message)
		return afterDelay(o, since, waitReason{
			key:     ci.WaitNode,
			message: "Waiting: " + why + ".",
			detail:  scheduled.Message,
		})
	}
	if image := imageBeingPulled(pod); image != "" {
		return afterDelay(o, since, waitReason{
			key:     ci.WaitImage,
			message: "Waiting: image " + image + " is being pulled.",
		})
	}
	return waitReason{}, 0
}

func waitReasonWithoutPod(o Observation) (waitReason, time.Duration) {
	if o.Job == nil {
		return waitReason{}, 0
	}
	if o.Job.Spec.Suspend != nil && *o.Job.Spec.Suspend {
		return afterDelay(o, o.Stored.Started, waitReason{
			key:     ci.WaitKueue,
			message: "Waiting: Kueue has not admitted the job yet.",
		})
	}
	if strings.Contains(o.Refusal, quotaExceeded) {
		lacks, why := quotaShortage(o.Refusal)
		return waitReason{
			key:     ci.QuotaWait(lacks),
			message: "Waiting: " + why + ".",
			detail:  o.Refusal,
		}, 0
	}
	return waitReason{}, 0
}

// afterDelay returns a reason if it has lasted for reportAfter, else the time until it has.
func afterDelay(o Observation, since time.Time, reason waitReason) (waitReason, time.Duration) {
	if left := reportAfter - o.Now.Sub(since); left > 0 {
		return waitReason{}, left
	}
	return reason, 0
}

// imageBeingPulled returns the image that a pod is waiting for: that of the first container that has not started
// although the pod's sandbox is ready. It returns "" once a step's container runs.
func imageBeingPulled(pod *corev1.Pod) string {
	ready := podCondition(pod, corev1.PodReadyToStartContainers)
	if ready == nil || ready.Status != corev1.ConditionTrue {
		return ""
	}
	statuses := containerStatuses(pod)
	image := ""
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		waiting := statuses[c.Name].State.Waiting
		if waiting == nil {
			isStep := c.Name != runner.CloneContainer && c.RestartPolicy == nil
			if isStep {
				return ""
			}
			continue
		}
		switch waiting.Reason {
		case "ContainerCreating", "ErrImagePull", "ImagePullBackOff":
			if image == "" {
				image = c.Image
			}
		}
	}
	return image
}

// Unplaced returns how many of these launched jobs have no node yet but may get one, and an obstacle for each that the
// scheduler cannot place. Until the caches are filled, all jobs count as pending.
func (w *Watcher) Unplaced(jobs []ci.JobName) (pending int, blocked []ci.Obstacle) {
	pods, err := w.cachedPods(labels.Everything())
	if err != nil { // cannot happen: it is a cache
		return len(jobs), nil
	}
	unplaced := map[ci.JobName]*corev1.Pod{}
	placed := map[ci.JobName]bool{}
	for _, p := range pods {
		if p.Spec.NodeName != "" {
			placed[jobOfPod(p)] = true
		} else {
			unplaced[jobOfPod(p)] = p
		}
	}
	for _, name := range jobs {
		if placed[name] {
			continue
		}
		message := unschedulable(unplaced[name])
		if message == "" {
			pending++
			continue
		}
		lacks, why := nodeShortage(message)
		blocked = append(blocked, ci.Obstacle{
			Job:   name,
			Lacks: lacks,
			Why:   why,
		})
	}
	return pending, blocked
}
