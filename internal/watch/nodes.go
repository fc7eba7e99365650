package watch

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// nodes are those of the cluster, as they were a moment ago.
type nodes struct {
	all   []*corev1.Node
	until time.Time // when they are read again
}

// nodesFresh is how long a list of nodes is good, also one that could not be had.
const nodesFresh = 30 * time.Second

// nodesFor lists the nodes when one of the pods finds none. A Role alone does not
// allow that; then nothing is known of them, and the pod waits.
func (w *Watcher) nodesFor(ctx context.Context, pods []*corev1.Pod) []*corev1.Node {
	if w.Elastic || len(pods) == 0 || unscheduled(pods[0]) == "" {
		return nil
	}
	if time.Now().Before(w.nodes.until) {
		return w.nodes.all
	}
	w.nodes = nodes{until: time.Now().Add(nodesFresh)}
	list, err := w.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		w.Log.Info("nodes cannot be listed, so that a job too large for all of them waits", "err", err)
		return nil
	}
	for i := range list.Items {
		w.nodes.all = append(w.nodes.all, &list.Items[i])
	}
	return w.nodes.all
}
