package chaos

import (
	"database/sql"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/e2e"
)

// restless are queries that count what is not at rest.
func restless() map[string]string {
	return map[string]string{
		"deliveries that wait":            `SELECT count(*) FROM deliveries WHERE state = 'pending'`,
		"runs that have not ended":        `SELECT count(*) FROM runs WHERE finished = 0`,
		"jobs that have not ended":        `SELECT count(*) FROM jobs WHERE finished = 0`,
		"jobs that may leave something":   `SELECT count(*) FROM jobs WHERE settled = 0 AND uid <> ''`,
		"statuses that GitHub lacks":      `SELECT count(*) FROM statuses WHERE sent < version`,
		"statuses that nobody has looked": `SELECT count(*) FROM statuses WHERE verified < version`,
	}
}

func (c *chaos) query() *sql.DB {
	c.T.Helper()
	db := must(sql.Open("sqlite", "file:"+filepath.Join(c.Dir, "yaci.db")+"?_pragma=busy_timeout(5000)&mode=ro"))(c.T)
	c.T.Cleanup(func() { db.Close() })
	return db
}

// settle waits until everything has come to rest: all that was pushed is known,
// and nothing waits.
func (c *chaos) settle() {
	c.T.Helper()
	db := c.query()
	why := ""
	end := time.Now().Add(2*time.Minute + time.Duration(len(c.pushed))*30*time.Millisecond)
	for i := 0; time.Now().Before(end); i++ {
		if i == 5 {
			c.watches.expire() // of a server that lives on
		}
		time.Sleep(300 * time.Millisecond)
		if why = c.restless(db); why == "" {
			return
		}
	}
	c.T.Errorf("not at rest: %s", why)
}

// restless says what is not at rest.
func (c *chaos) restless(db *sql.DB) string {
	c.Drain()
	for what, query := range restless() {
		var n int
		err := db.QueryRow(query).Scan(&n)
		if err != nil || n > 0 {
			return fmt.Sprintf("%d %s (%v)", n, what, err)
		}
	}
	known := column(c, db, `SELECT DISTINCT sha FROM deliveries`)
	for _, p := range c.pushed {
		if known[p.sha] == 0 {
			return fmt.Sprintf("%s at %s of %s is not known", p.sha, p.branch, p.repo.FullName())
		}
	}
	return ""
}

// column counts the values of a query.
func column(c *chaos, db *sql.DB, query string) map[string]int {
	c.T.Helper()
	rows := must(db.Query(query))(c.T)
	defer rows.Close()
	got := map[string]int{}
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			c.T.Fatal(err)
		}
		got[v]++
	}
	if err := rows.Err(); err != nil {
		c.T.Fatal(err)
	}
	return got
}

// judge holds GitHub, the database and the cluster against what was pushed.
func (c *chaos) judge() {
	c.T.Helper()
	db := c.query()
	c.judgeInbox(db)
	runs, told := column(
		c,
		db,
		`SELECT sha FROM runs`,
	), column(
		c,
		db,
		`SELECT sha || ' ' || state FROM statuses WHERE context = 'yaci'`,
	)
	want := 0
	jobs := 0
	repeats := 0
	for _, p := range c.pushed {
		all := p.repo.Statuses(p.sha)
		if p.want == "" {
			if len(all) > 0 || runs[p.sha] > 0 {
				c.T.Errorf("%s has no file, %d runs and the statuses %+v", p.sha, runs[p.sha], all)
			}
			continue
		}
		want++
		if p.job {
			jobs++
		}
		ends := map[string]int{}
		for _, st := range all {
			if citest.Finished(st) {
				ends[st.State]++
			}
		}
		if len(all) == 0 || all[len(all)-1].State != p.want || len(ends) != 1 {
			c.T.Errorf("%s of %s: statuses %+v, want one ending, %s", p.sha, p.branch, all, p.want)
			continue
		}
		repeats += ends[p.want] - 1
		if runs[p.sha] != 1 || told[p.sha+" "+p.want] != 1 {
			c.T.Errorf("%s: %d runs, and the database does not say %s", p.sha, runs[p.sha], p.want)
		}
	}
	if len(runs) != want {
		c.T.Errorf("%d commits have runs, want %d", len(runs), want)
	}
	recovered := column(c, db, `SELECT origin FROM deliveries`)
	c.T.Logf(
		"%d runs, %d of them with a Job; %d webhooks came, %d were taken from the list, %d heads were found; %d endings were told again",
		want,
		jobs,
		recovered[""],
		recovered["listed"],
		recovered["compared"],
		repeats,
	)
	c.judgeCluster(db, jobs)
}

// judgeInbox: whatever GitHub has sent, or meant to, is in the inbox once and led somewhere.
func (c *chaos) judgeInbox(db *sql.DB) {
	c.T.Helper()
	stored := column(c, db, `SELECT guid FROM deliveries`)
	lost, accepted := map[string]bool{}, 0
	for _, d := range c.GitHub.Deliveries() {
		if d.OK() {
			accepted++
		}
		if stored[d.GUID] != 1 {
			lost[d.GUID] = true
		}
	}
	if len(lost) > 0 {
		c.T.Errorf("%d deliveries are not in the inbox once: %v", len(lost), slices.Collect(maps.Keys(lost)))
	}
	if failed := column(c, db, `SELECT guid || ': ' || reason FROM deliveries WHERE state = 'failed'`); len(failed) > 0 {
		c.T.Errorf("set aside: %v", failed)
	}
	c.T.Logf("%d deliveries, %d were accepted when they were sent", len(stored), accepted)
}

// judgeCluster: each Job is a run's, none is held by its finalizer, no Secret is left.
func (c *chaos) judgeCluster(db *sql.DB, want int) {
	c.T.Helper()
	cfg := e2e.RESTConfig(c.T)
	client := must(kubernetes.NewForConfig(cfg))(c.T)
	own := metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by=yaci"}
	known := column(c, db, `SELECT name FROM jobs WHERE state <> 'skipped'`)
	if len(known) != want {
		c.T.Errorf("%d jobs in the database, want %d", len(known), want)
	}
	jobs := must(client.BatchV1().Jobs("yaci-builds").List(c.T.Context(), own))(c.T)
	for _, job := range jobs.Items {
		if job.CreationTimestamp.Time.Before(c.began) {
			continue // another test's
		}
		if known[job.Name] == 0 || len(job.Finalizers) > 0 {
			c.T.Errorf("the Job %s is left: known %d, finalizers %v", job.Name, known[job.Name], job.Finalizers)
		}
	}
	secrets := must(client.CoreV1().Secrets("yaci-builds").List(c.T.Context(), own))(c.T)
	for _, secret := range secrets.Items {
		if !secret.CreationTimestamp.Time.Before(c.began) {
			c.T.Errorf("the Secret %s is left", secret.Name)
		}
	}
}
