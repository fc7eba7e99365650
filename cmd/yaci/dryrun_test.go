package main

import (
	"os"
	"path/filepath"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"
)

const buildNamespace = "yaci-builds"

func clientset(t *testing.T) kubernetes.Interface {
	t.Helper()
	if os.Getenv("YACI_IMAGE") == "" {
		t.Skip("no cluster: run make test")
	}
	cfg := must(
		clientcmd.NewNonInteractiveDeferredLoadingClientConfig(clientcmd.NewDefaultClientConfigLoadingRules(), nil).
			ClientConfig(),
	)(
		t,
	)
	cfg.QPS, cfg.Burst = 100, 200
	return must(kubernetes.NewForConfig(cfg))(t)
}

// TestGoldensAreAccepted: the real API server takes every compiled golden, and
// its pod passes the namespace's Pod Security, in a server-side dry run.
func TestGoldensAreAccepted(t *testing.T) {
	client := clientset(t)
	ns := must(client.CoreV1().Namespaces().Get(t.Context(), buildNamespace, metav1.GetOptions{}))(t)
	if level := ns.Labels["pod-security.kubernetes.io/enforce"]; level != "baseline" {
		t.Fatalf("%s enforces %q, want baseline", buildNamespace, level)
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
	if _, err := client.CoreV1().Pods(buildNamespace).Create(t.Context(), bad, dry); err == nil {
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
			if _, err := client.BatchV1().Jobs(buildNamespace).Create(t.Context(), &c.Job, dry); err != nil {
				t.Errorf("%s: %v", path, err)
			}
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: c.Job.Name}, Spec: c.Job.Spec.Template.Spec}
			if _, err := client.CoreV1().Pods(buildNamespace).Create(t.Context(), pod, dry); err != nil {
				t.Errorf("%s: pod: %v", path, err)
			}
		}
	}
	if count < 30 {
		t.Errorf("only %d Jobs were tried", count)
	}
	t.Logf("%d Jobs of %d cases", count, len(paths))
}
