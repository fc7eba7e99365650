package e2e

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
)

// ending is a push and how it must end.
type ending struct {
	name, yaml, state string
	description       string // a regular expression for all of it
	within            time.Duration
}

// end runs pushes at once and holds each against its ending.
func (w *World) end(cases []ending) {
	w.T.Helper()
	repos, shas := map[string]*citest.Repo{}, map[string]string{}
	for _, c := range cases {
		repos[c.name] = w.Repo(c.name, false)
		shas[c.name] = w.push(repos[c.name], c.yaml)
	}
	for _, c := range cases {
		w.T.Run(c.name, func(t *testing.T) {
			st, err := repos[c.name].WaitStatus(citesttest.Context(t, c.within), shas[c.name], "yaci", citest.Finished)
			if err != nil {
				t.Fatal(err)
			}
			if st.State != c.state || !regexp.MustCompile(`^`+c.description+`$`).MatchString(st.Description) {
				t.Errorf("%s: %s\nwant %s: %s", st.State, st.Description, c.state, c.description)
			}
		})
	}
}

// TestOutcomes: what goes wrong in a step's container has one sentence that
// says what to do, and nothing is ever green by accident.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	// a registry without images; containerd speaks plain HTTP to loopback
	empty := httptest.NewServer(http.NotFoundHandler())
	defer empty.Close()
	registry := strings.Replace(strings.TrimPrefix(empty.URL, "http://"), "127.0.0.1", "localhost", 1)
	NewWorld(t, "YACI_PENDING_TIMEOUT=5s").end([]ending{
		{
			"no-image",
			"image: " + registry + "/nope:1\nsteps: ['true']\n",
			"error",
			`true cannot start with image localhost:\d+/nope:1: .*not found.*`,
			time.Minute,
		},
		{
			"no-registry",
			"image: localhost:1/nope:1\nsteps: ['true']\n",
			"error",
			`true cannot start with image localhost:1/nope:1: .*connection refused.*`,
			90 * time.Second,
		},
		{
			"bad-image",
			"image: Upper/Case:1\nsteps: ['true']\n",
			"error",
			`true cannot start with image Upper/Case:1: .*`,
			time.Minute,
		},
		{
			"oom",
			"image: IMAGE\nresources: {memory: 32Mi}\nsteps: ['exec tail /dev/zero']\n",
			"error",
			`Out of memory: exec tail /dev/zero used its 32Mi limit. Raise resources.memory.`,
			time.Minute,
		},
		{
			"oom-of-a-child",
			"image: IMAGE\nresources: {memory: 32Mi}\nsteps: [{name: test, run: 'tail /dev/zero || exit 3'}]\n",
			"error",
			`Out of memory: test used its 32Mi limit. Raise resources.memory.`,
			time.Minute,
		},
		{
			"fork-bomb",
			"image: IMAGE\nsteps: [{name: bomb, timeout: 3s, run: 'f() { f | f & }; f; sleep 60'}]\n",
			"failure",
			`bomb failed in .*`,
			90 * time.Second,
		},
		{
			"no-node",
			"image: IMAGE\nresources: {cpu: 1000}\nsteps: ['true']\n",
			"error",
			`No node is large enough: the job requests 1000 CPU and .*, and the largest node has .*`,
			time.Minute,
		},
		{
			"ignores-term",
			"image: IMAGE\nsteps: [{name: deaf, timeout: 1s, run: \"trap '' TERM; while :; do sleep 1; done\"}]\n",
			"failure",
			`deaf failed in [1-4]\d(\.\d)?s: timed out after 1s`,
			time.Minute,
		},
		{"daemon", "image: IMAGE\nsteps: ['sleep 600 & echo started']\n", "success", `Passed in \d\.\ds`, time.Minute},
		{
			"100-megabytes",
			"image: IMAGE\nsteps: ['yes this line is one of very many that are printed in one go | head -c 104857600']\n",
			"success",
			`Passed in .*`,
			time.Minute,
		},
		{
			"one-long-line",
			"image: IMAGE\nsteps: [\"head -c 67108864 /dev/zero | tr '\\\\000' x\"]\n",
			"success",
			`Passed in .*`,
			time.Minute,
		},
		{"binary", "image: IMAGE\nsteps: ['head -c 1000000 /dev/urandom']\n", "success", `Passed in .*`, time.Minute},
		{
			"killed",
			"image: IMAGE\nsteps: [{name: self, run: 'kill -9 $$'}]\n",
			"failure",
			`self failed in .* \(exit 137\)`,
			time.Minute,
		},
	})
}

