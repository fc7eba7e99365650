package watch

import (
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/yaci-ci/yaci/internal/ci"
)

// runningSince is a container that runs since so many seconds after the epoch.
func runningSince(name string, second int64) corev1.ContainerStatus {
	c := running(name)
	c.State.Running.StartedAt = metav1.NewTime(time.Unix(second, 0))
	return c
}

// inject adds a plain container to the pod, as admission may.
func (s *scene) inject(c corev1.ContainerStatus) {
	s.pod().Spec.Containers = append(s.pod().Spec.Containers, corev1.Container{Name: c.Name})
	s.pod().Status.ContainerStatuses = append(s.pod().Status.ContainerStatuses, c)
}

// TestG7StepStates: which step runs is seen from the containers, even if it prints nothing.
func TestG7StepStates(t *testing.T) {
	const done = `{"exit":0,"started":2000,"finished":4000}`
	const failed = `{"exit":2,"started":2000,"finished":4000,"failed":true}`
	parallel := []byte(`{"plan.json":"[{\"needs\":[]},{\"needs\":[]}]"}`)
	always := []byte(`{"plan.json":"[{\"needs\":[]},{\"needs\":[0],\"when\":\"always\"}]"}`)
	onFailure := []byte(`{"plan.json":"[{\"needs\":[]},{\"needs\":[0],\"when\":\"failure\"}]"}`)
	for name, c := range map[string]struct {
		files       []byte
		build, test corev1.ContainerStatus
		want        string // states of build and test
		started     int64  // of the last one that runs, in milliseconds
	}{
		"the first":           {nil, runningSince("1-build", 2), runningSince("2-test", 2), "running queued", 2000},
		"the second":          {nil, ended("1-build", 0, done), runningSince("2-test", 2), "success running", 4000},
		"not after a failure": {nil, ended("1-build", 2, failed), runningSince("2-test", 2), "failure queued", 0},
		"at once":             {parallel, runningSince("1-build", 2), runningSince("2-test", 3), "running running", 3000},
		"always":              {always, ended("1-build", 2, failed), runningSince("2-test", 2), "failure running", 4000},
		"after a failure": {
			onFailure,
			ended("1-build", 2, failed),
			runningSince("2-test", 2),
			"failure running",
			4000,
		},
		"not when nothing fails": {onFailure, ended("1-build", 0, done), runningSince("2-test", 2), "success queued", 0},
		"being created": {
			nil,
			waiting("1-build", "ContainerCreating", ""),
			waiting("2-test", "ContainerCreating", ""),
			"queued queued",
			0,
		},
		"a plan of other length": {
			[]byte(`{"plan.json":"[]"}`),
			runningSince("1-build", 2),
			runningSince("2-test", 2),
			"running queued",
			2000,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := passed()
			s.live(c.build, c.test)
			got := Observe(Observation{
				Stored: s.stored,
				Files:  c.files,
				Job:    s.job,
				Pods:   s.pods,
			})
			var states []string
			started := int64(0)
			for _, st := range got.Job.Steps {
				if states = append(states, string(st.State)); st.State == ci.Running {
					started = st.Started.UnixMilli()
				}
			}
			if strings.Join(states, " ") != c.want || started != c.started || got.Job.State != ci.Running {
				t.Errorf("%s since %d, job %s; want %s since %d", states, started, got.Job.State, c.want, c.started)
			}
		})
	}
}

