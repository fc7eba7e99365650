package watch

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Unplaced tells how many of these jobs, which were launched, have no pod on a
// node yet, and the scheduler's words when it finds none for one of them. Until
// the cluster has been listed, that is all of them.
func (w *Watcher) Unplaced(jobs []ci.JobName) (n int, words string) {
	pods, err := w.seenPods(labels.Everything())
	if err != nil { // never: it is a cache
		return len(jobs), ""
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
		n++
		if why := unscheduled(waiting[name]); why != "" {
			words = why
		}
	}
	return n, words
}
