package web_test

import (
	"database/sql"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/logs"
	"github.com/yaci-ci/yaci/internal/store"
	"github.com/yaci-ci/yaci/internal/store/pgtest"
	"github.com/yaci-ci/yaci/internal/web"
)

var benchPages = flag.Int("bench-pages", 0, "runs in the database of TestBenchPages; 0 skips it")

// target is how long the slowest of a hundred runs lists and run pages may take;
// of the other pages it is told.
const target = 50 * time.Millisecond

// TestBenchPages tells how long lists and run pages take with many runs in the database.
func TestBenchPages(t *testing.T) {
	if *benchPages == 0 {
		t.Skip("a benchmark: make bench-pages")
	}
	t.Run("sqlite", func(t *testing.T) { benchPagesOn(t, "sqlite", filepath.Join(t.TempDir(), "yaci.db")) })
	t.Run("postgres", func(t *testing.T) {
		var server pgtest.Server
		t.Cleanup(func() { must(t, server.Stop()) })
		benchPagesOn(t, "pgx", server.URL(t))
	})
}

func benchPagesOn(t *testing.T, driver, where string) {
	db, err := store.Open(t.Context(), where)
	must(t, err)
	t.Cleanup(func() { db.Close() })
	raw, err := sql.Open(driver, where)
	must(t, err)
	t.Cleanup(func() { raw.Close() })
	do := func(statements ...string) {
		t.Helper()
		for _, statement := range statements {
			if _, err := raw.Exec(statement); err != nil {
				t.Fatalf("%v: %.200s", err, statement)
			}
		}
	}
	do(crowd(*benchPages)...)
	if driver != "sqlite" { // where nobody counts rows
		do("ANALYZE")
	}
	bucket, err := logs.OpenBucket(t.Context(), filepath.Join(t.TempDir(), "logs"))
	must(t, err)
	t.Cleanup(func() { bucket.Close() })
	book, err := logs.NewStore(logs.StoreConfig{
		Jobs:   db,
		Index:  db,
		Bucket: bucket,
		Limit:  1 << 20,
	})
	must(t, err)
	log := slog.New(slog.DiscardHandler)
	pages, err := web.New(web.Config{
		Runs:    db,
		Jobs:    db,
		Repos:   db,
		Inbox:   db,
		Log:     log,
		Logbook: book,
		Sight:   ci.Visibility{Repos: []int64{10, 20, 30}},
	})
	must(t, err)
	router := chi.NewRouter()
	pages.Routes(router)
	numbers := *benchPages/200 - 1 // of a repository's runs
	slow := false
	measure := func(name string, path func() string) {
		t.Helper()
		var took, worked []time.Duration
		for i := range 220 {
			rec := httptest.NewRecorder()
			began := time.Now()
			before := cpu()
			router.ServeHTTP(rec, httptest.NewRequest("GET", path(), nil))
			if rec.Code != http.StatusOK {
				t.Fatalf("GET %s: %d", path(), rec.Code)
			}
			if i >= 20 { // the first ones fill caches
				took, worked = append(took, time.Since(began)), append(worked, cpu()-before)
			}
		}
		slices.Sort(took)
		slices.Sort(worked)
		p99 := took[len(took)*99/100]
		slow = slow || p99 > target && (name == "runs list" || name == "run page")
		t.Logf(
			"%-45s median %6.1f ms, p99 %6.1f ms; of CPU here %6.1f and %6.1f ms",
			name,
			took[len(took)/2].Seconds()*1e3,
			p99.Seconds()*1e3,
			worked[len(worked)/2].Seconds()*1e3,
			worked[len(worked)*99/100].Seconds()*1e3,
		)
	}
	always := func(name, path string) { t.Helper(); measure(name, func() string { return path }) }
	always("runs list", "/")
	always("far back", "/?after=1700050000000-r50000")
	for _, q := range []string{"state=failure", "author=nobody", "author=person7", "branch=branch3", "state=failure&author=person7", "pr=77"} {
		always(q, "/?"+q)
	}
	measure("repository", func() string { return fmt.Sprintf("/o/r%d", 1+rand.IntN(9)) })
	always("repositories", "/repositories")
	always("queue", "/queue")
	measure("run page", func() string { return fmt.Sprintf("/o/r%d/runs/%d", 1+rand.IntN(9), 1+rand.IntN(numbers)) })
	do("UPDATE runs SET repo_id = 7, private = 0 WHERE repo_id <> 8") // nearly all is one repository's
	for _, q := range []string{"", "branch=none", "author=nobody", "state=held", "event=tag", "branch=main&state=held", "branch=main&author=nobody"} {
		always("large repository "+q, "/o/r7?"+q)
	}
	always("small one beside it", "/o/r8")
	if slow {
		t.Errorf("over %v", target)
	}
}