// TestDiskFilled: a job that uses more disk than it may is evicted, and does not run again.
func TestDiskFilled(t *testing.T) {
	t.Parallel()
	nodes := must(Clientset(t).CoreV1().Nodes().List(t.Context(), metav1.ListOptions{}))(t)
	if nodes.Items[0].Status.Capacity.StorageEphemeral().IsZero() {
		t.Skip("the node does not limit the use of disk: its file system is no block device's")
	}
	NewWorld(t).end([]ending{
		{
			"disk-filled",
			"image: IMAGE\nresources: {disk: 64Mi}\nsteps: [{name: fill, run: 'dd if=/dev/zero of=big bs=1M count=200; sleep 120'}]\n",
			"error",
			`Out of disk space: .* used more than its limit of 64Mi. Raise resources.disk.`,
			2 * time.Minute,
		},
	})
}

// TestNeverPulled: an image that is not on the node, and may not be fetched.
func TestNeverPulled(t *testing.T) {
	t.Parallel()
	NewWorld(t, "YACI_IMAGE_PULL_POLICY=Never").end([]ending{
		{
			"never",
			"image: example.org/nope:1\nsteps: ['true']\n",
			"error",
			`true cannot start with image example.org/nope:1: .*not present.*`,
			time.Minute,
		},
	})
}

// TestRefusedPods: the namespace takes the Job but not its pod.
func TestRefusedPods(t *testing.T) {
	t.Parallel()
	client := Clientset(t)
	strict := Namespace(t, client, map[string]string{"pod-security.kubernetes.io/enforce": "restricted"})
	NewWorld(t, "YACI_NAMESPACE="+strict).end([]ending{
		{
			"admission",
			passing,
			"error",
			`The cluster refuses the job's pod: it violates PodSecurity of the namespace.*`,
			time.Minute,
		},
	})
	full := Namespace(t, client, nil)
	must(
		client.CoreV1().
			ResourceQuotas(full).
			Create(t.Context(), &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "none"},
				Spec: corev1.ResourceQuotaSpec{
					Hard: corev1.ResourceList{"pods": resource.MustParse("0")},
				}}, metav1.CreateOptions{}),
	)(
		t,
	)
	NewWorld(t, "YACI_NAMESPACE="+full, "YACI_PENDING_TIMEOUT=2s").end([]ending{
		{
			"quota",
			passing,
			"error",
			`The namespace's quota had no room for the job for 2.0s: the quota of the namespace is used up: .*`,
			time.Minute,
		},
	})
}

// losing is a job whose first pod waits to be lost, and whose second passes.
const losing = "image: IMAGE\nsteps: [{name: wait, run: 'echo started; sleep 6'}]\n"

// theirPod is the running pod of the only job of a server.
func (w *World) theirPod(client kubernetes.Interface) *corev1.Pod {
	w.T.Helper()
	var found *corev1.Pod
	w.Until("a running pod", func() bool {
		m := regexp.MustCompile(`msg="launched job" run=(\w+) job=(\S+)`).FindAllStringSubmatch(w.Log.String(), -1)
		if len(m) == 0 {
			return false
		}
		pods := must(
			client.CoreV1().
				Pods(BuildNamespace).
				List(w.T.Context(), metav1.ListOptions{LabelSelector: "batch.kubernetes.io/job-name=" + m[len(m)-1][2]}),
		)(
			w.T,
		)
		for i, p := range pods.Items {
			if p.Status.Phase == corev1.PodRunning && p.DeletionTimestamp == nil {
				found = &pods.Items[i]
			}
		}
		return found != nil
	})
	return found
}

// TestLostPodsRunAgain: the job runs again, and the run says why.
func TestLostPodsRunAgain(t *testing.T) {
	client := Clientset(t)
	now := int64(0)
	for name, c := range map[string]struct {
		lose func(*corev1.Pod) error
		why  string
	}{
		"deleted": {func(p *corev1.Pod) error {
			return client.CoreV1().Pods(p.Namespace).Delete(t.Context(), p.Name, metav1.DeleteOptions{})
		}, "Runs again (1 of 3): the pod "},
		"evicted": {func(p *corev1.Pod) error {
			return client.PolicyV1().Evictions(p.Namespace).Evict(t.Context(), &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: p.Name, Namespace: p.Namespace}})
		}, "Runs again (1 of 3): its node was drained, or the pod was evicted."},
		"gone": {func(p *corev1.Pod) error {
			return client.CoreV1().Pods(p.Namespace).Delete(t.Context(), p.Name, metav1.DeleteOptions{GracePeriodSeconds: &now})
		}, "Runs again (1 of 3): the pod "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := NewWorld(t)
			r := w.Repo("lost", false)
			sha := w.push(r, losing)
			if err := c.lose(w.theirPod(client)); err != nil {
				t.Fatal(err)
			}
			again := must(
				r.WaitStatus(
					citesttest.Context(t, time.Minute),
					sha,
					"yaci",
					func(s citest.Status) bool { return strings.HasPrefix(s.Description, "Runs again") },
				),
			)(
				t,
			)
			if !strings.HasPrefix(again.Description, c.why) || again.State != "pending" {
				t.Errorf("%s: %s, want pending: %s", again.State, again.Description, c.why)
			}
			if st := w.Final(r, sha); st.State != "success" {
				t.Errorf("%s: %s", st.State, st.Description)
			}
		})
	}
}

