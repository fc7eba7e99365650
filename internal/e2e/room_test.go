package e2e

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
)

// waits waits for a pending status that begins with a text.
func (w *World) waits(r *citest.Repo, sha, text string) {
	w.T.Helper()
	must(r.WaitStatus(citesttest.Context(w.T, time.Minute), sha, "yaci", func(st citest.Status) bool {
		return st.State == "pending" && strings.HasPrefix(st.Description, text)
	}))(w.T)
}

// A job that asks for more than any node has ends at once, and says so.
func TestTooLargeForEveryNode(t *testing.T) {
	t.Parallel()
	w := NewWorld(t)
	r := w.Repo("giant", false)
	sha := w.push(r, "image: IMAGE\nresources: {cpu: 500}\nsteps: ['true']\n")
	st := w.Final(r, sha)
	if st.State != "error" ||
		!strings.HasPrefix(st.Description, "No node is large enough: the job requests 500 CPU and ") {
		t.Errorf("status %+v", st)
	}
}

// Where nodes are added it waits for one, says so, and not for ever.
func TestWaitsForANode(t *testing.T) {
	t.Parallel()
	w := NewWorld(t, "YACI_NODES_GROW=true", "YACI_PENDING_TIMEOUT=40s")
	r := w.Repo("patient", false)
	sha := w.push(r, "image: IMAGE\nresources: {cpu: 500}\nsteps: ['true']\n")
	w.waits(r, sha, "Waiting: no node ")
	small := w.Repo("small", false) // S9: what asks for less does not wait behind it
	if st := w.Final(small, w.push(small, "image: IMAGE\nresources: {cpu: 10m}\nsteps: ['true']\n")); st.State != "success" {
		t.Errorf("status of the small job %+v", st)
	}
	st := w.Final(r, sha)
	if st.State != "error" || !strings.HasPrefix(st.Description, "No node had room for the job for 40s: no node ") {
		t.Errorf("status %+v", st)
	}
}

// A full quota is what a job waits for, and nothing more is launched; with room it runs.
func TestWaitsForTheQuota(t *testing.T) {
	t.Parallel()
	client := Clientset(t)
	space := Namespace(t, client, nil)
	quotas := client.CoreV1().ResourceQuotas(space)
	must(quotas.Create(t.Context(), &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "few"},
		Spec: corev1.ResourceQuotaSpec{
			Hard: corev1.ResourceList{"pods": resource.MustParse("0")},
		}}, metav1.CreateOptions{}))(t)
	w := NewWorld(t, "YACI_NAMESPACE="+space)
	r := w.Repo("quota", false)
	first := w.push(r, "image: IMAGE\nsteps: ['true'] # first\n")
	w.waits(r, first, "Waiting: the quota of the namespace is used up: pods")
	second := w.push(r, "image: IMAGE\nsteps: ['true'] # second\n")
	w.waits(r, second, "Waiting: 1st in line, the cluster is full: the quota of the namespace is used up")
	if err := quotas.Delete(t.Context(), "few", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, sha := range []string{first, second} {
		if st := w.Final(r, sha); st.State != "success" {
			t.Errorf("status %+v", st)
		}
	}
}
