package main

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
func (w *world) replica() *world {
	w.t.Helper()
	other := *w
	other.log = &lockedBuffer{}
	other.address()
	other.start()
	w.t.Cleanup(func() {
		if w.t.Failed() {
			w.t.Logf("the other server's log:\n%s", other.log)
		}
	})
	return &other
}

func (w *world) logged(text string, times int) {
	w.t.Helper()
	w.until(text, func() bool { return strings.Count(w.log.String(), text) >= times })
}

func (w *world) signal(s syscall.Signal) {
	w.t.Helper()
	send := func() error { return w.pod.signal(s) }
	if w.pod == nil {
		send = func() error { return w.cmd.Process.Signal(s) }
	}
	if err := send(); err != nil {
		w.t.Fatal(err)
	}
}

// ended waits until the server has ended by itself, and says how.
func (w *world) ended() error {
	w.t.Helper()
	if w.pod != nil {
		return w.pod.wait()
	}
	return w.cmd.Wait()
}

// once holds what GitHub was told of a commit, and the cluster made for it,
// against a run that passed in one try.
func (w *world) once(r *citest.Repo, sha string) {
	w.t.Helper()
	finals := map[string]int{}
	all := r.Statuses(sha)
	for _, st := range all {
		if citest.Finished(st) {
			finals[st.State+st.Description]++
		}
	}
	// A leader that was stopped between GitHub's answer and its note has the same status sent twice.
	if len(all) == 0 || all[len(all)-1].State != "success" || len(finals) != 1 {
		w.t.Errorf("statuses %+v, want one outcome, success, at the end", all)
	}
	jobs := must(clientset(w.t).BatchV1().Jobs(buildNamespace).List(w.t.Context(), metav1.ListOptions{}))(w.t)
	pods := must(clientset(w.t).CoreV1().Pods(buildNamespace).List(w.t.Context(), metav1.ListOptions{}))(w.t)
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
		w.t.Errorf("%d Jobs and %d pods of %s, want one each", made, ran, sha)
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
	a := newWorld(t, "YACI_DATABASE_URL="+database, "YACI_LOG_STORE_SHARED=true")
	a.logged(`msg="acquired leadership"`, 1)
	b := a.replica()
	r := a.repo("replicas", false)
	clone := must(r.Clone(t.TempDir(), a.ada))(t)

	killed := a.pushFrom(clone, sleeping)
	a.logged(`msg="launched job"`, 1)
	a.kill()
	b.logged(`msg="acquired leadership"`, 1)
	if st := b.final(r, killed); st.State != "success" {
		t.Errorf("the leader was killed: %+v", st)
	}
	b.once(r, killed)

	a.start()
	stopped := a.pushFrom(clone, sleeping) // taken by a, launched by b
	b.logged(`msg="launched job"`, 1)
	b.signal(syscall.SIGSTOP)
	a.logged(`msg="acquired leadership"`, 2)
	if st := a.final(r, stopped); st.State != "success" {
		t.Errorf("the leader stood still: %+v", st)
	}
	b.signal(syscall.SIGCONT)
	b.logged(`msg="not leading"`, 1)

	passed := a.pushFrom(clone, passing)
	a.final(r, passed)
	for _, sha := range []string{killed, stopped, passed} {
		a.once(r, sha)
	}
}

// SIGTERM ends the server in time, and the next one takes over what runs.
func TestShutdownLeavesJobsToTheNext(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.repo("shutdown", false)
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
	if st := w.final(r, sha); st.State != "success" {
		t.Errorf("status %+v", st)
	}
	w.once(r, sha)
	if n := strings.Count(w.log.String(), `msg="launched job"`); n != 1 {
		t.Errorf("launched %d times", n)
	}
}