// cpu is what this process has used, which other work on the machine does not distort; all
// of SQLite's is in it and none of Postgres's.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// crowd is what fills a database of either kind with runs of 200 repositories,
// every tenth of them private, by 50 people; the newest ones have not ended.
func crowd(n int) []string {
	numbers := fmt.Sprintf(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) `, n)
	const steps = `'[' || '{"Name":"build","Container":"1-build","State":"success"},{"Name":"vet","Container":"2-vet","State":"success"},{"Name":"test","Container":"3-test","State":"success","Memory":1000000,"Limit":5000000}' || ']'`
	state := fmt.Sprintf(
		`CASE WHEN i > %d - 300 THEN CASE i %% 3 WHEN 0 THEN 'running' ELSE 'queued' END WHEN i %% 10 = 0 THEN 'failure' ELSE 'success' END`,
		n,
	)
	finished := fmt.Sprintf(`CASE WHEN i > %d - 300 THEN 0 ELSE 1700000060000 + CAST(i AS BIGINT) * 1000 END`, n)
	// A quarter of each repository's runs are of its default branch.
	const branch = `CASE WHEN i / 200 % 4 = 0 THEN 'main' ELSE 'branch' || CAST(i / 200 % 20 AS TEXT) END`
	const created, repo, sha = `1700000000000 + CAST(i AS BIGINT) * 1000`, `CAST(1 + i % 200 AS TEXT)`, `substr('000000000000000000000000000000000000000' || CAST(i AS TEXT), length(CAST(i AS TEXT)), 40)`
	return []string{
		`INSERT INTO repos (id, owner, name, path, private, installation, default_branch) ` +
			`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) SELECT i, 'o', 'r' || CAST(i AS TEXT), 'o/r' || CAST(i AS TEXT), CASE WHEN i % 10 = 0 THEN 1 ELSE 0 END, 1, 'main' FROM n`,
		`INSERT INTO runs (id, number, repo_id, sha, kind, ref, event, attempt, state, message, created, finished, started, branch, pr, actor, private, person, supersedes) ` + numbers +
			`SELECT 'r' || CAST(i AS TEXT), 1 + i / 200, 1 + i % 200, ` + sha + `, CASE WHEN i % 3 = 0 THEN 'pull_request' ELSE 'push' END, 'refs/heads/' || ` + branch + `,
			CAST('{"Kind":"push","Repo":{"ID":' || ` + repo + ` || ',"Owner":"o","Name":"r' || ` + repo + ` || '"},"SHA":"' || ` + sha + ` || '","Branch":"' || ` + branch + ` || '","Title":"Change ' || CAST(i AS TEXT) || ' of many","Actor":{"ID":7,"Login":"person' || CAST(i % 50 AS TEXT) || '"}}' AS TEXT),
			1, ` + state + `, 'Passed in 1m00s.', ` + created + `, ` + finished + `, ` + created + `, ` + branch + `, CASE WHEN i % 3 = 0 THEN i % 500 ELSE 0 END, 'person' || CAST(i % 50 AS TEXT),
			CASE WHEN (1 + i % 200) % 10 = 0 THEN 1 ELSE 0 END, i % 50, 0 FROM n`,
		`INSERT INTO jobs (name, run, attempt, title, state, message, manifest, files, steps, services, grp, grp_limit, created, uid, started, finished, settled, cpu, memory) ` + numbers +
			`SELECT 'yaci-r' || CAST(i AS TEXT) || '-1', 'r' || CAST(i AS TEXT), 1, '', ` + state + `, '', '{}', '{}', ` + steps + `, '[]', '', 0, ` + created + `, '', ` + created + `, ` + finished + `, 1, 1000, 1000 FROM n`,
	}
}
