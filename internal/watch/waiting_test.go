package watch

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/yaci-ci/yaci/internal/ci"
)

// conditions sets conditions of the pod, with the time of their last transition.
func (s *scene) conditions(at time.Time, pairs ...string) {
	s.pod().Status.Conditions = nil
	for i := 0; i < len(pairs); i += 2 {
		s.pod().Status.Conditions = append(s.pod().Status.Conditions, corev1.PodCondition{

			Type:               corev1.PodConditionType(pairs[i]),
			Status:             corev1.ConditionStatus(pairs[i+1]),
			Message:            "0/1 nodes are available: 1 Insufficient cpu.",
			LastTransitionTime: metav1.NewTime(at),
		})
	}
}

func TestWaitsFor(t *testing.T) {
	now := time.Unix(1e9, 0)
	long, short := now.Add(-time.Minute), now.Add(-2*time.Second)
	suspended := func(s *scene, since time.Time) {
		s.pods = nil
		s.job.Spec.Suspend = new(bool)
		s.stored.Started = since
		*s.job.Spec.Suspend = true
	}
	pulling := func(s *scene, since time.Time) {
		s.live(waiting("1-build", "ContainerCreating", ""), waiting("2-test", "ContainerCreating", ""))
		s.pod().Spec.Containers[0].Image, s.pod().Spec.Containers[1].Image = "golang", "node"
		s.conditions(since, "PodScheduled", "True", "PodReadyToStartContainers", "True")
	}
	for name, c := range map[string]struct {
		change      func(*scene)
		refusal     string
		reason, why string
		again       time.Duration
	}{
		"passed":     {change: func(*scene) {}},
		"no Job":     {change: func(s *scene) { s.job, s.pods = nil, nil }},
		"no pod yet": {change: func(s *scene) { s.pods = nil }},
		"Kueue": {
			func(s *scene) { suspended(s, long) },
			"",
			ci.WaitKueue,
			"Waiting: Kueue has not admitted the job yet.",
			0,
		},
		"Kueue, a moment ago": {func(s *scene) { suspended(s, short) }, "", "", "", 3 * time.Second},
		"quota": {
			func(s *scene) { s.pods = nil },
			`pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2`,
			"quota pods",
			"Waiting: the quota of the namespace is used up: pods.",
			0,
		},
		"another refusal": {func(s *scene) { s.pods = nil }, `admission webhook "w" denied the request`, "", "", 0},
		"no node": {func(s *scene) { s.unscheduled(); s.conditions(long, "PodScheduled", "False") }, "",
			ci.WaitNode, "Waiting: no node has enough free CPU.", 0},
		"no node for a moment": {
			func(s *scene) { s.unscheduled(); s.conditions(short, "PodScheduled", "False") },
			"",
			"",
			"",
			3 * time.Second,
		},
		"image": {
			func(s *scene) { pulling(s, long) },
			"",
			ci.WaitImage,
			"Waiting: image golang is being pulled.",
			0,
		},
		"image, a moment ago": {func(s *scene) { pulling(s, short) }, "", "", "", 3 * time.Second},
		"one step runs, the other's image comes": {func(s *scene) {
			pulling(s, long)
			s.pod().Status.ContainerStatuses[0] = running("1-build")
		}, "", "", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := passed()
			c.change(s)
			got, again := waitReasonOf(Observation{
				Stored:  s.stored,
				Job:     s.job,
				Pods:    s.pods,
				Refusal: c.refusal,
				Now:     now,
			})
			if got.key != c.reason || got.message != c.why || again != c.again {
				t.Errorf("%q, %q, again %v\nwant %q, %q, %v", got.key, got.message, again, c.reason, c.why, c.again)
			}
		})
	}
}

func list(cpu, memory string) corev1.ResourceList {
	return corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse(cpu),
		corev1.ResourceMemory: resource.MustParse(memory),
	}
}

