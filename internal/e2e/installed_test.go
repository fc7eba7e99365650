package e2e

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
)

// TestGoldensAreAccepted: the real API server takes every compiled golden, and
// its pod passes the namespace's Pod Security, in a server-side dry run.
func TestGoldensAreAccepted(t *testing.T) {
	client := Clientset(t)
	ns := must(client.CoreV1().Namespaces().Get(t.Context(), BuildNamespace, metav1.GetOptions{}))(t)
	if level := ns.Labels["pod-security.kubernetes.io/enforce"]; level != "baseline" {
		t.Fatalf("%s enforces %q, want baseline", BuildNamespace, level)
	}
	dry := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
	privileged := true
	bad := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "bad"},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{
				{Name: "a", Image: "a", SecurityContext: &corev1.SecurityContext{Privileged: &privileged}},
			},
		},
	}
	if _, err := client.CoreV1().Pods(BuildNamespace).Create(t.Context(), bad, dry); err == nil {
		t.Fatal("a privileged pod is accepted: Pod Security is not enforced")
	}
	paths, _ := filepath.Glob("../../testdata/pipeline/*/job.golden.yaml")
	count := 0
	for _, path := range paths {
		var compiled []struct{ Job batchv1.Job }
		if err := yaml.Unmarshal(must(os.ReadFile(path))(t), &compiled); err != nil {
			t.Fatal(err)
		}
		for _, c := range compiled {
			count++
			if _, err := client.BatchV1().Jobs(BuildNamespace).Create(t.Context(), &c.Job, dry); err != nil {
				t.Errorf("%s: %v", path, err)
			}
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: c.Job.Name}, Spec: c.Job.Spec.Template.Spec}
			if _, err := client.CoreV1().Pods(BuildNamespace).Create(t.Context(), pod, dry); err != nil {
				t.Errorf("%s: pod: %v", path, err)
			}
		}
	}
	if count < 30 {
		t.Errorf("only %d Jobs were tried", count)
	}
	t.Logf("%d Jobs of %d cases", count, len(paths))
}

// TestInstalled: what deploy/base installs, with the built image and inside the
// cluster, takes a push to its status. Two things are others: the local cluster
// has no storage to claim, and shows its API to pods only through the test.
func TestInstalled(t *testing.T) {
	client := Clientset(t)
	cfg := RESTConfig(t)
	host := os.Getenv("YACI_LOCAL_HOST")
	if host == "" {
		t.Skip("the cluster is not deploy/local's")
	}
	var pod atomic.Pointer[corev1.Pod]
	door := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: pod.Load().Status.PodIP + ":4000"})
	}})
	defer door.Close()
	w := &World{
		T:      t,
		Dir:    t.TempDir(),
		Log:    &LockedBuffer{},
		Listen: strings.TrimPrefix(door.URL, "http://"),
	}
	w.GitHub = citesttest.Start(
		t,
		citest.Options{Addr: host + ":0", HookURL: door.URL + "/webhook", HookSecret: HookSecret},
	)
	w.Ada = w.GitHub.CreateUser("ada")
	t.Cleanup(func() {
		p := pod.Load()
		if t.Failed() && p != nil {
			out, err := client.CoreV1().
				Pods(p.Namespace).
				GetLogs(p.Name, &corev1.PodLogOptions{}).
				DoRaw(citesttest.Context(t, time.Minute))
			t.Logf("the server's log: %s%v", out, err)
		}
		remove(t, client)
	})
	remove(t, client)
	install(t, cfg, map[string]string{
		"YACI_WEBHOOK_SECRET": HookSecret, "YACI_API_TOKEN": apiToken, "YACI_IMAGE": os.Getenv("YACI_IMAGE"),
		"YACI_GITHUB_API_URL": w.GitHub.APIURL(), "YACI_GITHUB_APP_ID": fmt.Sprint(citest.AppID),
	}, w.GitHub.AppKeyPEM(), forward(t, host, must(url.Parse(cfg.Host))(t).Host))
	w.Until("the server is ready", func() bool {
		list := must(
			client.CoreV1().Pods("yaci").List(t.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=yaci"}),
		)(
			t,
		)
		for i, p := range list.Items {
			for _, c := range p.Status.Conditions {
				if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue && p.DeletionTimestamp == nil {
					pod.Store(&list.Items[i])
				}
			}
		}
		return pod.Load() != nil
	})
	r := w.Repo("installed", true)
	sha := w.push(
		r,
		"image: IMAGE\nresources: {cpu: 50m, memory: 64Mi}\nsteps: [{name: read, run: 'test \"$(cat README)\" = hello'}]\n",
	)
	if st := w.Final(r, sha); st.State != "success" {
		t.Errorf("%s: %s", st.State, st.Description)
	}
	code, body := w.call(http.MethodGet, "/api/v1/runs", "", apiToken)
	if code != http.StatusOK || !strings.Contains(body, sha) {
		t.Errorf("runs: %d %s", code, body)
	}
}

// remove takes the server away again, and the quota that other tests do not expect.
func remove(t *testing.T, client kubernetes.Interface) {
	t.Helper()
	ctx := citesttest.Context(t, time.Minute)
	now := int64(0)
	for _, err := range []error{
		client.AppsV1().Deployments("yaci").Delete(ctx, "yaci", metav1.DeleteOptions{}),
		client.CoreV1().Pods("yaci").DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &now}, metav1.ListOptions{}),
		client.CoreV1().ResourceQuotas(BuildNamespace).Delete(ctx, "builds", metav1.DeleteOptions{}),
		client.CoreV1().LimitRanges(BuildNamespace).Delete(ctx, "builds", metav1.DeleteOptions{}),
	} {
		if err != nil && !apierrors.IsNotFound(err) {
			t.Error(err)
		}
	}
}

// install applies deploy/base with its two Secrets.
func install(t *testing.T, cfg *rest.Config, settings map[string]string, key []byte, apiServer net.Addr) {
	t.Helper()
	client := must(kubernetes.NewForConfig(cfg))(t)
	for _, file := range []string{"namespaces", "rbac", "builds", "network", "server"} {
		apply(t, cfg, file, func(o unstructured.Unstructured) (unstructured.Unstructured, bool) {
			if o.GetKind() == "Deployment" {
				secrets(t, client, settings, key)
				o = locally(t, o, apiServer)
			}
			return o, o.GetKind() != "PersistentVolumeClaim"
		})
	}
}

func secrets(t *testing.T, client kubernetes.Interface, settings map[string]string, key []byte) {
	t.Helper()
	for _, s := range []*corev1.Secret{
		{ObjectMeta: metav1.ObjectMeta{Name: "yaci-config"}, StringData: settings},
		{ObjectMeta: metav1.ObjectMeta{Name: "yaci-app"}, Data: map[string][]byte{"app.pem": key}},
	} {
		err := client.CoreV1().Secrets("yaci").Delete(t.Context(), s.Name, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			t.Fatal(err)
		}
		must(client.CoreV1().Secrets("yaci").Create(t.Context(), s, metav1.CreateOptions{}))(t)
	}
}
