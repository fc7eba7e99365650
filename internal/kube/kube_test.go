package kube_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/kube"
)

const (
	namespace = "builds"
	name      = "yaci-r1-1"
)

// newCluster returns a cluster that contains these objects.
func newCluster(objects ...runtime.Object) (*kube.Cluster, *fake.Clientset) {
	return clusterWith(kube.Config{Namespace: namespace}, objects...)
}

func clusterWith(cfg kube.Config, objects ...runtime.Object) (*kube.Cluster, *fake.Clientset) {
	client := fake.NewClientset(objects...)
	cluster, err := kube.New(client, cfg)
	if err != nil {
		panic(err)
	}
	return cluster, client
}

func meta(run string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name:      name,
		Namespace: namespace,
		Labels:    map[string]string{"app.kubernetes.io/managed-by": "yaci", "yaci.dev/run": run},
	}
}

// withToken returns a launch of a job whose clone container gets a token.
func withToken(j ci.JobWithSpec, token string) ci.Launch {
	return ci.Launch{JobWithSpec: j, Access: ci.CloneAccess{Token: token}}
}

func job(t *testing.T) ci.JobWithSpec {
	t.Helper()
	m := meta("r1")
	m.Namespace = ""
	manifest, err := json.Marshal(batchv1.Job{ObjectMeta: m})
	if err != nil {
		t.Fatal(err)
	}
	return ci.JobWithSpec{
		Job:     ci.Job{Name: name, Run: "r1"},
		JobSpec: ci.JobSpec{Manifest: manifest, Files: []byte(`{"plan.json":"[]"}`)},
	}
}

// callsOf returns the calls that a client has made, as "verb resource".
func callsOf(client *fake.Clientset) (calls []string) {
	for _, a := range client.Actions() {
		calls = append(calls, a.GetVerb()+" "+a.GetResource().Resource)
	}
	return calls
}

func secret(t *testing.T, client *fake.Clientset) map[string]string {
	t.Helper()
	obj, err := client.Tracker().Get(corev1.SchemeGroupVersion.WithResource("secrets"), namespace, name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return obj.(*corev1.Secret).StringData
}

// TestS2CloneURL: a job is cloned from the URL that its repository has at the launch.
func TestS2CloneURL(t *testing.T) {
	c, _ := newCluster()
	j := job(t)
	var m batchv1.Job
	must(t, json.Unmarshal(j.Manifest, &m))
	env := []corev1.EnvVar{{Name: "HOME", Value: "/x"}, {Name: "YACI_CLONE_URL", Value: "https://hub/ada/old.git"}}
	m.Spec.Template.Spec.InitContainers = []corev1.Container{{Name: "clone", Env: env}}
	m.Spec.Template.Spec.Containers = []corev1.Container{{Name: "step-1"}}
	var err error
	j.Manifest, err = json.Marshal(m)
	must(t, err)
	launch := withToken(j, "t")
	launch.CloneURL = "https://hub/ada/new.git"
	_, err = c.Launch(t.Context(), launch)
	must(t, err)
	made, err := c.Client.BatchV1().Jobs(namespace).Get(t.Context(), name, metav1.GetOptions{})
	must(t, err)
	pod := made.Spec.Template.Spec
	got := pod.InitContainers[0].Env
	if got[1].Value != launch.CloneURL || got[0].Value != "/x" || len(pod.Containers[0].Env) != 0 {
		t.Errorf("%+v", pod)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestLaunch(t *testing.T) {
	c, client := newCluster()
	client.PrependReactor("create", "jobs", func(a clienttesting.Action) (bool, runtime.Object, error) {
		a.(clienttesting.CreateAction).GetObject().(*batchv1.Job).UID = "uid-1"
		return false, nil, nil
	})
	uid, err := c.Launch(t.Context(), withToken(job(t), "ghs_x"))
	if err != nil || uid != "uid-1" {
		t.Fatalf("uid %q, %v", uid, err)
	}
	if diff := cmp.Diff([]string{"list limitranges", "create secrets", "create jobs"}, callsOf(client)); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"plan.json": "[]", "token": "ghs_x"}, secret(t, client)); diff != "" {
		t.Errorf("secret (-want +got):\n%s", diff)
	}

	// A second launch, as after a crash before the UID was stored, finds the Job and stores a fresh token.
	client.ClearActions()
	uid, err = c.Launch(t.Context(), withToken(job(t), "ghs_y"))
	if err != nil || uid != "uid-1" {
		t.Errorf("second launch: uid %q, %v", uid, err)
	}
	if got := secret(t, client)["token"]; got != "ghs_y" {
		t.Errorf("token %q, want the new one", got)
	}
	if slices.Contains(callsOf(client), "get secrets") {
		t.Error("a Secret was read")
	}
}

// TestLaunchWithoutToken launches a command, which has no repository and so no token.
func TestLaunchWithoutToken(t *testing.T) {
	c, client := newCluster()
	if _, err := c.Launch(t.Context(), ci.Launch{JobWithSpec: job(t)}); err != nil {
		t.Fatal(err)
	}
	if _, there := secret(t, client)["token"]; there {
		t.Error("there is a token")
	}
}

// TestLaunchUpdatesASecret: after a crash between Secret and Job, the next launch uses the Secret.
func TestLaunchUpdatesASecret(t *testing.T) {
	c, client := newCluster(&corev1.Secret{ObjectMeta: meta("r1"), StringData: map[string]string{"token": "old"}})
	if _, err := c.Launch(t.Context(), withToken(job(t), "new")); err != nil {
		t.Fatal(err)
	}
	if got := secret(t, client)["token"]; got != "new" {
		t.Errorf("token %q", got)
	}
}

func TestLaunchRefusesObjectsOfOthers(t *testing.T) {
	foreign := &batchv1.Job{ObjectMeta: meta("r2")}
	for what, objects := range map[string][]runtime.Object{
		"Job and Secret": {foreign, &corev1.Secret{ObjectMeta: meta("r2"), StringData: map[string]string{"token": "theirs"}}},
		"Job":            {foreign},
		"unlabelled Job": {&batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}}},
	} {
		c, client := newCluster(objects...)
		before := secret(t, client)
		if uid, err := c.Launch(t.Context(), withToken(job(t), "ours")); !errors.Is(err, ci.ErrRefused) {
			t.Errorf("%s: uid %q, %v; want ErrRefused", what, uid, err)
		}
		if diff := cmp.Diff(before, secret(t, client)); diff != "" {
			t.Errorf("%s: the Secret changed (-before +after):\n%s", what, diff)
		}
	}
}

