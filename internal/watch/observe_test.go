package watch

import (
	"fmt"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/yaci-ci/yaci/internal/ci"
)

// scene is a job of two steps, build and test, whose pod has passed. Each test case changes something.
type scene struct {
	stored ci.Job
	job    *batchv1.Job
	pods   []*corev1.Pod
}

func passed() *scene {
	name := "yaci-r1-1"
	owner := metav1.OwnerReference{
		Kind:       "Job",
		Name:       name,
		UID:        "uid-1",
		Controller: new(bool),
	}
	*owner.Controller = true
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{

			Name:            name + "-x",
			Namespace:       "builds",
			OwnerReferences: []metav1.OwnerReference{owner},
			Labels:          map[string]string{"batch.kubernetes.io/job-name": name, "app.kubernetes.io/managed-by": "yaci"},
		},
		Spec: corev1.PodSpec{
			RestartPolicy:  corev1.RestartPolicyNever,
			InitContainers: []corev1.Container{{Name: "clone"}},
			Containers: []corev1.Container{{Name: "1-build", Resources: corev1.ResourceRequirements{
				Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("512Mi")}}}, {Name: "2-test"}},
		},
		Status: corev1.PodStatus{
			Phase: corev1.PodSucceeded,
			InitContainerStatuses: []corev1.ContainerStatus{
				ended("clone", 0, `{"exit":0,"started":1000,"finished":1500,"bytes":0,"lines":0}`),
			},
			ContainerStatuses: []corev1.ContainerStatus{
				ended("1-build", 0, `{"exit":0,"started":2000,"finished":4000,"bytes":12,"lines":1}`),
				ended("2-test", 0, `{"exit":0,"started":4000,"finished":75000,"bytes":0,"lines":0}`),
			},
		},
	}
	return &scene{
		stored: ci.Job{

			Name:    ci.JobName(name),
			Run:     "r1",
			Attempt: 1,
			State:   ci.Running,
			UID:     "uid-1",
			Started: time.UnixMilli(500),
			Steps: []ci.Step{
				{Name: "build", Container: "1-build", State: ci.Queued},
				{Name: "test", Container: "2-test", State: ci.Queued},
			},
		},
		job: &batchv1.Job{ObjectMeta: metav1.ObjectMeta{

			Name:      name,
			Namespace: "builds",
			UID:       "uid-1",
			Labels:    map[string]string{"app.kubernetes.io/managed-by": "yaci"},
		}},
		pods: []*corev1.Pod{pod},
	}
}

func ended(name string, exit int32, message string) corev1.ContainerStatus {
	reason := "Completed"
	if exit != 0 {
		reason = "Error"
	}
	return corev1.ContainerStatus{Name: name, Image: "alpine", State: corev1.ContainerState{
		Terminated: &corev1.ContainerStateTerminated{ExitCode: exit, Reason: reason, Message: message},
	}}
}

func running(name string) corev1.ContainerStatus {
	return corev1.ContainerStatus{
		Name:  name,
		Image: "alpine",
		State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
	}
}

func waiting(name, reason, message string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: name, Image: "alpine", State: corev1.ContainerState{
		Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message},
	}}
}

const (
	skipped   = `{"exit":0,"finished":4100,"skipped":true,"failed":true,"reason":"skipped: a step before it did not pass"}`
	notNeeded = `{"exit":0,"finished":4100,"skipped":true,"reason":"skipped: no step before it failed"}`
)

func (s *scene) pod() *corev1.Pod { return s.pods[0] }

// live makes the pod run with these two steps.
func (s *scene) live(build, test corev1.ContainerStatus) {
	s.pod().Status.Phase = corev1.PodRunning
	s.pod().Status.ContainerStatuses = []corev1.ContainerStatus{build, test}
}

// over makes the pod fail with these two steps.
func (s *scene) over(build, test corev1.ContainerStatus) {
	s.live(build, test)
	s.pod().Status.Phase = corev1.PodFailed
}

func (s *scene) clone(c corev1.ContainerStatus) {
	s.pod().Status.InitContainerStatuses = []corev1.ContainerStatus{c}
}

func (s *scene) service(c corev1.ContainerStatus) {
	s.stored.Services = []ci.Service{{Name: "db", Container: c.Name}}
	s.pod().Status.InitContainerStatuses = append(s.pod().Status.InitContainerStatuses, c)
}

