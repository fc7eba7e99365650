package e2e

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"

	"github.com/yaci-ci/yaci/internal/citest"
)

// A stranger's pull request waits, is approved by a comment for one commit, and
// waits again after the next push; a secret reaches the default branch and no fork.
func TestForkIsApprovedByComment(t *testing.T) {
	t.Parallel()
	w := NewWorld(t)
	r := w.Repo("approved", false)
	set := exec.Command("../../bin/yaci", "secret", "set", "E2E_KEY", "--repo", "ada/approved")
	set.Stdin = strings.NewReader("s3cret-value\n")
	out, err := set.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Cleanup(func() { exec.Command("../../bin/yaci", "secret", "rm", strings.TrimSpace(string(out))).Run() })
	sha := w.push(r, "image: IMAGE\nsteps:\n  - run: test \"$E2E_KEY\" = s3cret-value\n    secrets: [E2E_KEY]\n")
	if st := w.Final(r, sha); st.State != "success" {
		t.Errorf("with the secret: %+v", st)
	}

	eve := w.GitHub.CreateUser("eve")
	clone := must(must(w.GitHub.Fork(r, eve))(t).Clone(t.TempDir(), eve))(t)
	first := w.PushFrom(clone, "image: IMAGE\nsteps: ['exit 3']\n")
	pull := must(r.OpenPull("eve:main", "main", "Change", eve))(t)
	waits := func(sha string) {
		t.Helper()
		w.Until("held "+sha, func() bool {
			return slices.ContainsFunc(r.Statuses(sha), func(s citest.Status) bool {
				return s.Description == "Waiting for approval by a maintainer: comment /ok-to-test "+sha
			})
		})
	}
	waits(first)
	pull.Say("/ok-to-test "+first, eve)
	w.Until("eve is refused", func() bool {
		said := pull.Comments()
		return len(said) == 2 && strings.Contains(said[1].Body, "only people with write access")
	})
	waitASecond(w)
	comment := pull.Say("/ok-to-test "+first[:12], w.Ada)
	if st := w.Final(r, first); st.State != "failure" {
		t.Errorf("approved: %+v", st)
	}
	w.Until("the comment has its reaction", func() bool {
		return slices.ContainsFunc(
			pull.Comments(),
			func(c citest.Comment) bool { return c.ID == comment && slices.Contains(c.Reactions, "+1") },
		)
	})
	second := w.PushFrom(clone, "image: IMAGE\nsteps:\n  - run: 'true'\n    secrets: [E2E_KEY]\n")
	st := w.Final(r, second)
	if st.State != "error" || !strings.Contains(st.Description, "secret E2E_KEY is not granted") {
		t.Errorf("a fork with a secret: %+v", st)
	}
	waits(w.PushFrom(clone, "image: IMAGE\nsteps: ['true']\n"))
}

// waitASecond waits until GitHub's clock, which has whole seconds, shows another one than now.
func waitASecond(w *World) {
	w.T.Helper()
	now := time.Now().Unix()
	w.Until("the next second", func() bool { return time.Now().Unix() > now })
}

// withForks is a new namespace with the rights of deploy/forks.
func withForks(t *testing.T, client kubernetes.Interface) string {
	t.Helper()
	forks := Namespace(t, client, nil)
	for _, doc := range strings.Split(string(must(os.ReadFile("../../deploy/forks/forks.yaml"))(t)), "\n---\n") {
		var role rbacv1.Role
		var binding rbacv1.RoleBinding
		if err := errors.Join(yaml.Unmarshal([]byte(doc), &role), yaml.Unmarshal([]byte(doc), &binding)); err != nil {
			t.Fatal(err)
		}
		role.Namespace, binding.Namespace = forks, forks
		switch role.Kind {
		case "Role":
			must(client.RbacV1().Roles(forks).Create(t.Context(), &role, metav1.CreateOptions{}))(t)
		case "RoleBinding":
			must(client.RbacV1().RoleBindings(forks).Create(t.Context(), &binding, metav1.CreateOptions{}))(t)
		}
	}
	return forks
}

// What a fork runs is in the forks' own namespace, log and all; what others run is not.
func TestForksHaveTheirNamespace(t *testing.T) {
	client := Clientset(t)
	forks := withForks(t, client)
	w := NewWorld(t, "YACI_FORK_NAMESPACE="+forks, "YACI_FORK_POLICY=always")
	r := w.Repo("apart", false)
	if st := w.Final(r, w.push(r, passing)); st.State != "success" {
		t.Errorf("not of a fork: %+v", st)
	}
	jobs := func() int {
		return len(must(client.BatchV1().Jobs(forks).List(t.Context(), metav1.ListOptions{}))(t).Items)
	}
	if n := jobs(); n != 0 {
		t.Errorf("%d Jobs where forks run", n)
	}
	eve := w.GitHub.CreateUser("eve")
	clone := must(must(w.GitHub.Fork(r, eve))(t).Clone(t.TempDir(), eve))(t)
	sha := w.PushFrom(clone, "image: IMAGE\nquiet: true\nsteps: ['echo from a fork', 'exit 3']\n")
	must(r.OpenPull("eve:main", "main", "Change", eve))(t)
	if st := w.Final(r, sha); st.State != "failure" {
		t.Errorf("of a fork: %+v", st)
	}
	if n := jobs(); n != 1 {
		t.Errorf("%d Jobs where forks run", n)
	}
	w.Until("its Secret is gone", func() bool {
		return len(must(client.CoreV1().Secrets(forks).List(t.Context(), metav1.ListOptions{}))(t).Items) == 0
	})
	if log := w.logOf(t, "apart"); log != "from a fork\n" {
		t.Errorf("log %q", log)
	}
}
