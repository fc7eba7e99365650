package kube_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/kube"
)

func TestSecretsAreGrantedWithoutReadingThem(t *testing.T) {
	c, client := newCluster()
	g := ci.Grant{
		ID:           kube.SecretID("DEPLOY_KEY", []string{"ada/hello"}),
		Name:         "DEPLOY_KEY",
		Repositories: []string{"ada/hello"},
		Branches:     []string{"main", "release/*"},
	}
	for _, value := range []string{"one", "two"} {
		if err := c.SetSecret(t.Context(), g, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	client.ClearActions()
	got, err := c.Grants(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]ci.Grant{g}, got, cmp.Transformer("", func(g ci.Grant) string {
		return g.ID + g.Name + strings.Join(slices.Concat(g.Repositories, g.Events, g.Branches), " ")
	})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if calls := callsOf(client); !slices.Equal(calls, []string{"list configmaps"}) {
		t.Errorf("listing grants makes the calls %q", calls)
	}
	s, err := client.CoreV1().Secrets(namespace).Get(t.Context(), g.ID, metav1.GetOptions{})
	if err != nil || string(s.Data[kube.SecretKey]) != "two" {
		t.Errorf("secret %v, %v", s, err)
	}
	for range 2 {
		if err := c.RemoveSecret(t.Context(), g.ID); err != nil {
			t.Error(err)
		}
	}
	left, err := c.Grants(t.Context())
	if err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestSecretID(t *testing.T) {
	a, b := kube.SecretID("A_B", []string{"ada/hello"}), kube.SecretID("A_B", []string{"ada/other"})
	if a == b || !strings.HasPrefix(a, "secret-a-b-") || len(kube.SecretID(strings.Repeat("A", 300), nil)) > 63 ||
		a != kube.SecretID("A_B", []string{"Ada/Hello"}) {
		t.Errorf("%s, %s", a, b)
	}
}

// FuzzGrant [CVE-2026-40886]: annotations are written by people, and none of them causes a panic.
func FuzzGrant(f *testing.F) {
	f.Add("NAME", "ada/hello,7", "push", "main release/*")
	f.Add("", ",,,", "\x00", "[")
	f.Fuzz(func(t *testing.T, name, repositories, events, branches string) {
		c, _ := newCluster(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
			Name:      "x",
			Namespace: namespace,
			Labels:    map[string]string{kube.GrantLabel: "secret"},
			Annotations: map[string]string{
				kube.SecretNameAnnotation:   name,
				kube.RepositoriesAnnotation: repositories,
				kube.EventsAnnotation:       events,
				kube.BranchesAnnotation:     branches,
			},
		}})
		got, err := c.Grants(t.Context())
		if err != nil || len(got) != 1 || slices.Contains(got[0].Repositories, "") {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