// sidecar makes a container a service in the pod's spec.
func (s *scene) sidecar(name string) {
	always := corev1.ContainerRestartPolicyAlways
	s.pod().Spec.InitContainers = append(s.pod().Spec.InitContainers, corev1.Container{Name: name, RestartPolicy: &always})
}

func (s *scene) condition(kind batchv1.JobConditionType, reason, message string) {
	s.job.Status.Conditions = append(s.job.Status.Conditions, batchv1.JobCondition{
		Type:    kind,
		Status:  corev1.ConditionTrue,
		Reason:  reason,
		Message: message,
	})
}

func (s *scene) deleting() { s.pod().DeletionTimestamp = &metav1.Time{Time: time.UnixMilli(5000)} }

// unreadable returns the message about the step test if its record is invalid.
func unreadable(exit int) string {
	return fmt.Sprintf("test exited with code %d and an unreadable result, "+
		"which a process of the step may have overwritten. Retry the run.", exit)
}

func TestObserve(t *testing.T) {
	const stopped = `{"exit":143,"started":4000,"finished":5000,"stopped":true,"reason":"stopped from outside"}`
	const pass = `{"exit":0,"started":2000,"finished":4000}`
	long := strings.Repeat("n", 100)
	for name, c := range map[string]struct {
		change  func(*scene)
		state   ci.State
		message string
		stop    bool
	}{
		// success needs all of the proof
		"passed": {func(*scene) {}, ci.Success, "Passed in 1m13s", false},
		"passed, and the Job says so": {func(s *scene) {
			s.condition(batchv1.JobComplete, "", "")
		}, ci.Success, "Passed in 1m13s", false},
		"passed just before the time limit": {func(s *scene) {
			s.condition(batchv1.JobFailureTarget, "DeadlineExceeded", "x")
		}, ci.Success, "Passed in 1m13s", false},
		"phase not written yet": {
			func(s *scene) { s.pod().Status.Phase = corev1.PodRunning },
			ci.Success,
			"Passed in 1m13s",
			false,
		},
		"phase not written yet, and the service's end neither": {func(s *scene) {
			s.pod().Status.Phase = corev1.PodRunning
			s.service(running("db"))
			s.sidecar("db")
		}, ci.Running, "", false},
		"phase not written yet, and the service ended badly": {func(s *scene) {
			s.pod().Status.Phase = corev1.PodRunning
			s.service(ended("db", 1, ""))
			s.sidecar("db")
		}, ci.Success, "Passed in 1m13s", false},
		"phase unknown": {func(s *scene) { s.pod().Status.Phase = corev1.PodUnknown }, ci.Running, "", false},
		"phase failed": {func(s *scene) {
			s.pod().Status.Phase = corev1.PodFailed
		}, ci.Error, "All steps passed, but Kubernetes reports the pod as failed. Retry the run.", false},
		"a container is missing": {func(s *scene) {
			s.pod().Status.ContainerStatuses = s.pod().Status.ContainerStatuses[:1]
		}, ci.Error, "test did not report a result. Retry the run.", false},
		"no record": {func(s *scene) {
			s.pod().Status.ContainerStatuses[1] = ended("2-test", 0, "")
		}, ci.Error, "test exited with code 0 and reported no result: its container was stopped from outside. Retry " +
			"the run.", false},
		"record cut short": {func(s *scene) {
			s.pod().Status.ContainerStatuses[1] = ended("2-test", 0, `{"exit":0,"started":4000,"fini`)
		}, ci.Error, "test exited with code 0 and an unreadable result, which a process of the step may have " +
			"overwritten. Retry the run.", false},
		"record of an unfinished step": {func(s *scene) {
			s.pod().Status.ContainerStatuses[1] = ended("2-test", 0, `{"exit":0,"started":4000}`)
		}, ci.Error, unreadable(0), false},
		"record says 0, kubelet says 1": {func(s *scene) {
			s.pod().Status.ContainerStatuses[1] = ended("2-test", 1, pass)
		}, ci.Error, "test exited with code 1 and an unreadable result, which a process of the step may have " +
			"overwritten. Retry the run.", false},
		"record says 1, kubelet says 0": {func(s *scene) {
			s.pod().Status.ContainerStatuses[1] = ended("2-test", 0, `{"exit":1,"started":4000,"finished":5000}`)
		}, ci.Error, unreadable(0), false},
		"nothing was run": {func(s *scene) {
			s.pod().Status.ContainerStatuses[1] = ended("2-test", 0, `{"exit":0,"finished":5000}`)
		}, ci.Error, unreadable(0), false},
		"a script that traps TERM and ends with 0": {func(s *scene) {
			s.pod().Status.ContainerStatuses[1] = ended(
				"2-test",
				0,
				`{"exit":0,"started":4000,"finished":5000,"stopped":true,"reason":"stopped from outside"}`,
			)
		}, ci.Error, "test: stopped from outside", false},
		"skipped for a failure that nobody has": {func(s *scene) {
			s.pod().Status.ContainerStatuses[1] = ended("2-test", 0, skipped)
		}, ci.Error, "test was skipped because of a failure, but no step reported one. Retry the run.", false},
		"skipped because nothing failed": {func(s *scene) {
			s.pod().Status.ContainerStatuses[1] = ended("2-test", 0, notNeeded)
		}, ci.Success, "Passed in 2.1s", false},
		"all skipped": {func(s *scene) {
			s.pod().Status.ContainerStatuses = []corev1.ContainerStatus{
				ended("1-build", 0, notNeeded),
				ended("2-test", 0, notNeeded),
			}
		}, ci.Error, "No step ran. Check the when conditions of the steps.", false},
		"a failure that is allowed": {func(s *scene) {
			s.pod().Status.ContainerStatuses[0] = ended("1-build", 0, `{"exit":3,"started":2000,"finished":4000,"allowed":true}`)
		}, ci.Success, "Passed in 1m13s; build failed, which is allowed", false},
		"no steps": {
			func(s *scene) { s.stored.Steps = nil },
			ci.Error,
			"No step ran. Check the when conditions of the steps.",
			false,
		},

		"C8 an init container that was added failed": {func(s *scene) {
			s.over(waiting("1-build", "PodInitializing", ""), waiting("2-test", "PodInitializing", ""))
			s.pod().Spec.InitContainers = append(s.pod().Spec.InitContainers, corev1.Container{Name: "proxy-init"})
			s.pod().Status.InitContainerStatuses = append(s.pod().Status.InitContainerStatuses, ended("proxy-init", 1, ""))
		}, ci.Error, "The init container proxy-init, which the cluster added to the pod, exited with code 1 (Error). " +
			"Ask the operator of the cluster.", false},
		"C8 a sidecar that was added failed": {func(s *scene) {
			s.over(ended("1-build", 0, pass), waiting("2-test", "", ""))
			s.sidecar("proxy")
			s.pod().Status.InitContainerStatuses = append(s.pod().Status.InitContainerStatuses, ended("proxy", 1, ""))
		}, ci.Error, "test did not report a result. Retry the run.", false},

		// the person's code
		"failed": {func(s *scene) {
			s.over(ended("1-build", 2, `{"exit":2,"started":2000,"finished":4000}`), ended("2-test", 0, skipped))
		}, ci.Failure, "build failed in 2.0s (exit 2)", false},
		"failed, phase not written yet": {func(s *scene) {
			s.live(ended("1-build", 2, `{"exit":2,"started":2000,"finished":4000}`), ended("2-test", 0, skipped))
		}, ci.Failure, "build failed in 2.0s (exit 2)", false},
		"failed, the next not skipped yet": {func(s *scene) {
			s.live(ended("1-build", 2, `{"exit":2,"started":2000,"finished":4000}`), running("2-test"))
		}, ci.Running, "", false},
		"failed, then the Job": {func(s *scene) {
			s.over(ended("1-build", 2, `{"exit":2,"started":2000,"finished":4000}`), ended("2-test", 0, skipped))
			s.condition(batchv1.JobFailed, "BackoffLimitExceeded", "x")
		}, ci.Failure, "build failed in 2.0s (exit 2)", false},
		"the Job is failed, the pod's news not here yet": {func(s *scene) {
			s.live(running("1-build"), running("2-test"))
			s.condition(batchv1.JobFailed, "BackoffLimitExceeded", "x")
		}, ci.Running, "", false},
		"failed with a long name": {func(s *scene) {
			s.stored.Steps[0].Name = long
			s.over(ended("1-build", 2, `{"exit":2,"started":2000,"finished":4000}`), ended("2-test", 0, skipped))
		}, ci.Failure, long[:59] + "… failed in 2.0s (exit 2)", false},

		// a step's container
		"still running": {func(s *scene) { s.live(running("1-build"), running("2-test")) }, ci.Running, "", false},
		"out of memory": {func(s *scene) {
			s.live(ended("1-build", 137, ""), running("2-test"))
			s.pod().Status.ContainerStatuses[0].State.Terminated.Reason = "OOMKilled"
		}, ci.Error, "Out of memory: build used its 512Mi limit. Raise resources.memory.", true},
		"a child ran out of memory, so the command failed": {func(s *scene) {
			s.over(ended("1-build", 1, `{"exit":1,"started":2000,"finished":4000,"oom":1}`), ended("2-test", 0, skipped))
		}, ci.Error, "Out of memory: build used its 512Mi limit. Raise resources.memory.", false},
		"a child ran out of memory, which is allowed": {func(s *scene) {
			s.pod().Status.ContainerStatuses[0] = ended(
				"1-build",
				0,
				`{"exit":1,"started":2000,"finished":4000,"oom":1,"allowed":true}`,
			)
		}, ci.Success, "Passed in 1m13s; build failed, which is allowed", false},
		"the command alone ran out of memory": {func(s *scene) {
			s.over(ended("1-build", 137, `{"exit":137,"started":2000,"finished":4000}`), ended("2-test", 0, skipped))
			s.pod().Status.ContainerStatuses[0].State.Terminated.Reason = "OOMKilled"
		}, ci.Error, "Out of memory: build used its 512Mi limit. Raise resources.memory.", false},
		"a child ran out of memory, the command passed": {func(s *scene) {
			s.pod().Status.ContainerStatuses[0].State.Terminated.Reason = "OOMKilled"
		}, ci.Success, "Passed in 1m13s", false},
		"killed from outside": {func(s *scene) {
			s.live(ended("1-build", 137, ""), running("2-test"))
		}, ci.Error, "build exited with code 137 and reported no result: its container was stopped from outside. " +
			"Retry the run.", true},
		"a waiting step is killed": {func(s *scene) {
			s.live(running("1-build"), ended("2-test", 137, ""))
		}, ci.Error, "test exited with code 137 and reported no result: its container was stopped from outside. Retry " +
			"the run.", true},
		"no shell in the image": {func(s *scene) {
			s.over(ended("1-build", 127, `{"exit":127,"started":2000,"finished":2001,"broken":true,"reason":"the image `+
				`has no sh"}`), ended("2-test", 0, skipped))
		}, ci.Error, "build: the image has no sh", false},
		"the container did not start": {func(s *scene) {
			s.live(ended("1-build", 128, "exec format error"), running("2-test"))
			s.pod().Status.ContainerStatuses[0].State.Terminated.Reason = "StartError"
		}, ci.Error, "build could not start: its program is not built for the node's architecture. Use an image for " +
			"it, or one for several architectures.", true},
		"first wrong step counts": {func(s *scene) {
			s.over(ended("1-build", 1, `{"exit":1,"started":2000,"finished":4000}`), ended("2-test", 137, ""))
		}, ci.Failure, "build failed in 2.0s (exit 1)", false},

		// images
		"image pull": {func(s *scene) {
			s.live(running("1-build"), waiting("2-test", "ImagePullBackOff", `Back-off pulling image "alpine"`))
		}, ci.Error, "test cannot start with image alpine: the image cannot be pulled.", true},
		"image name": {func(s *scene) {
			s.live(waiting("1-build", "InvalidImageName", "bad"), waiting("2-test", "PodInitializing", ""))
		}, ci.Error, "build cannot start with image alpine: this is not a valid image name.", true},
		"YACI's own image": {func(s *scene) {
			s.live(waiting("1-build", "PodInitializing", ""), waiting("2-test", "PodInitializing", ""))
			s.clone(waiting("clone", "ErrImageNeverPull", "not present"))
		}, ci.Error, "clone cannot start with image alpine: the image is not present on the node, and the cluster " +
			"does not pull it.", true},
		"starting": {func(s *scene) {
			s.live(waiting("1-build", "PodInitializing", ""), waiting("2-test", "PodInitializing", ""))
			s.clone(running("clone"))
		}, ci.Running, "", false},

		// services
		"a service ended before the steps": {func(s *scene) {
			s.service(corev1.ContainerStatus{Name: "s1-db", LastTerminationState: ended("", 1, "").State})
			s.live(running("1-build"), running("2-test"))
		}, ci.Error, "Service db exited with code 1 (Error) before any step finished. See its log.", true},
		"a service ended, then a step failed": {func(s *scene) {
			s.service(corev1.ContainerStatus{Name: "s1-db", LastTerminationState: ended("", 1, "").State})
			s.over(ended("1-build", 2, `{"exit":2,"started":2000,"finished":4000}`), ended("2-test", 0, skipped))
		}, ci.Failure, "build failed in 2.0s (exit 2) (service db exited with code 1: Error)", false},
		"a service's image": {func(s *scene) {
			s.service(waiting("s1-db", "ImagePullBackOff", "not found"))
			s.live(waiting("1-build", "PodInitializing", ""), waiting("2-test", "PodInitializing", ""))
		}, ci.Error, "Service db cannot start with image alpine: the image was not found. Check its name and tag.", true},

		// the clone container
		"clone failed": {func(s *scene) {
			s.over(waiting("1-build", "PodInitializing", ""), waiting("2-test", "PodInitializing", ""))
			s.clone(ended("clone", 1, `{"exit":1,"started":1000,"finished":1500,"reason":"clone: git: not our ref 6113728"}`))
		}, ci.Error, "Could not prepare the job: clone: git: not our ref 6113728", false},
		"clone left no record": {func(s *scene) {
			s.over(waiting("1-build", "PodInitializing", ""), waiting("2-test", "PodInitializing", ""))
			s.clone(ended("clone", 137, ""))
		}, ci.Error, "Could not prepare the job: the clone container exited with code 137 (Error).", false},
		"evicted while cloning": {func(s *scene) {
			s.over(waiting("1-build", "PodInitializing", ""), waiting("2-test", "PodInitializing", ""))
			s.clone(ended("clone", 137, ""))
			s.pod().Status.Reason, s.pod().Status.Message = "Evicted", "low on disk."
		}, ci.Error, "The cluster ended the pod (Evicted). Retry the run.", false},

		// the cluster
		"evicted": {func(s *scene) {
			s.over(ended("1-build", 0, pass), ended("2-test", 143, stopped))
			s.pod().Status.Reason, s.pod().Status.Message = "Evicted", "low on disk."
		}, ci.Error, "The cluster ended the pod (Evicted). Retry the run.", false},
		"evicted without a word from the containers": {func(s *scene) {
			s.over(running("1-build"), running("2-test"))
			s.pod().Status.Reason, s.pod().Status.Message = "Evicted", "low on disk."
		}, ci.Error, "The cluster ended the pod (Evicted). Retry the run.", false},
		"never admitted": {func(s *scene) {
			s.over(running("1-build"), running("2-test"))
			s.pod().Status.InitContainerStatuses, s.pod().Status.ContainerStatuses = nil, nil
			s.pod().Status.Reason, s.pod().Status.Message = "OutOfcpu", "no cpu."
		}, ci.Error, "The cluster ended the pod (OutOfcpu). Retry the run.", false},
		"failed before the eviction": {func(s *scene) {
			s.over(ended("1-build", 2, `{"exit":2,"started":2000,"finished":4000}`), ended("2-test", 0, skipped))
			s.pod().Status.Reason, s.pod().Status.Message = "Evicted", "low on disk."
		}, ci.Failure, "build failed in 2.0s (exit 2)", false},
		"drained": {func(s *scene) {
			s.live(running("1-build"), running("2-test"))
			s.deleting()
			s.pod().Status.Conditions = []corev1.PodCondition{{
				Type:    corev1.DisruptionTarget,
				Status:  corev1.ConditionTrue,
				Reason:  "EvictionByEvictionAPI",
				Message: "drain",
			}}
		}, ci.Error, "Its node was drained, or the pod was evicted. Retry the run.", false},
		"may be preempted": {func(s *scene) {
			s.live(running("1-build"), running("2-test"))
			s.pod().Status.Conditions = []corev1.PodCondition{
				{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "PreemptionByScheduler"},
			}
		}, ci.Running, "", false},
		"pod deleted by somebody": {func(s *scene) {
			s.live(running("1-build"), running("2-test"))
			s.deleting()
		}, ci.Error, "The pod was deleted outside YACI. Retry the run.", false},
		"pod deleted, after it passed": {func(s *scene) { s.deleting() }, ci.Success, "Passed in 1m13s", false},
		"timed out, the steps are being stopped": {func(s *scene) {
			s.live(running("1-build"), running("2-test"))
			s.condition(batchv1.JobFailureTarget, "DeadlineExceeded", "x")
		}, ci.Running, "", false},
		"timed out, the steps were stopped": {func(s *scene) {
			limit := int64(90)
			s.job.Spec.ActiveDeadlineSeconds = &limit
			s.over(ended("1-build", 0, pass), ended("2-test", 143, stopped))
			s.condition(batchv1.JobFailed, "DeadlineExceeded", "x")
		}, ci.Failure, "Timed out after 1m30s in test. Raise the timeout of the job.", false},
		"timed out in the clone": {func(s *scene) {
			s.over(waiting("1-build", "PodInitializing", ""), waiting("2-test", "PodInitializing", ""))
			s.clone(ended("clone", 143, ""))
			s.condition(batchv1.JobFailed, "DeadlineExceeded", "x")
		}, ci.Error, "Timed out while fetching the commit. Raise the timeout of the job, or fetch less (see clone).", false},
		"timed out, no node": {func(s *scene) {
			s.live(waiting("1-build", "", ""), waiting("2-test", "", ""))
			s.pod().Status = corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{
				{
					Type:    corev1.PodScheduled,
					Status:  corev1.ConditionFalse,
					Message: "0/1 nodes are available: 1 Insufficient cpu.",
				}}}
			s.condition(batchv1.JobFailed, "DeadlineExceeded", "x")
		}, ci.Error, "Timed out before the job had a node: no node has enough free CPU.", false},
		"waits for a node": {func(s *scene) {
			s.pod().Status = corev1.PodStatus{Phase: corev1.PodPending}
		}, ci.Running, "", false},

		// the Job
		"no pod yet": {func(s *scene) { s.pods = nil }, ci.Running, "", false},
		"suspended, as by Kueue": {
			func(s *scene) { s.pods = nil; s.condition(batchv1.JobSuspended, "JobSuspended", "x") },
			ci.Running,
			"",
			false,
		},
		"no pod, timed out": {
			func(s *scene) { s.pods = nil; s.condition(batchv1.JobFailed, "DeadlineExceeded", "x") },
			ci.Error,
			"Timed out before any step finished. The cluster may be overloaded: check node and scheduler events.",
			false,
		},
		"no pod, Job failed": {
			func(s *scene) { s.pods = nil; s.condition(batchv1.JobFailed, "BackoffLimitExceeded", "why") },
			ci.Error,
			"The pod disappeared (BackoffLimitExceeded). Retry the run.",
			false,
		},
		"no pod, Job complete": {
			func(s *scene) { s.pods = nil; s.condition(batchv1.JobComplete, "", "") },
			ci.Error,
			"The pod disappeared before its outcome could be read. Retry the run.",
			false,
		},
		"Job being deleted, no pod": {func(s *scene) {
			s.pods = nil
			s.job.DeletionTimestamp = &metav1.Time{Time: time.UnixMilli(5000)}
		}, ci.Cancelled, "Cancelled: the Job was deleted outside YACI.", true},
		"Job deleted": {
			func(s *scene) { s.job, s.pods = nil, nil },
			ci.Cancelled,
			"Cancelled: the Job was deleted outside YACI.",
			false,
		},
		"Job deleted, pod not": {
			func(s *scene) { s.job = nil },
			ci.Cancelled,
			"Cancelled: the Job was deleted outside YACI.",
			false,
		},
		"Job of another UID": {
			func(s *scene) { s.job.UID = "uid-2" },
			ci.Cancelled,
			"Cancelled: the Job was deleted outside YACI.",
			false,
		},
		"Job being deleted": {func(s *scene) {
			s.live(running("1-build"), running("2-test"))
			s.job.DeletionTimestamp = &metav1.Time{Time: time.UnixMilli(5000)}
		}, ci.Cancelled, "Cancelled: the Job was deleted outside YACI.", true},
		"Job being deleted, after it passed": {func(s *scene) {
			s.job.DeletionTimestamp = &metav1.Time{Time: time.UnixMilli(5000)}
		}, ci.Success, "Passed in 1m13s", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := passed()
			c.change(s)
			s.keep(t)
			got := Observe(Observation{Stored: s.stored, Job: s.job, Pods: s.pods})
			if got.Job.State != c.state || got.Job.Message != c.message || got.Stop != c.stop {
				t.Errorf("%s %q stop=%v\nwant %s %q stop=%v", got.Job.State, got.Job.Message, got.Stop, c.state, c.message, c.stop)
			}
			for _, st := range got.Job.Steps {
				if got.Job.State.Final() && !st.State.Final() {
					t.Errorf("the job has ended, step %s is %s", st.Name, st.State)
				}
			}
			if s.stored.Steps != nil && (s.stored.Steps[0].State != ci.Queued || s.stored.Steps[1].State != ci.Queued) {
				t.Error("Observe changed what it was given")
			}
		})
	}
}

