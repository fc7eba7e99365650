package watch

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/ci"
)

// TestC24StartErrors holds the sentence for what kubelet, containerd and runc say of a container that does not start.
func TestC24StartErrors(t *testing.T) {
	const runc = "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc " +
		"create failed: unable to start container process: "
	for message, want := range map[string]string{
		runc + `exec: "x": executable file not found in $PATH: unknown`: "the image has no program x.",
		runc + `error during container init: exec: "x y": executable ` +
			`file not found in $PATH: unknown`: "the image has no program x y.",
		runc + `exec: "/app": stat /app: no such file ` +
			`or directory: unknown`: "the image has no program /app, or not",
		"exec /entry.sh: no such file or directory":            "the image has no program /entry.sh, or not",
		runc + `exec: "/entry.sh": permission denied: unknown`: "the container's user cannot execute /entry.sh",
		runc + `exec: "/etc": is a directory: unknown`:         "the container's user cannot execute /etc",
		"exec /yaci/bin/yaci-step: exec format error":          "its program is not built for the node's architecture",
		"failed to generate container spec: unable to find user app: no " +
			"matching entries in passwd file": "the image names a user or group",
		"container has runAsNonRoot and image will run as " +
			"root (pod: \"x\", container: y)": "the cluster does not let it run as root.",
		runc + `error during container init: chdir to cwd ("/root/x") set in config.json failed: permission denied: ` +
			`unknown`: "its working directory /root/x",
		"couldn't find key value in Secret yaci-builds/key-1": "the Secret key-1 has no key value.",
		`secret "key-1" not found`:                            "the secret key-1 does not exist any more.",
		"failed to create containerd container: write " +
			"/var/lib/x: no space left on device": "the disk of the node is full",
		runc + "container init was OOM-killed (memory " +
			"limit too low?): unknown": "its memory limit is too small",
		`failed to get sandbox runtime: no runtime ` +
			`for "kata" is configured`: "the node does not have the container runtime",
		"failed to generate spec: no command specified": "the image has no command of its own.",
		runc + "error during container init: unable to apply " +
			"apparmor profile: unknown": "the node cannot apply the security profile",
		runc + `error mounting "/var/lib/kubelet/x" to rootfs at ` +
			`"/workspace": not a directory: unknown`: "a directory of the job cannot be mounted",
		"context deadline exceeded":                                        "the node did not start it in time.",
		"failed to sync secret cache: timed out waiting for the condition": "the node did not start it in time.",
		"something new from rpc error: code = Unknown":                     "the node could not start it.",
		"": "the node could not start it.",
	} {
		why := explainStartError(message).message
		if !strings.HasPrefix(why, want) {
			t.Errorf("%q:\n%q\nwant %q", message, why, want)
		}
		for _, word := range []string{"OCI", "runc", "rpc", "$"} {
			if strings.Contains(why, word) {
				t.Errorf("%q has %q", why, word)
			}
		}
	}
}

// startFailure is a container that the runtime could not start.
func startFailure(name, message string) corev1.ContainerStatus {
	c := ended(name, 128, message)
	c.State.Terminated.Reason = "StartError"
	return c
}

// TestC24NotStarted holds message and detail of jobs one of whose containers was not started.
func TestC24NotStarted(t *testing.T) {
	const raw = `OCI runtime create failed: runc create failed: unable to start container process: exec: "x": ` +
		`executable file not found in $PATH: unknown`
	service := func(s *scene) {
		c := waiting("s1-db", "CrashLoopBackOff", "back-off")
		c.LastTerminationState = startFailure("s1-db", raw).State
		s.service(c)
	}
	for name, c := range map[string]struct {
		change  func(*scene)
		message string
	}{
		"a step": {
			func(s *scene) { s.live(startFailure("1-build", raw), running("2-test")) },
			"build could not start: the image has no program x.",
		},
		"the clone container": {func(s *scene) {
			s.live(waiting("1-build", "PodInitializing", ""), waiting("2-test", "PodInitializing", ""))
			s.clone(startFailure("clone", raw))
		}, "Could not prepare the job: the clone container could not start: the image has no program x."},
		"waiting": {func(s *scene) { s.live(running("1-build"), waiting("2-test", "RunContainerError", raw)) },
			"test cannot start with image alpine: the image has no program x."},
		"C18 a service before a step": {func(s *scene) { s.live(running("1-build"), running("2-test")); service(s) },
			"Service db could not start: the image has no program x."},
		"C18 a service beside a failure": {func(s *scene) {
			s.over(ended("1-build", 1, `{"exit":1,"started":2000,"finished":4000}`), ended("2-test", 0, skipped))
			service(s)
		}, "build failed in 2.0s (exit 1) (service db could not start)"},
	} {
		t.Run(name, func(t *testing.T) {
			s := passed()
			c.change(s)
			got := Observe(Observation{Stored: s.stored, Job: s.job, Pods: s.pods}).Job
			if !strings.HasPrefix(got.Message, c.message) || got.Detail != ci.CleanText(raw, maxDetail) {
				t.Errorf("message %q, detail %q\nwant    %q", got.Message, got.Detail, c.message)
			}
			if name == "a step" && !strings.HasPrefix(got.Steps[0].Reason, "could not start: the image has") {
				t.Errorf("the step's reason is %q", got.Steps[0].Reason)
			}
		})
	}
}