// TestDeletedJob: somebody's kubectl delete is a cancellation, within 30 s, and
// the finalizer holds nothing back.
func TestDeletedJob(t *testing.T) {
	t.Parallel()
	client := Clientset(t)
	w := NewWorld(t)
	r := w.Repo("deleted", false)
	sha := w.push(r, losing)
	job := w.theirPod(client).Labels["batch.kubernetes.io/job-name"]
	policy := metav1.DeletePropagationBackground
	if err := client.BatchV1().Jobs(BuildNamespace).Delete(t.Context(), job, metav1.DeleteOptions{PropagationPolicy: &policy}); err != nil {
		t.Fatal(err)
	}
	st := must(r.WaitStatus(citesttest.Context(t, 30*time.Second), sha, "yaci", citest.Finished))(t)
	if st.State != "error" || st.Description != "Cancelled: the Job was deleted outside YACI." {
		t.Errorf("%s: %s", st.State, st.Description)
	}
	w.Until("Job and pods are gone", func() bool {
		_, err := client.BatchV1().Jobs(BuildNamespace).Get(t.Context(), job, metav1.GetOptions{})
		pods := must(
			client.CoreV1().
				Pods(BuildNamespace).
				List(t.Context(), metav1.ListOptions{LabelSelector: "batch.kubernetes.io/job-name=" + job}),
		)(
			t,
		)
		return err != nil && len(pods.Items) == 0
	})
}

// TestDeletedWhileDown: what ended and was deleted while no server ran keeps its outcome.
func TestDeletedWhileDown(t *testing.T) {
	t.Parallel()
	client := Clientset(t)
	w := NewWorld(t)
	r := w.Repo("down", false)
	sha := w.push(r, "image: IMAGE\nsteps: [{name: wait, run: 'sleep 3; exit 4'}]\n")
	pod := w.theirPod(client)
	w.Kill()
	job := pod.Labels["batch.kubernetes.io/job-name"]
	w.Until("the pod has ended", func() bool {
		return must(
			client.CoreV1().Pods(BuildNamespace).Get(t.Context(), pod.Name, metav1.GetOptions{}),
		)(
			t,
		).Status.Phase == corev1.PodFailed
	})
	policy := metav1.DeletePropagationBackground
	if err := client.BatchV1().Jobs(BuildNamespace).Delete(t.Context(), job, metav1.DeleteOptions{PropagationPolicy: &policy}); err != nil {
		t.Fatal(err)
	}
	w.start()
	st := w.Final(r, sha)
	if st.State != "failure" || !strings.HasPrefix(st.Description, "wait failed in 3.") {
		t.Errorf("%s: %s", st.State, st.Description)
	}
	w.Until("the Job is gone", func() bool {
		_, err := client.BatchV1().Jobs(BuildNamespace).Get(t.Context(), job, metav1.GetOptions{})
		return err != nil
	})
}

// TestKubeletKilled: containers outlive their kubelet, and so does the job.
func TestKubeletKilled(t *testing.T) {
	client := Clientset(t)
	w := NewWorld(t)
	r := w.Repo("kubelet", false)
	sha := w.push(r, "image: IMAGE\nsteps: [{name: wait, run: 'sleep 8; echo done'}]\n")
	w.theirPod(client)
	killKubelet(t)()
	if st := w.Final(r, sha); st.State != "success" {
		t.Errorf("%s: %s", st.State, st.Description)
	}
}

// TestUninstall: a namespace with an unfinished run can go, although its server is gone.
func TestUninstall(t *testing.T) {
	t.Parallel()
	client := Clientset(t)
	space := Namespace(t, client, nil)
	w := NewWorld(t, "YACI_NAMESPACE="+space)
	w.push(w.Repo("left", false), losing)
	count := func() int {
		return len(must(client.BatchV1().Jobs(space).List(t.Context(), metav1.ListOptions{}))(t).Items)
	}
	w.Until("a Job", func() bool { return count() == 1 })
	w.Kill()
	for _, c := range []struct{ args, want string }{{"", "YACI has 1 Jobs and "}, {"--yes", "Deleted 1 Jobs and "}} {
		out, err := exec.Command("../../bin/yaci", append([]string{"uninstall", "--namespace", space}, strings.Fields(c.args)...)...).
			CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), c.want) {
			t.Errorf("uninstall %s: %v: %s", c.args, err, out)
		}
	}
	w.Until("nothing is left", func() bool {
		return count() == 0 &&
			len(
				must(
					client.CoreV1().
						Secrets(space).
						List(t.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by=yaci"}),
				)(
					t,
				).Items,
			) == 0
	})
}