func TestObserveReadsTheRecords(t *testing.T) {
	s := passed()
	s.over(
		ended("1-build", 2, `{"exit":2,"started":2000,"finished":4000,"bytes":12,"lines":1,"attempts":3}`),
		ended("2-test", 0, skipped),
	)
	got := Observe(Observation{Stored: s.stored, Job: s.job, Pods: s.pods})
	want := ci.Step{
		Name:      "build",
		Container: "1-build",
		State:     ci.Failure,
		Exit:      2,
		Bytes:     12,
		Lines:     1,
		Attempts:  3,
		Started:   time.UnixMilli(2000).UTC(),
		Finished:  time.UnixMilli(4000).UTC(),
	}
	if got.Job.Steps[0] != want || got.Job.Steps[1].State != ci.Skipped {
		t.Errorf("steps %+v", got.Job.Steps)
	}
}

// TestCloned: the Secret is needed until the clone container has ended, in whatever way.
func TestCloned(t *testing.T) {
	for name, c := range map[string]struct {
		clone corev1.ContainerStatus
		want  bool
		note  string
	}{
		"waiting": {waiting("clone", "PodInitializing", ""), false, ""},
		"running": {running("clone"), false, ""},
		"ended":   {ended("clone", 0, ""), true, ""},
		"failed":  {ended("clone", 1, ""), true, ""},
		"noted":   {ended("clone", 0, `{"finished":1,"note":"a token is left"}`), true, "a token is left"},
	} {
		s := passed()
		s.live(waiting("1-build", "PodInitializing", ""), waiting("2-test", "PodInitializing", ""))
		s.clone(c.clone)
		got := Observe(Observation{Stored: s.stored, Job: s.job, Pods: s.pods})
		if got.Cloned != c.want || got.Note != c.note {
			t.Errorf("%s: cloned %v, note %q", name, got.Cloned, got.Note)
		}
	}
}