func TestLaunchErrors(t *testing.T) {
	jobs := schema.GroupResource{Group: "batch", Resource: "jobs"}
	noPermission := errors.New(`User "system:serviceaccount:yaci:yaci" cannot create resource "secrets" ` +
		`in API group "" in the namespace "builds"`)
	for what, c := range map[string]struct {
		resource string // whose creation returns err
		err      error
		refused  bool // the error wraps ci.ErrRefused
		secret   bool // it stays for the next launch
	}{
		"invalid":            {"jobs", apierrors.NewInvalid(schema.GroupKind{Kind: "Job"}, name, nil), true, false},
		"forbidden":          {"jobs", apierrors.NewForbidden(jobs, name, errors.New("quota")), true, false},
		"too large":          {"jobs", apierrors.NewRequestEntityTooLargeError("x"), true, false},
		"unavailable":        {"jobs", apierrors.NewServiceUnavailable("x"), false, true},
		"unreachable":        {"jobs", errors.New("connection refused"), false, true},
		"secret forbidden":   {"secrets", apierrors.NewForbidden(jobs, name, errors.New("x")), true, false},
		"no permission yet":  {"secrets", apierrors.NewForbidden(jobs, name, noPermission), false, false},
		"secret unavailable": {"secrets", apierrors.NewServiceUnavailable("x"), false, false},
	} {
		t.Run(what, func(t *testing.T) {
			cluster, client := newCluster()
			client.PrependReactor(
				"create",
				c.resource,
				func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, c.err },
			)
			_, err := cluster.Launch(t.Context(), withToken(job(t), "ghs_x"))
			if err == nil || errors.Is(err, ci.ErrRefused) != c.refused {
				t.Errorf("err %v, refused %v", err, c.refused)
			}
			if left := secret(t, client) != nil; left != c.secret {
				t.Errorf("a Secret is left: %v, want %v", left, c.secret)
			}
		})
	}
}