// TestG7Services: a service has a state of its own.
func TestG7Services(t *testing.T) {
	again := runningSince("s1-db", 3)
	again.LastTerminationState = ended("", 1, "").State
	crashing := waiting("s1-db", "CrashLoopBackOff", "")
	crashing.LastTerminationState = ended("", 1, "").State
	for name, c := range map[string]struct {
		db   corev1.ContainerStatus
		over bool // the steps have passed
		want ci.State
	}{
		"waiting":                  {waiting("s1-db", "PodInitializing", ""), false, ci.Queued},
		"running":                  {runningSince("s1-db", 1), false, ci.Running},
		"ended too early":          {again, false, ci.Failure},
		"started again":            {again, false, ci.Running},
		"crashing":                 {crashing, false, ci.Failure},
		"ended by itself":          {ended("s1-db", 0, ""), false, ci.Success},
		"ended with the job":       {ended("s1-db", 143, ""), true, ci.Success},
		"its image is not there":   {waiting("s1-db", "ErrImageNeverPull", "not present"), false, ci.Error},
		"runs when the job passes": {runningSince("s1-db", 1), true, ci.Success},
	} {
		t.Run(name, func(t *testing.T) {
			s := passed()
			if !c.over {
				s.live(runningSince("1-build", 2), runningSince("2-test", 2))
				if name == "crashing" || name == "ended by itself" || name == "started again" {
					s.live(ended("1-build", 0, `{"exit":0,"started":2000,"finished":4000}`), runningSince("2-test", 2))
				}
			}
			s.sidecar("s1-db")
			s.service(c.db)
			got := Observe(Observation{Stored: s.stored, Job: s.job, Pods: s.pods})
			if got.Job.Services[0].State != c.want {
				t.Errorf("%+v of a job in %s, want %s", got.Job.Services[0], got.Job.State, c.want)
			}
			if s.stored.Services[0].State != "" {
				t.Error("Observe changed what it was given")
			}
		})
	}
}

// TestG7ImageOfAStep: the step whose image cannot be pulled is the one in error.
func TestG7ImageOfAStep(t *testing.T) {
	s := passed()
	s.live(runningSince("1-build", 2), waiting("2-test", "ErrImageNeverPull", "not present"))
	got := Observe(Observation{Stored: s.stored, Job: s.job, Pods: s.pods})
	if got.Job.Steps[0].State != ci.Cancelled || got.Job.Steps[1].State != ci.Error ||
		!strings.Contains(got.Job.Steps[1].Reason, "not present") {
		t.Errorf("%+v", got.Job.Steps)
	}
}