// TestObserveLeavesTheCacheAlone: Observe does not change its input, which belongs to the informer's cache.
func TestObserveLeavesTheCacheAlone(t *testing.T) {
	s := passed()
	s.live(running("1-build"), running("2-test"))
	inits := make([]corev1.ContainerStatus, 1, 8)
	inits[0] = ended("clone", 0, "")
	s.pod().Status.InitContainerStatuses = inits
	Observe(Observation{Stored: s.stored, Job: s.job, Pods: s.pods})
	if extra := inits[:2][1].Name; extra != "" {
		t.Errorf("Observe wrote %s into the pod's slice", extra)
	}
}

// TestO11AttemptsOfAStep: the number of attempts is stored, and a pod cannot claim more than a file can ask for.
func TestO11AttemptsOfAStep(t *testing.T) {
	for claimed, want := range map[string]int{"2": 2, "99": 10, "-1": 0} {
		s := passed()
		s.over(ended("1-build", 0, `{"started":2000,"finished":4000,"attempts":`+claimed+`}`), ended("2-test", 0, skipped))
		if got := Observe(Observation{Stored: s.stored, Job: s.job, Pods: s.pods}).Job.Steps[0].Attempts; got != want {
			t.Errorf("%s attempts are kept as %d, want %d", claimed, got, want)
		}
	}
}