func TestTooLarge(t *testing.T) {
	tooLarge := func(requested string) string {
		return "No node is large enough: the job requests " + requested + " of memory, " +
			"and the largest node has 2 CPU and 4Gi of memory. Lower the job's resources, or add a larger node."
	}
	always := corev1.ContainerRestartPolicyAlways
	asks := func(cpu, memory string) corev1.Container {
		return corev1.Container{Resources: corev1.ResourceRequirements{Requests: list(cpu, memory)}}
	}
	sidecar := asks("1", "1Gi")
	sidecar.RestartPolicy = &always
	small := &corev1.Node{Status: corev1.NodeStatus{Allocatable: list("2", "4Gi")}}
	wide := &corev1.Node{Status: corev1.NodeStatus{Allocatable: list("1", "64Gi")}}
	for name, c := range map[string]struct {
		spec  corev1.PodSpec
		nodes []*corev1.Node
		want  string
	}{
		"fits": {
			corev1.PodSpec{Containers: []corev1.Container{asks("1", "2Gi"), asks("1", "2Gi")}},
			[]*corev1.Node{wide, small},
			"",
		},
		"nothing is known": {corev1.PodSpec{Containers: []corev1.Container{asks("64", "2Gi")}}, nil, ""},
		"fits another node": {
			corev1.PodSpec{Containers: []corev1.Container{asks("1", "60Gi")}},
			[]*corev1.Node{wide, small},
			"",
		},
		"one of two suffices": {
			corev1.PodSpec{
				Containers:     []corev1.Container{asks("500m", "1Gi")},
				InitContainers: []corev1.Container{asks("2", "1Gi")},
			},
			[]*corev1.Node{small},
			"",
		},
		"together too much": {
			corev1.PodSpec{Containers: []corev1.Container{asks("1500m", "512Mi"), asks("1", "1Gi")}},
			[]*corev1.Node{wide, small},
			tooLarge("2.5 CPU and 1.5Gi"),
		},
		"a service beside it": {
			corev1.PodSpec{Containers: []corev1.Container{asks("1500m", "512Mi")}, InitContainers: []corev1.Container{sidecar}},
			[]*corev1.Node{small},
			tooLarge("2.5 CPU and 1.5Gi"),
		},
		"each fits some node, both none": {
			corev1.PodSpec{Containers: []corev1.Container{asks("2", "8Gi")}},
			[]*corev1.Node{wide, small},
			tooLarge("2 CPU and 8Gi"),
		},
	} {
		if got := tooLargeForNodes(&corev1.Pod{Spec: c.spec}, c.nodes); got != c.want {
			t.Errorf("%s: %q\nwant %q", name, got, c.want)
		}
	}
}

// TestObserveTooLarge: a pod that is too large for every node ends its job at once, and is deleted.
func TestObserveTooLarge(t *testing.T) {
	s := passed()
	s.unscheduled()
	s.pod().Spec.Containers[0].Resources.Requests = list("64", "1Gi")
	v := Observation{
		Stored:         s.stored,
		Job:            s.job,
		Pods:           s.pods,
		PendingTimeout: time.Hour,
		Nodes:          []*corev1.Node{{Status: corev1.NodeStatus{Allocatable: list("2", "4Gi")}}},
	}
	got := Observe(v)
	if got.Job.State != ci.Error || !got.Stop || got.ConfirmAfter != 0 {
		t.Errorf("state %s, stop %v, wait %v", got.Job.State, got.Stop, got.ConfirmAfter)
	}
	v.Nodes = nil
	if got := Observe(v); got.ConfirmAfter != time.Hour {
		t.Errorf("nodes unknown: wait %v", got.ConfirmAfter)
	}
}

// TestReconcileTellsWhatAJobWaitsFor: the reason why a launched job waits is stored once, and so is that it waits no
// more.
func TestReconcileTellsWhatAJobWaitsFor(t *testing.T) {
	s := passed()
	s.unscheduled()
	s.conditions(time.Now().Add(-time.Minute), "PodScheduled", "False")
	w, c := watched(t, s)
	w.cfg.PendingTimeout = time.Hour
	check := func(waits, message, status string) {
		t.Helper()
		for range 2 {
			if err := w.reconcile(t.Context(), "yaci-r1-1"); err != nil {
				t.Fatal(err)
			}
		}
		job, err := c.db.Job(t.Context(), "yaci-r1-1")
		due, err2 := c.db.DueStatuses(t.Context(), 1)
		if err != nil || err2 != nil || len(due) != 1 {
			t.Fatal(err, err2, due)
		}
		if job.WaitKey != waits || job.Message != message || due[0].Description != status {
			t.Errorf(
				"waits %q, message %q, status %q\nwant %q, %q, %q",
				job.WaitKey,
				job.Message,
				due[0].Description,
				waits,
				message,
				status,
			)
		}
	}
	const words = "Waiting: no node has enough free CPU."
	check(ci.WaitNode, words, words)
	pod := s.pod().DeepCopy()
	pod.Status.Conditions[0].Status = corev1.ConditionTrue
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{running("clone"), running("1-build"), running("2-test")}
	if err := w.caches[1].factory.Core().V1().Pods().Informer().GetStore().Update(pod); err != nil {
		t.Fatal(err)
	}
	check("", "", "Running.")
}