// TestLaunchInATerminatingNamespace: the answer of a namespace that is being deleted
// (plugin/pkg/admission/namespace/lifecycle) is explained.
func TestLaunchInATerminatingNamespace(t *testing.T) {
	c, client := newCluster()
	client.PrependReactor("create", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
		err := apierrors.NewForbidden(
			schema.GroupResource{Resource: "secrets"},
			name,
			errors.New("unable to create new content in namespace builds because it is being terminated"),
		)
		err.ErrStatus.Details.Causes = append(
			err.ErrStatus.Details.Causes,
			metav1.StatusCause{Type: corev1.NamespaceTerminatingCause, Message: "namespace builds is being terminated"},
		)
		return true, nil, err
	})
	_, err := c.Launch(t.Context(), withToken(job(t), "ghs_x"))
	if !errors.Is(err, ci.ErrRefused) || !strings.HasSuffix(err.Error(), "its namespace is being deleted") {
		t.Errorf("err %v", err)
	}
}

// TestRefusedWithASecretLeft: a refusal is final only if the Secret is deleted, because nothing deletes it later.
func TestRefusedWithASecretLeft(t *testing.T) {
	c, client := newCluster()
	client.PrependReactor("create", "jobs", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewInvalid(schema.GroupKind{Kind: "Job"}, name, nil)
	})
	client.PrependReactor("delete", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("connection refused")
	})
	_, err := c.Launch(t.Context(), withToken(job(t), "ghs_x"))
	if err == nil || errors.Is(err, ci.ErrRefused) {
		t.Errorf("err %v; want an error that is retried", err)
	}
}

func TestLaunchOfABrokenJob(t *testing.T) {
	for what, change := range map[string]func(*ci.JobSpec){
		"manifest": func(s *ci.JobSpec) { s.Manifest = []byte("{") },
		"files":    func(s *ci.JobSpec) { s.Files = nil },
	} {
		c, client := newCluster()
		j := job(t)
		change(&j.JobSpec)
		_, err := c.Launch(t.Context(), withToken(j, "x"))
		if err == nil || hasChanged(client) {
			t.Errorf("%s: err %v, calls %q", what, err, callsOf(client))
		}
	}
}

// hasChanged reports whether a client has made calls other than lists.
func hasChanged(client *fake.Clientset) bool {
	return slices.ContainsFunc(client.Actions(), func(a clienttesting.Action) bool { return a.GetVerb() != "list" })
}

func TestDeleteJobAndSecret(t *testing.T) {
	for what, verb := range map[string]func(*kube.Cluster) func(context.Context, ci.JobName) error{
		"secrets": func(c *kube.Cluster) func(context.Context, ci.JobName) error { return c.DeleteJobSecret },
		"jobs":    func(c *kube.Cluster) func(context.Context, ci.JobName) error { return c.DeleteJob },
	} {
		t.Run(what, func(t *testing.T) {
			c, client := newCluster(&corev1.Secret{ObjectMeta: meta("r1")}, &batchv1.Job{ObjectMeta: meta("r1")})
			for range 2 { // the second finds nothing
				if err := verb(c)(t.Context(), name); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff([]string{"delete " + what, "delete " + what}, callsOf(client)); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			client.PrependReactor(
				"delete",
				what,
				func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, errors.New("down") },
			)
			if err := verb(c)(t.Context(), name); err == nil {
				t.Error("the error is lost")
			}
		})
	}
}

