package watch

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Unplaced tells how many of these jobs, which were launched, are on their way to
// a node, and for which of them the scheduler finds none. Until the cluster has
// been listed, all of them are on their way.
func (w *Watcher) Unplaced(jobs []ci.JobName) (underway int, blocked []ci.Obstacle) {
	pods, err := w.seenPods(labels.Everything())
	if err != nil { // never: it is a cache
		return len(jobs), nil
	}
	waiting := map[ci.JobName]*corev1.Pod{}
	placed := map[ci.JobName]bool{}
	for _, p := range pods {
		name := ci.JobName(p.Labels["batch.kubernetes.io/job-name"])
		if p.Spec.NodeName != "" {
			placed[name] = true
		} else {
			waiting[name] = p
		}
	}
	for _, name := range jobs {
		if placed[name] {
			continue
		}
		why := unscheduled(waiting[name])
		if why == "" {
			underway++
			continue
		}
		lacks, words := nodeShortage(why)
		blocked = append(blocked, ci.Obstacle{Job: name, Lacks: lacks, Why: words})
	}
	return underway, blocked
}
