package e2e

import (
	"path/filepath"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// TestRights: the server's account can do what it needs and not, for example, read a Secret.
func TestRights(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	InstallRights(t, BuildNamespace, file)
	client := must(kubernetes.NewForConfig(must(clientcmd.BuildConfigFromFlags("", file))(t)))(t)
	if _, err := client.CoreV1().Pods(BuildNamespace).List(t.Context(), metav1.ListOptions{Limit: 1}); err != nil {
		t.Errorf("list pods: %v", err)
	}
	for what, call := range map[string]func() error{
		"list Secrets": func() error {
			_, err := client.CoreV1().Secrets(BuildNamespace).List(t.Context(), metav1.ListOptions{})
			return err
		},
		"read a Secret": func() error {
			_, err := client.CoreV1().Secrets(BuildNamespace).Get(t.Context(), "any", metav1.GetOptions{})
			return err
		},
		"list pods elsewhere": func() error {
			_, err := client.CoreV1().Pods("kube-system").List(t.Context(), metav1.ListOptions{})
			return err
		},
		"make a token": func() error {
			_, err := client.CoreV1().ServiceAccounts(BuildNamespace).CreateToken(t.Context(), "default", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
			return err
		},
		"create a pod": func() error {
			_, err := client.CoreV1().Pods(BuildNamespace).Create(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "any"}}, metav1.CreateOptions{})
			return err
		},
	} {
		if err := call(); !apierrors.IsForbidden(err) {
			t.Errorf("%s: %v, want forbidden", what, err)
		}
	}
}
