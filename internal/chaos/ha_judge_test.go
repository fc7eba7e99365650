package chaos

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/e2e"
)

// values counts the values of a query.
func (h *chaosHA) values(query string) map[string]int {
	h.T.Helper()
	rows := must(h.db().Query(query))(h.T)
	defer rows.Close()
	got := map[string]int{}
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			h.T.Fatal(err)
		}
		got[v]++
	}
	if err := rows.Err(); err != nil {
		h.T.Fatal(err)
	}
	return got
}

// settle waits until everything has come to rest: all that was pushed is known, and nothing waits.
func (h *chaosHA) settle() {
	h.T.Helper()
	why := "nobody has looked"
	for end := time.Now().Add(2*time.Minute + time.Duration(len(h.pushed))*time.Second); why != "" && time.Now().Before(end); {
		time.Sleep(300 * time.Millisecond)
		why = h.restless()
	}
	if why != "" {
		h.T.Errorf("not at rest: %s", why)
	}
}

// restless says what is not at rest.
func (h *chaosHA) restless() string {
	h.Drain()
	known := h.values(`SELECT DISTINCT sha FROM deliveries`)
	for _, p := range h.pushed {
		if known[p.sha] == 0 {
			return fmt.Sprintf("%s of %s is not known", p.sha, p.repo.FullName())
		}
	}
	for what, query := range restless() {
		var n int
		err := h.db().QueryRow(query).Scan(&n)
		if err != nil || n > 0 {
			return fmt.Sprintf("%d %s (%v)", n, what, err)
		}
	}
	return ""
}

// ready waits until both servers say that they are.
func (h *chaosHA) ready() {
	h.T.Helper()
	for _, s := range h.servers {
		code := 0
		for end := time.Now().Add(time.Minute); code != http.StatusOK && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			code = s.get(s.metrics, "/readyz")
		}
		if code != http.StatusOK {
			h.T.Errorf("/readyz of server %s: %d", s.name, code)
		}
	}
}

// judge holds GitHub, the database and the cluster against what was pushed, and returns the figures.
func (h *chaosHA) judge() string {
	h.T.Helper()
	runs := h.values(`SELECT sha FROM runs`)
	told := h.values(`SELECT sha || ' ' || state FROM statuses WHERE context = 'yaci'`)
	ended := h.values(`SELECT r.sha || ' ' || j.state FROM jobs j JOIN runs r ON r.id = j.run`)
	lost := 0
	doubled := 0
	stuck := 0
	contradictory := 0
	blame := func(count *int, p haPush, what string) {
		*count++
		h.T.Errorf(
			"%s of %s, which should be %s, is %s: statuses %+v",
			p.sha,
			p.repo.FullName(),
			p.want,
			what,
			p.repo.Statuses(p.sha),
		)
	}
	for _, p := range h.pushed {
		endings := map[string]int{}
		all := p.repo.Statuses(p.sha)
		for _, st := range all {
			if citest.Finished(st) {
				endings[st.State+" "+st.Description]++
			}
		}
		switch {
		case runs[p.sha] == 0 || len(all) == 0:
			blame(&lost, p, "lost")
		case runs[p.sha] > 1 || len(endings) > 1:
			blame(&doubled, p, "doubled")
		case len(endings) == 0 || !citest.Finished(all[len(all)-1]):
			blame(&stuck, p, "stuck")
		case all[len(all)-1].State != p.want || told[p.sha+" "+p.want] != 1 || p.job && ended[p.sha+" "+p.want] != 1:
			blame(&contradictory, p, "contradictory")
		}
	}
	contradictory += h.judgeCluster()
	return fmt.Sprintf("%d lost, %d doubled, %d stuck, %d contradictory", lost, doubled, stuck, contradictory)
}

// judgeCluster counts what the cluster has that the database does not: a Job without a row, a second pod, or a Job that
// is held by its finalizer.
func (h *chaosHA) judgeCluster() (wrong int) {
	h.T.Helper()
	client := e2e.Clientset(h.T)
	own := metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by=yaci"}
	known := h.values(`SELECT uid FROM jobs`)
	jobs := must(client.BatchV1().Jobs(h.space).List(h.T.Context(), own))(h.T)
	for _, job := range jobs.Items {
		if known[string(job.UID)] != 1 || len(job.Finalizers) > 0 {
			wrong++
			h.T.Errorf("the Job %s is left: known %d, finalizers %v", job.Name, known[string(job.UID)], job.Finalizers)
		}
	}
	pods := must(client.CoreV1().Pods(h.space).List(h.T.Context(), own))(h.T)
	var names []string
	for _, pod := range pods.Items {
		name := pod.Labels["batch.kubernetes.io/job-name"]
		if slices.Contains(names, name) {
			wrong++
			h.T.Errorf("the Job %s has run twice", name)
		}
		names = append(names, name)
	}
	secrets := must(client.CoreV1().Secrets(h.space).List(h.T.Context(), own))(h.T)
	for _, secret := range secrets.Items {
		wrong++
		h.T.Errorf("the Secret %s is left", secret.Name)
	}
	return wrong
}
