package e2e

import (
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/store/pgtest"
)

// sleeping takes long enough for what happens to its server meanwhile.
const sleeping = "image: IMAGE\nsteps:\n  - {name: wait, run: 'echo begun; sleep 25; echo done'}\n"

// replica is another server on the same database, cluster and GitHub.
func (w *World) replica() *World {
	w.T.Helper()
	other := *w
	other.Log = &LockedBuffer{}
	other.address()
	other.start()
	w.T.Cleanup(func() {
		if w.T.Failed() {
			w.T.Logf("the other server's log:\n%s", other.Log)
		}
	})
	return &other
}

func (w *World) logged(text string, times int) {
	w.T.Helper()
	w.Until(text, func() bool { return strings.Count(w.Log.String(), text) >= times })
}

func (w *World) signal(s syscall.Signal) {
	w.T.Helper()
	send := func() error { return w.pod.signal(s) }
	if w.pod == nil {
		send = func() error { return w.Cmd.Process.Signal(s) }
	}
	if err := send(); err != nil {
		w.T.Fatal(err)
	}
}

// ended waits until the server has ended by itself, and says how.
func (w *World) ended() error {
	w.T.Helper()
	if w.pod != nil {
		return w.pod.wait()
	}
	return w.Cmd.Wait()
}

// once holds what GitHub was told of a commit, and the cluster made for it,
// against a run that passed in one try.
func (w *World) once(r *citest.Repo, sha string) {
	w.T.Helper()
	finals := map[string]int{}
	all := r.Statuses(sha)
	for _, st := range all {
		if citest.Finished(st) {
			finals[st.State+st.Description]++
		}
	}
	// A leader that was stopped between GitHub's answer and its note has the same status sent twice.
	if len(all) == 0 || all[len(all)-1].State != "success" || len(finals) != 1 {
		w.T.Errorf("statuses %+v, want one outcome, success, at the end", all)
	}
	jobs := must(Clientset(w.T).BatchV1().Jobs(BuildNamespace).List(w.T.Context(), metav1.ListOptions{}))(w.T)
	pods := must(Clientset(w.T).CoreV1().Pods(BuildNamespace).List(w.T.Context(), metav1.ListOptions{}))(w.T)
	made, ran := 0, 0
	for _, j := range jobs.Items {
		if strings.Contains(j.String(), sha) {
			made++
		}
	}
	for _, p := range pods.Items {
		if strings.Contains(p.String(), sha) {
			ran++
		}
	}
	if made != 1 || ran != 1 {
		w.T.Errorf("%d Jobs and %d pods of %s, want one each", made, ran, sha)
	}
}

// Two servers on Postgres: all take webhooks, one leads. The leader is killed
// in the middle of a run; later the next one stands still for longer than its
// lease and wakes up. Each run ends right, and once.
func TestReplicas(t *testing.T) {
	t.Parallel()
	var postgres pgtest.Server
	t.Cleanup(func() {
		if err := postgres.Stop(); err != nil {
			t.Error(err)
		}
	})
	database := postgres.URL(t)
	if inCluster() {
		u := must(url.Parse(database))(t)
		u.Host = forward(t, os.Getenv("YACI_LOCAL_HOST"), u.Host).String()
		database = u.String()
	}
	a := NewWorld(t, "YACI_DATABASE_URL="+database, "YACI_LOG_STORE_SHARED=true")
	a.logged(`msg="acquired leadership"`, 1)
	b := a.replica()
	r := a.Repo("replicas", false)
	clone := must(r.Clone(t.TempDir(), a.Ada))(t)

	killed := a.PushFrom(clone, sleeping)
	a.logged(`msg="launched job"`, 1)
	a.Kill()
	b.logged(`msg="acquired leadership"`, 1)
	if st := b.Final(r, killed); st.State != "success" {
		t.Errorf("the leader was killed: %+v", st)
	}
	b.once(r, killed)

	a.start()
	stopped := a.PushFrom(clone, sleeping) // taken by a, launched by b
	b.logged(`msg="launched job"`, 1)
	b.signal(syscall.SIGSTOP)
	a.logged(`msg="acquired leadership"`, 2)
	if st := a.Final(r, stopped); st.State != "success" {
		t.Errorf("the leader stood still: %+v", st)
	}
	b.signal(syscall.SIGCONT)
	b.logged(`msg="not leading"`, 1)

	passed := a.PushFrom(clone, passing)
	a.Final(r, passed)
	for _, sha := range []string{killed, stopped, passed} {
		a.once(r, sha)
	}
}

// SIGTERM ends the server in time, and the next one takes over what runs.
func TestShutdownLeavesJobsToTheNext(t *testing.T) {
	t.Parallel()
	w := NewWorld(t)
	r := w.Repo("shutdown", false)
	sha := w.push(r, sleeping+"# of this test alone: Jobs are looked for by their commit\n")
	w.logged(`msg="launched job"`, 1)
	begun := time.Now()
	w.signal(syscall.SIGTERM)
	if err := w.ended(); err != nil {
		t.Errorf("exit: %v", err)
	}
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("the server took %v to end", took)
	}
	w.start()
	if st := w.Final(r, sha); st.State != "success" {
		t.Errorf("status %+v", st)
	}
	w.once(r, sha)
	if n := strings.Count(w.Log.String(), `msg="launched job"`); n != 1 {
		t.Errorf("launched %d times", n)
	}
}