// TestDeleteJobDeletesItsPods: without a propagation policy the pods would stay, because orphan is the default of
// batch/v1. In the background they would stay as long as the Job, which its finalizer keeps.
func TestDeleteJobDeletesItsPods(t *testing.T) {
	c, client := newCluster(&batchv1.Job{ObjectMeta: meta("r1")})
	if err := c.DeleteJob(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	got := client.Actions()[0].(clienttesting.DeleteAction).GetDeleteOptions().PropagationPolicy
	if got == nil || *got != metav1.DeletePropagationForeground {
		t.Errorf("propagation policy %v", got)
	}
}

func TestLogs(t *testing.T) {
	pod := func(name, job string, states ...corev1.ContainerState) *corev1.Pod {
		p := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Name:      name,
				Namespace: namespace,
				Labels:    map[string]string{"batch.kubernetes.io/job-name": job},
			},
		}
		p.Status.Phase = corev1.PodRunning
		for i, s := range states {
			c := string(rune('a' + i))
			p.Spec.Containers = append(
				p.Spec.Containers,
				corev1.Container{Name: c, Command: []string{"/yaci/bin/yaci-step", "run", "0"}},
			)
			p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{Name: c, State: s})
		}
		injected := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}} // not a step
		p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "injected"})
		p.Status.ContainerStatuses = append(
			p.Status.ContainerStatuses,
			corev1.ContainerStatus{Name: "injected", State: injected},
		)
		return p
	}
	ended := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	waiting := corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{}}
	c, _ := newCluster(pod("p2", name, ended, running, waiting), pod("p1", name), pod("p3", "another", running))
	got, err := c.Logs(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	// The fake client returns "fake logs" for each log.
	want := []kube.PodLog{{Pod: "p1", Status: "Running"}, {Pod: "p2", Status: "Running", Log: "fake logsfake logs"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	none, err := c.Logs(t.Context(), "unknown")
	data, _ := json.Marshal(none)
	if err != nil || string(data) != "[]" {
		t.Errorf("no pods: %s, %v; want an empty list", data, err)
	}
}

// finalizers returns the finalizers of the Job; nil if it is gone.
func finalizers(t *testing.T, client *fake.Clientset) []string {
	t.Helper()
	j, err := client.BatchV1().Jobs(namespace).Get(t.Context(), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return j.Finalizers
}

func TestRemoveFinalizer(t *testing.T) {
	c, client := newCluster()
	if err := c.RemoveFinalizer(t.Context(), name); err != nil {
		t.Errorf("Job that is gone: %v", err)
	}
	if _, err := c.Launch(t.Context(), ci.Launch{JobWithSpec: job(t)}); err != nil {
		t.Fatal(err)
	}
	if got := finalizers(t, client); !slices.Equal(got, []string{kube.Finalizer}) {
		t.Fatalf("launched with finalizers %q", got)
	}
	for range 2 {
		if err := c.RemoveFinalizer(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if got := finalizers(t, client); len(got) != 0 {
		t.Errorf("finalizers %q", got)
	}
	client.PrependReactor(
		"patch",
		"jobs",
		func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, errors.New("down") },
	)
	if err := c.RemoveFinalizer(t.Context(), name); err == nil {
		t.Error("the error is lost")
	}
}

// TestLaunchDeletesALostJob: the Job of an earlier launch is deleted, known by its UID, before another one of its name
// is created.
func TestLaunchDeletesALostJob(t *testing.T) {
	for uid, want := range map[string]string{"uid-0": "delete", "uid-x": "keep"} {
		c, client := newCluster()
		lost := meta("r1")
		lost.UID, lost.Finalizers = "uid-0", []string{kube.Finalizer}
		if err := client.Tracker().Add(&batchv1.Job{ObjectMeta: lost}); err != nil {
			t.Fatal(err)
		}
		j := job(t)
		j.UID = uid
		if _, err := c.Launch(t.Context(), ci.Launch{JobWithSpec: j}); err != nil {
			t.Fatal(err)
		}
		if got := slices.Contains(callsOf(client), "delete jobs"); got != (want == "delete") {
			t.Errorf("%s: calls %q, want %s", uid, callsOf(client), want)
		}
	}
}

// TestKueue: with Kueue a Job is created suspended, and names its queue.
func TestKueue(t *testing.T) {
	c, client := clusterWith(kube.Config{Namespace: namespace, KueueQueue: "builds"})
	if _, err := c.Launch(t.Context(), ci.Launch{JobWithSpec: job(t)}); err != nil {
		t.Fatal(err)
	}
	j, err := client.BatchV1().Jobs(namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil || j.Spec.Suspend == nil || !*j.Spec.Suspend || j.Labels["kueue.x-k8s.io/queue-name"] != "builds" {
		t.Errorf("job %+v, %v", j, err)
	}
	s, err := client.CoreV1().Secrets(namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil || s.Labels["kueue.x-k8s.io/queue-name"] != "" {
		t.Errorf("secret %+v, %v", s, err)
	}
}

// TestRenew: a fresh token replaces the old one, and a Secret that is gone is not created.
func TestRenew(t *testing.T) {
	c, client := newCluster()
	err := c.Renew(t.Context(), withToken(job(t), "new"))
	if err != nil || secret(t, client) != nil {
		t.Errorf("after the clone: %v, %v", err, secret(t, client))
	}
	if _, err := c.Launch(t.Context(), withToken(job(t), "old")); err != nil {
		t.Fatal(err)
	}
	if err := c.Renew(t.Context(), withToken(job(t), "new")); err != nil {
		t.Fatal(err)
	}
	got := secret(t, client)
	if got["token"] != "new" || got["plan.json"] != "[]" {
		t.Errorf("the Secret has %v", got)
	}
}
