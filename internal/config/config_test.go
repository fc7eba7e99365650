package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"github.com/yaci-ci/yaci/internal/config"
)

// parse fills a Config as cmd/yaci does, from these flags and without an environment.
func parse(t *testing.T, args ...string) (c config.Config) {
	t.Helper()
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, "YACI_") || name == "KUBECONFIG" {
			t.Setenv(name, "") // so that it comes back
			os.Unsetenv(name)
		}
	}
	k, err := kong.New(&c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Parse(args); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDefaults(t *testing.T) {
	want := config.Config{

		Listen:        ":4000",
		MetricsListen: "127.0.0.1:4001",
		Pages:         config.Pages{Checks: "off"},
		Storage:       config.Storage{DatabaseURL: "sqlite:///var/lib/yaci/yaci.db", LogStore: "/var/lib/yaci/logs"},
		GithubAPIURL:  "https://api.github.com/",
		Namespace:     "yaci-builds",
		LogLimit:      64 << 20,
		LogReserve:    1 << 30,
		Pods: config.Pods{
			Image:          "ghcr.io/yaci-ci/yaci:latest",
			Timeout:        time.Hour,
			MaxTimeout:     6 * time.Hour,
			KeepJobs:       time.Hour,
			PendingTimeout: 10 * time.Minute,
			CPURequest:     "250m",
			MemoryRequest:  "256Mi",
			MemoryLimit:    "4Gi",
			DiskLimit:      "10Gi",
		},
		Retention:  config.Retention{KeepRunsDays: 90, RepoStoreLimit: 256 << 20, KeepDeliveriesDays: 14},
		RunImage:   "alpine",
		MaxRunning: 50,
		HealEvery:  5 * time.Minute,
		ForkPolicy: "approval",
	}
	if diff := cmp.Diff(want, parse(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// With the two things that have no default, the defaults serve.
func TestLeastThatServes(t *testing.T) {
	if ps := parse(t, "--webhook-secret=x", "--github-token=y").Problems(); len(ps) != 0 {
		t.Errorf("problems %q", ps)
	}
}

func TestSignInNeedsAllOfIt(t *testing.T) {
	with := func(args ...string) string {
		return strings.Join(parse(t, append([]string{"--webhook-secret=x", "--github-token=y"}, args...)...).Problems(), "|")
	}
	for want, got := range map[string]string{
		"Signing in needs both YACI_GITHUB_CLIENT_ID and YACI_GITHUB_CLIENT_SECRET.":          with("--github-client-id=a"),
		"Signing in needs YACI_PUBLIC_URL, to which GitHub sends people back.":                with("--github-client-id=a", "--github-client-secret=b"),
		"Signing in needs a GitHub App: set YACI_GITHUB_APP_ID and YACI_GITHUB_APP_KEY_FILE.": with("--github-client-id=a", "--github-client-secret=b", "--public-url=https://ci.test"),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	got := parse(
		t,
		"--database-url=mysql://u:p@x/y",
		"--github-api-url=github",
		"--max-running=0",
		"--timeout=1ms",
		"--keep-jobs=0s",
		"--cpu-request=lots",
		"--memory-request=",
		"--memory-limit=-1Gi",
		"--disk-limit=0",
		"--max-timeout=0s",
		"--max-disk=-1",
		"--image-pull-policy=never",
		"--keep-runs-days=-1",
		"--keep-runs=-1",
		"--keep-deliveries-days=3",
		"--fork-policy=ask",
		"--runtime-class=Kata!",
		"--fork-max-timeout=1ms",
		"--fork-max-memory=lots",
	).Problems()
	want := []string{
		"YACI_WEBHOOK_SECRET is empty: set it to the secret of the GitHub App's webhook.",
		`YACI_DATABASE_URL is "mysql://u:xxxxx@x/y": write sqlite:///path/to/file or postgres://user:password@host/database.`,
		`YACI_GITHUB_API_URL is "github": write a URL like https://api.github.com/.`,
		"GitHub is not connected: set YACI_PUBLIC_URL, and the server's log has a page that creates a GitHub App; or set YACI_GITHUB_APP_ID and YACI_GITHUB_APP_KEY_FILE, or YACI_GITHUB_TOKEN.",
		`YACI_FORK_POLICY is "ask": write approval, never or always.`,
		"YACI_MAX_RUNNING is 0: set at least 1.",
		"YACI_KEEP_RUNS_DAYS is -1: write a number of days, or 0 to keep runs forever.",
		"YACI_KEEP_RUNS is -1: write a number of runs, or 0 to keep all.",
		"YACI_KEEP_DELIVERIES_DAYS is 3: set at least 4, since GitHub may redeliver for three days.",
		"YACI_TIMEOUT is 1ms: set at least 1s.",
		"YACI_MAX_TIMEOUT is 0s: set at least YACI_TIMEOUT, which is 1ms.",
		"YACI_KEEP_JOBS is 0s: set at least 1m, or a Job may be deleted before its outcome is read.",
		`YACI_CPU_REQUEST is "lots": write a Kubernetes quantity, like 250m or 4Gi.`,
		`YACI_MEMORY_REQUEST is "": write a Kubernetes quantity, like 250m or 4Gi.`,
		`YACI_MEMORY_LIMIT is "-1Gi": write a Kubernetes quantity, like 250m or 4Gi.`,
		`YACI_DISK_LIMIT is "0": write a Kubernetes quantity, like 250m or 4Gi.`,
		`YACI_MAX_DISK is "-1": write a Kubernetes quantity, like 8 or 16Gi, or leave it empty.`,
		`YACI_RUNTIME_CLASS is "Kata!": write a Kubernetes name: lower-case letters, digits and -.`,
		`YACI_FORK_MAX_TIMEOUT is 1ms: set at least 1s.`,
		`YACI_FORK_MAX_MEMORY is "lots": write a Kubernetes quantity, like 8 or 16Gi, or leave it empty.`,
		`YACI_IMAGE_PULL_POLICY is "never": write Always, IfNotPresent or Never.`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestProblems(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(key, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	const needsBoth = "A GitHub App needs both YACI_GITHUB_APP_ID and YACI_GITHUB_APP_KEY_FILE."
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"App":       {[]string{"--webhook-secret=x", "--github-app-id=1", "--github-app-key-file=" + key}, nil},
		"no secret": {[]string{"--github-token=x"}, []string{"YACI_WEBHOOK_SECRET is empty: set it to the secret of the GitHub App's webhook."}},
		"a pod waits too long": {[]string{"--webhook-secret=x", "--github-token=y", "--pending-timeout=1h"},
			[]string{"YACI_PENDING_TIMEOUT is 1h0m0s: set at most 50m, since the clone token of a pod expires after an hour."}},
		"App and token":   {[]string{"--webhook-secret=x", "--github-app-id=1", "--github-token=y"}, []string{"Both a GitHub App and YACI_GITHUB_TOKEN are set: use only one of them."}},
		"App without key": {[]string{"--webhook-secret=x", "--github-app-id=1"}, []string{needsBoth}},
		"App without id":  {[]string{"--webhook-secret=x", "--github-app-key-file=" + key}, []string{needsBoth}},
		"key is missing": {[]string{"--webhook-secret=x", "--github-app-id=1", "--github-app-key-file=/nowhere/k.pem"},
			[]string{"YACI_GITHUB_APP_KEY_FILE cannot be read: stat /nowhere/k.pem: no such file or directory."}},
		"no database file": {[]string{"--webhook-secret=x", "--github-token=y", "--database-url=sqlite://"},
			[]string{`YACI_DATABASE_URL is "sqlite://": write sqlite:///path/to/file or postgres://user:password@host/database.`}},
		"Postgres":           {[]string{"--webhook-secret=x", "--github-token=y", "--database-url=postgres://ci@db/yaci", "--log-store=s3://logs?region=x"}, nil},
		"Postgres by socket": {[]string{"--webhook-secret=x", "--github-token=y", "--database-url=postgresql:///yaci?host=/run/postgresql", "--log-store-shared"}, nil},
		"H9": {[]string{"--webhook-secret=x", "--github-token=y", "--database-url=postgres://ci@db/yaci", "--log-store=/logs"},
			[]string{"YACI_LOG_STORE is the directory /logs, and with Postgres other servers cannot read what this one keeps there: write a bucket like s3://bucket?region=x. If all servers share the directory, or there is only this one, set YACI_LOG_STORE_SHARED=true."}},
		"Postgres nowhere": {[]string{"--webhook-secret=x", "--github-token=y", "--database-url=postgres:///yaci"},
			[]string{`YACI_DATABASE_URL is "postgres:///yaci": write sqlite:///path/to/file or postgres://user:password@host/database.`}},
		"GitHub by ftp": {[]string{"--webhook-secret=x", "--github-token=y", "--github-api-url=ftp://github.com"},
			[]string{`YACI_GITHUB_API_URL is "ftp://github.com": write a URL like https://api.github.com/.`}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, parse(t, c.args...).Problems()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	parse(t) // clears it
	t.Setenv("YACI_WEBHOOK_SECRET", "s")
	t.Setenv("YACI_MAX_RUNNING", "7")
	t.Setenv("YACI_API_TOKEN", "t")
	t.Setenv("KUBECONFIG", "/k")
	var c config.Config
	k, err := kong.New(&c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Parse(nil); err != nil {
		t.Fatal(err)
	}
	if c.WebhookSecret != "s" || c.MaxRunning != 7 || c.APIToken != "t" || c.Kubeconfig != "/k" {
		t.Errorf("%+v", c)
	}
}

func TestDatabasePath(t *testing.T) {
	for url, want := range map[string]string{
		"sqlite:///var/lib/yaci.db": "/var/lib/yaci.db", "sqlite:yaci.db": "yaci.db", "sqlite://yaci.db": "yaci.db", "sqlite:": "", "postgres://db/yaci": "",
	} {
		if got := (config.Storage{DatabaseURL: url}).DatabasePath(); got != want {
			t.Errorf("%s: %q, want %q", url, got, want)
		}
	}
}

func TestPublicURL(t *testing.T) {
	for url, good := range map[string]bool{"": true, "https://ci.example.com": true, "http://10.0.0.1:4000/": true,
		"ci.example.com": false, "ftp://x": false, "https://x/yaci": false, "https://x?a=b": false, "https://u:p@x": false} {
		ps := parse(t, "--webhook-secret=x", "--github-token=y", "--public-url="+url).Problems()
		if (len(ps) == 0) != good {
			t.Errorf("%q: %q", url, ps)
		}
	}
}

// A first start needs nothing but where people reach the server; the key file that deploy/base names need not be there.
func TestFirstStart(t *testing.T) {
	c := config.Config{Pages: config.Pages{PublicURL: "https://ci.example.com"}, GithubAppKey: "/nowhere/app.pem"}
	for _, p := range c.Problems() {
		if strings.Contains(p, "GitHub is not") || strings.Contains(p, "GITHUB_APP") ||
			strings.Contains(p, "YACI_WEBHOOK_SECRET") {
			t.Error(p)
		}
	}
	c.GithubAppID = 1
	if c.Unconnected() || len(c.Problems()) == 0 ||
		!strings.Contains(strings.Join(c.Problems(), "\n"), "YACI_GITHUB_APP_KEY_FILE cannot be read") {
		t.Errorf("an id without its key: %v", c.Problems())
	}
}

func TestC19Registries(t *testing.T) {
	for entries, good := range map[string]bool{
		"registry.internal": true, "registry.internal:5000,http://10.0.0.5:5000": true, "https://r.test": true, "[fd00::1]:5000": true,
		"ftp://r.test": false, "r.test/path": false, "user@r.test": false, "a.test, b.test": false,
	} {
		ps := parse(t, "--webhook-secret=x", "--github-token=y", "--registries="+entries).Problems()
		if (len(ps) == 0) != good {
			t.Errorf("%q: %q", entries, ps)
		}
	}
}
