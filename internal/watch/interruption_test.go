package watch

import (
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/ci"
)

// disrupted makes the cluster end the pod.
func (s *scene) disrupted(reason, message string) {
	s.over(ended("1-build", 143, ""), running("2-test"))
	s.pod().Status.Conditions = []corev1.PodCondition{{
		Type:    corev1.DisruptionTarget,
		Status:  corev1.ConditionTrue,
		Reason:  reason,
		Message: message,
	}}
}

func (s *scene) evicted(message string) {
	s.over(ended("1-build", 137, ""), running("2-test"))
	s.pod().Status.Reason, s.pod().Status.Message = "Evicted", message
}

// lostByRuntime makes containerd report that it does not know how the containers with exit code 255 ended.
func (s *scene) lostByRuntime() {
	status := &s.pod().Status
	for _, list := range [][]corev1.ContainerStatus{status.InitContainerStatuses, status.ContainerStatuses} {
		for i := range list {
			t := list[i].State.Terminated
			if t != nil && t.ExitCode == 255 {
				list[i].State.Terminated.Reason = "Unknown"
			}
		}
	}
}

func (s *scene) unscheduled() {
	s.pod().Status = corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{
		{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "0/1 nodes are available: 1 Insufficient cpu."}}}
}

// TestObserveLosses: for what the cluster does to a job, the job is requeued or not, after a delay, with a message.
func TestObserveLosses(t *testing.T) {
	const patience = 10 * time.Minute
	for name, c := range map[string]struct {
		change  func(*scene)
		lost    string
		wait    time.Duration
		message string
	}{
		"preempted": {
			func(s *scene) { s.disrupted("PreemptionByScheduler", "x: preempting") },
			"a pod of higher priority took its place",
			0,
			"",
		},
		"drained": {
			func(s *scene) { s.disrupted("EvictionByEvictionAPI", "x.") },
			"its node was drained, or the pod was evicted",
			0,
			"",
		},
		"node gone": {func(s *scene) { s.disrupted("DeletionByPodGC", "x") }, "its node is gone", 0, ""},
		"node unreachable": {
			func(s *scene) { s.disrupted("DeletionByTaintManager", "x") },
			"its node became unusable",
			0,
			"",
		},
		"something new": {
			func(s *scene) { s.disrupted("ByTheMoon", "full") },
			"the cluster ended the pod (ByTheMoon)",
			0,
			"",
		},
		"pressure of memory": {func(s *scene) {
			s.disrupted("TerminationByKubelet", "x")
			s.pod().Status.Reason, s.pod().Status.Message = "Evicted", "The node was low on resource: memory. Threshold "+
				"quantity: 100Mi, available: 51Mi. "
		}, "its node ran short of a resource, or shut down: the node was short of memory", 0, ""},
		"deleted": {
			func(s *scene) { s.over(ended("1-build", 143, ""), running("2-test")); s.deleting() },
			podDeleted,
			deletionGrace,
			"",
		},
		"being deleted": {
			func(s *scene) { s.live(running("1-build"), running("2-test")); s.deleting() },
			podDeleted,
			startGrace,
			"",
		},
		"started twice": {
			func(s *scene) { s.pods = append(s.pods, s.pod().DeepCopy()) },
			"the Job controller created a second pod",
			0,
			"",
		},
		"vanished": {
			func(s *scene) { s.pods = nil; s.condition(batchv1.JobFailed, "BackoffLimitExceeded", "x") },
			"the pod disappeared (BackoffLimitExceeded)",
			0,
			"",
		},
		"containers lost": {func(s *scene) {
			s.over(ended("1-build", 137, ""), ended("2-test", 137, ""))
			s.pod().Status.ContainerStatuses[0].State.Terminated.Reason = "ContainerStatusUnknown"
		}, "the node lost the pod's containers", 0, ""},
		"node rebooted": {func(s *scene) {
			s.over(ended("1-build", 255, ""), ended("2-test", 255, ""))
			s.lostByRuntime()
		}, "the node lost the pod's containers", 0, ""},
		"node rebooted, phase not written yet": {func(s *scene) {
			s.live(ended("1-build", 255, ""), ended("2-test", 255, ""))
			s.lostByRuntime()
		}, "the node lost the pod's containers", 0, ""},
		"node rebooted, one container reported": {func(s *scene) {
			s.live(ended("1-build", 255, ""), running("2-test"))
			s.lostByRuntime()
		}, "the node lost the pod's containers", startGrace, ""},
		"node rebooted during the clone": {func(s *scene) {
			s.clone(ended("clone", 255, ""))
			s.live(waiting("1-build", "PodInitializing", ""), waiting("2-test", "PodInitializing", ""))
			s.lostByRuntime()
		}, "the node lost the pod's containers", 0, ""},
		"lost too often": {func(s *scene) {
			s.stored.Interruptions = make([]ci.Interruption, ci.MaxInterruptions)
			s.disrupted("DeletionByPodGC", "x")
		}, "", 0, "The cluster lost the job 4 times, the last time because its node is gone. Retry the run when the " +
			"cluster is healthy."},

		"own disk, a step": {
			func(s *scene) { s.evicted(`Container 1-build exceeded its local ephemeral storage limit "1Gi". `) },
			"",
			0,
			"Out of disk space: build used more than its limit of 1Gi. Raise resources.disk.",
		},
		"own disk, the workspace": {
			func(s *scene) { s.evicted(`Usage of EmptyDir volume "workspace" exceeds the limit "10Gi". `) },
			"",
			0,
			"Out of disk space: the workspace used more than its limit of 10Gi. Raise resources.disk.",
		},
		"own disk, all": {func(s *scene) {
			s.evicted("Pod ephemeral local storage usage exceeds the total limit of containers 3Gi. ")
		}, "", 0,
			"Out of disk space: the job used more than its limit of 3Gi. Raise resources.disk."},
		"node's disk": {func(s *scene) { s.evicted("The node was low on resource: ephemeral-storage. ") },
			"the cluster ended the pod (Evicted): the node was short of disk space", 0, ""},

		"no node": {func(s *scene) { s.unscheduled() }, "", patience,
			"No node had room for the job for 10m00s: no node has enough free CPU. Lower the job's resources, or add a node."},
		"image not there": {func(s *scene) {
			s.live(running("1-build"), waiting("2-test", "ErrImagePull", `rpc error: code = NotFound desc = failed to `+
				`pull and unpack image "r.io/x:1": failed to resolve reference "r.io/x:1": r.io/x:1: not found`))
		}, "", 0, "test cannot start with image alpine: the image was not found. Check its name and tag."},
		"F26 image of another architecture": {func(s *scene) {
			s.live(running("1-build"), waiting("2-test", "ErrImagePull", `rpc error: code = NotFound desc = failed to `+
				`pull and unpack image "r.io/x:1": no match for platform in manifest: not found`))
		}, "", 0, "test cannot start with image alpine: the image is not built for the node's architecture. Use an " +
			"image for it, or one for several architectures."},
		"registry down": {func(s *scene) {
			s.live(running("1-build"), waiting("2-test", "ImagePullBackOff", `Back-off pulling image "r.io/x:1": `+
				`ErrImagePull: rpc error: code = Unknown desc = failed to pull and unpack image "r.io/x:1": dial tcp: `+
				`connection refused`))
		}, "", startGrace, "test cannot start with image alpine: the registry does not answer (connection refused)."},
		"registry's name unknown": {func(s *scene) {
			s.live(running("1-build"), waiting("2-test", "ErrImagePull", "lookup r.io: no such host"))
		}, "", startGrace, "test cannot start with image alpine: the registry's name cannot be resolved (no such " +
			"host). Check the name of the image."},
		"signature not accepted": {func(s *scene) {
			s.live(running("1-build"), waiting("2-test", "SignatureValidationFailed",
				"image pull failed for r.io/x:1 because the signature validation failed: Source image rejected: Running "+
					"image docker://r.io/x:1 is rejected by policy."))
		}, "", startGrace, "test cannot start with image alpine: the node's policy does not accept the image's " +
			"signature. Use a signed image, or ask the operator of the cluster."},
		"foreign container lost": {func(s *scene) {
			s.live(running("1-build"), waiting("2-test", "ErrImagePull", "connection refused"))
			s.pod().Status.ContainerStatuses = append(s.pod().Status.ContainerStatuses, ended("proxy", 255, ""))
			s.lostByRuntime()
		}, "", startGrace, "test cannot start with image alpine: the registry does not answer (connection refused)."},
		"no key": {func(s *scene) {
			s.live(running("1-build"), waiting("2-test", "CreateContainerConfigError", "couldn't find key K in Secret builds/s"))
		}, "", 0, "test cannot start with image alpine: the Secret s has no key K. Ask the operator of YACI to set " +
			"the secret again."},
		"runtime stumbles": {func(s *scene) {
			s.live(running("1-build"), waiting("2-test", "CreateContainerError", "context deadline exceeded"))
		}, "", startGrace, "test cannot start with image alpine: the node did not start it in time. Retry the run."},
	} {
		t.Run(name, func(t *testing.T) {
			s := passed()
			c.change(s)
			s.keep(t)
			got := Observe(Observation{
				Stored:         s.stored,
				Job:            s.job,
				Pods:           s.pods,
				PendingTimeout: patience,
			})
			if got.Interruption != c.lost || got.ConfirmAfter != c.wait || got.Job.State != ci.Error {
				t.Errorf(
					"lost %q, wait %v, state %s\nwant %q, wait %v",
					got.Interruption,
					got.ConfirmAfter,
					got.Job.State,
					c.lost,
					c.wait,
				)
			}
			if c.lost == "" && got.Job.Message != c.message {
				t.Errorf("message %q\nwant    %q", got.Job.Message, c.message)
			}
			if c.lost != "" && !strings.HasSuffix(got.Job.Message, ". Retry the run.") {
				t.Errorf("message %q", got.Job.Message)
			}
		})
	}
}

func TestObserveRefusal(t *testing.T) {
	for refusal, c := range map[string]struct {
		wait    time.Duration
		message string
	}{
		"": {},
		`pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0`: {time.Hour,
			"The namespace's quota had no room for the job for 1h00m: the quota of the namespace is used up: pods."},
		`admission webhook "w" denied the request: no`: {
			deletionGrace,
			"The cluster refuses the job's pod: the admission webhook w denied it. Ask the operator of the cluster.",
		},
	} {
		s := passed()
		s.pods = nil
		got := Observe(Observation{
			Stored:         s.stored,
			Job:            s.job,
			Refusal:        refusal,
			PendingTimeout: time.Hour,
		})
		if got.Job.Detail != refusal {
			t.Errorf("%s: detail %q", refusal, got.Job.Detail)
		}
		if got.Job.Message != c.message || got.ConfirmAfter != c.wait || got.Stop != (refusal != "") ||
			got.Job.State.Final() != (refusal != "") {
			t.Errorf(
				"%s: %s %q, wait %v, stop %v; want %q, %v",
				refusal,
				got.Job.State,
				got.Job.Message,
				got.ConfirmAfter,
				got.Stop,
				c.message,
				c.wait,
			)
		}
	}
}