// TestC8InjectedContainers: containers that admission has added neither delay nor change an outcome, and do not keep
// the pod once it is known.
func TestC8InjectedContainers(t *testing.T) {
	never, gone := running("istio-proxy"), ended("istio-proxy", 1, "")
	for name, c := range map[string]struct {
		change  func(*scene)
		state   ci.State
		message string
		linger  bool
	}{
		"never ends": {func(s *scene) {
			s.pod().Status.Phase = corev1.PodRunning
			s.inject(never)
		}, ci.Success, "Passed in 1m13s", true},
		"never ends, beside a service": {func(s *scene) {
			s.pod().Status.Phase = corev1.PodRunning
			s.inject(never)
			s.sidecar("s1-db")
			s.service(running("s1-db"))
		}, ci.Success, "Passed in 1m13s", true},
		"never ends, and a step failed": {func(s *scene) {
			s.live(ended("1-build", 2, `{"exit":2,"started":2000,"finished":4000}`), ended("2-test", 0, skipped))
			s.inject(never)
		}, ci.Failure, "build failed in 2.0s (exit 2)", true},
		"never ends, and a step runs": {func(s *scene) {
			s.live(ended("1-build", 0, `{"exit":0,"started":2000,"finished":4000}`), running("2-test"))
			s.inject(never)
		}, ci.Running, "", false},
		"ended first, badly": {func(s *scene) {
			s.live(running("1-build"), running("2-test"))
			s.inject(gone)
		}, ci.Running, "", false},
		"ended badly": {func(s *scene) {
			s.pod().Status.Phase = corev1.PodRunning
			s.inject(gone)
		}, ci.Success, "Passed in 1m13s", false},
		"ended badly, so that the pod failed": {func(s *scene) {
			s.pod().Status.Phase = corev1.PodFailed
			s.inject(gone)
			s.condition(batchv1.JobFailed, "BackoffLimitExceeded", "x")
		}, ci.Success, "Passed in 1m13s", false},
		"kept the pod until its time was over": {func(s *scene) {
			s.pod().Status.Phase = corev1.PodRunning
			s.inject(never)
			s.condition(batchv1.JobFailureTarget, "DeadlineExceeded", "x")
		}, ci.Success, "Passed in 1m13s", true},
		"kept the pod until it was ended": {func(s *scene) {
			s.pod().Status.Phase = corev1.PodFailed
			s.inject(ended("istio-proxy", 137, ""))
			s.deleting()
			s.condition(batchv1.JobFailed, "DeadlineExceeded", "x")
		}, ci.Success, "Passed in 1m13s", false},
		"its image cannot be pulled": {func(s *scene) {
			s.live(running("1-build"), running("2-test"))
			s.inject(waiting("istio-proxy", "ErrImageNeverPull", "not present"))
		}, ci.Running, "", false},
		"its image cannot be pulled, and the steps passed": {func(s *scene) {
			s.pod().Status.Phase = corev1.PodPending
			s.inject(waiting("istio-proxy", "ImagePullBackOff", "x"))
		}, ci.Success, "Passed in 1m13s", true},
		"out of time in a step": {func(s *scene) {
			s.over(
				ended("1-build", 0, `{"exit":0,"started":2000,"finished":4000}`),
				ended("2-test", 143, `{"exit":143,"started":4000,"finished":5000,"stopped":true}`),
			)
			s.inject(ended("istio-proxy", 0, ""))
			s.condition(batchv1.JobFailed, "DeadlineExceeded", "x")
			s.job.Spec.ActiveDeadlineSeconds = new(int64)
		}, ci.Failure, "Timed out after 0.0s in test. Raise the timeout of the job.", false},
		"a native sidecar": {func(s *scene) {
			s.pod().Status.Phase = corev1.PodRunning
			s.sidecar("istio-proxy")
			s.pod().Status.InitContainerStatuses = append(s.pod().Status.InitContainerStatuses, never)
		}, ci.Success, "Passed in 1m13s", false},
		"a step has no proof": {func(s *scene) {
			s.live(ended("1-build", 0, `{"exit":0,"started":2000,"finished":4000}`), ended("2-test", 0, ""))
			s.inject(never)
		}, ci.Error, "test exited with code 0 and reported no result: its container was stopped from outside. Retry " +
			"the run.", true},
	} {
		t.Run(name, func(t *testing.T) {
			s := passed()
			c.change(s)
			s.keep(t)
			got := Observe(Observation{
				Stored:         s.stored,
				Job:            s.job,
				Pods:           s.pods,
				PendingTimeout: time.Minute,
			})
			if got.Job.State != c.state || got.Job.Message != c.message || got.PodLingers != c.linger || got.Interruption != "" {
				t.Errorf(
					"%s %q linger=%v lost=%q\nwant %s %q linger=%v",
					got.Job.State,
					got.Job.Message,
					got.PodLingers,
					got.Interruption,
					c.state,
					c.message,
					c.linger,
				)
			}
		})
	}
}

// TestC8LingeringPodIsEnded: a pod that only an added container keeps running is deleted when its logs are stored, and
// not before.
func TestC8LingeringPodIsEnded(t *testing.T) {
	s := passed()
	s.pod().Status.Phase = corev1.PodRunning
	s.inject(running("istio-proxy"))
	w, c := watched(t, s)
	kept := &logs{open: []string{"2-test"}}
	w.cfg.Logs = kept
	if err := w.reconcile(t.Context(), "yaci-r1-1"); err != nil {
		t.Fatal(err)
	}
	c.check(t, ci.Success, "drop while running")
	kept.open = nil
	if err := w.reconcile(t.Context(), "yaci-r1-1"); err != nil {
		t.Fatal(err)
	}
	c.check(t, ci.Success, "drop while running", "stop while success", "release while success")
}
