package watch

import (
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/yaci-ci/yaci/internal/ci"
)

// api answers direct reads of the API server, which then differs from the caches that watched filled.
type api struct {
	scene *scene // what the cluster really has
	err   error  // returned by every direct read instead
}

func (a *api) answer(w *Watcher) {
	client := w.cfg.Client.(*fake.Clientset)
	client.PrependReactor("get", "jobs", func(action clienttesting.Action) (bool, runtime.Object, error) {
		name := action.(clienttesting.GetAction).GetName()
		switch {
		case a.err != nil:
			return true, nil, a.err
		case a.scene.job != nil && a.scene.job.Namespace == action.GetNamespace() && a.scene.job.Name == name:
			return true, a.scene.job, nil
		}
		return true, nil, apierrors.NewNotFound(action.GetResource().GroupResource(), name)
	})
	client.PrependReactor("list", "pods", func(action clienttesting.Action) (bool, runtime.Object, error) {
		if a.err != nil {
			return true, nil, a.err
		}
		list := &corev1.PodList{}
		for _, p := range a.scene.pods {
			if p.Namespace == action.GetNamespace() {
				list.Items = append(list.Items, *p)
			}
		}
		return true, list, nil
	})
}

// staleCaches returns changes of caches that would end the job if they were true.
func staleCaches() map[string]func(cache *scene) {
	return map[string]func(cache *scene){
		"no Job and no pod":            func(s *scene) { s.job, s.pods = nil, nil },
		"no Job":                       func(s *scene) { s.job = nil },
		"the Job of an earlier launch": func(s *scene) { s.job.UID = "uid-0"; s.pods = nil },
		"a deleted Job without a pod":  func(s *scene) { s.job.DeletionTimestamp = now(); s.pods = nil },
		"a deleted Job with a pod that goes on": func(s *scene) {
			s.live(running("1-build"), running("2-test"))
			s.job.DeletionTimestamp = now()
		},
		"a finished Job without a pod": func(s *scene) { s.condition("Failed", "BackoffLimitExceeded", "x"); s.pods = nil },
	}
}

func now() *metav1.Time { t := metav1.Now(); return &t }

// TestH1StaleCacheIsCheckedAgainstTheCluster: if the cache lacks something, the API server is asked, and its answer
// counts.
func TestH1StaleCacheIsCheckedAgainstTheCluster(t *testing.T) {
	for name, stale := range staleCaches() {
		t.Run(name, func(t *testing.T) {
			s := passed()
			stale(s)
			w, c := watched(t, s)
			w.cfg.Jobs = long{c.db}
			(&api{scene: passed()}).answer(w)
			if err := w.reconcile(t.Context(), "yaci-r1-1"); err != nil {
				t.Fatal(err)
			}
			c.check(t, ci.Success, "drop while running", "release while success")
		})
	}
}

// TestH1NoAnswerMeansNoConclusion: if the API server does not answer, the job stays as it is and is reconciled again.
func TestH1NoAnswerMeansNoConclusion(t *testing.T) {
	jobs := schema.GroupResource{Group: "batch", Resource: "jobs"}
	refusals := []error{
		apierrors.NewForbidden(jobs, "yaci-r1-1", errors.New("no right")), apierrors.NewUnauthorized("expired"),
		apierrors.NewTooManyRequests("slow down", 1), apierrors.NewInternalError(errors.New("etcd")),
		apierrors.NewServiceUnavailable(
			"starting",
		), apierrors.NewTimeoutError("etcd", 1), errors.New("connection reset by peer"),
	}
	for name, stale := range staleCaches() {
		t.Run(name, func(t *testing.T) {
			s := passed()
			stale(s)
			w, c := watched(t, s)
			w.cfg.Jobs = long{c.db}
			cluster := &api{}
			cluster.answer(w)
			for _, cluster.err = range refusals {
				if got := w.reconcile(t.Context(), "yaci-r1-1"); !errors.Is(got, cluster.err) {
					t.Errorf("reconcile: %v, want %v", got, cluster.err)
				}
			}
			c.check(t, ci.Running)
		})
	}
}

// TestH1OldJobInTheCacheDoesNotEndTheNew: if the cache still has the Job of an earlier launch when the new one has
// ended, the new one is not removed by its name.
func TestH1OldJobInTheCacheDoesNotEndTheNew(t *testing.T) {
	s := passed()
	seen := Observe(Observation{Stored: s.stored, Job: s.job, Pods: s.pods})
	s.job.UID = "uid-0"
	w, c := watched(t, s)
	if _, err := c.db.Observe(t.Context(), seen.Job); err != nil {
		t.Fatal(err)
	}
	w.cfg.Logs = &logs{open: []string{"2-test"}}
	live := &api{scene: passed(), err: errors.New("cut")}
	live.answer(w)
	if w.reconcile(t.Context(), "yaci-r1-1") == nil {
		t.Error("no answer is taken for one")
	}
	live.err = nil
	if err := w.reconcile(t.Context(), "yaci-r1-1"); err != nil {
		t.Fatal(err)
	}
	c.check(t, ci.Success)
}

// TestH1LogsOfPodsThatTheCacheLacks: a Job whose pods the cache lacks keeps its finalizer until the logs of the pods in
// the cluster are stored.
func TestH1LogsOfPodsThatTheCacheLacks(t *testing.T) {
	cluster := passed()
	for i := range cluster.pod().Status.ContainerStatuses {
		cluster.pod().Status.ContainerStatuses[i].State.Terminated.ContainerID = "x"
	}
	s := passed()
	seen := Observe(Observation{Stored: s.stored, Job: s.job, Pods: s.pods})
	s.pods = nil
	w, c := watched(t, s)
	w.cfg.Logs = &logs{open: []string{"2-test"}}
	live := &api{scene: cluster}
	live.answer(w)
	if _, err := c.db.Observe(t.Context(), seen.Job); err != nil {
		t.Fatal(err)
	}
	if err := w.reconcile(t.Context(), "yaci-r1-1"); err != nil {
		t.Fatal(err)
	}
	c.check(t, ci.Success)
	if live.err = errors.New("cut"); w.reconcile(t.Context(), "yaci-r1-1") == nil {
		t.Error("the pods cannot be listed, and the Job is let go")
	}
	c.check(t, ci.Success)
}

// TestH1RefusalIsOldWhenThereIsAPod: an event says that the Job controller could not create a pod at first, and the
// cache does not have the pod that it created afterwards.
func TestH1RefusalIsOldWhenThereIsAPod(t *testing.T) {
	s := passed()
	s.pods = nil
	w, c := watched(t, s)
	w.cfg.Jobs = long{c.db}
	(&api{scene: passed()}).answer(w)
	client := w.cfg.Client.(*fake.Clientset)
	client.PrependReactor("list", "events", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, &corev1.EventList{Items: []corev1.Event{{Reason: "FailedCreate", Message: "Error creating: no"}}}, nil
	})
	if err := w.reconcile(t.Context(), "yaci-r1-1"); err != nil {
		t.Fatal(err)
	}
	c.check(t, ci.Success, "drop while running", "release while success")
}
