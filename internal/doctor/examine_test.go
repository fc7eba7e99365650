package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/yaci-ci/yaci/internal/ci"
)

// healthy is an installation without anything to mend.
func healthy() Facts {
	return Facts{
		Database: Database{Version: 23, Latest: 23},
		GitHub: GitHub{
			ClockKnown:  true,
			App:         "yaci",
			Permissions: requiredPermissions(false),
			Events:      usedEvents(false),
			Hook:        "https://ci.example.com/webhook",
			PublicURL:   "https://ci.example.com/",
			Sent:        []ci.HookDelivery{{At: time.Unix(1, 0), Code: 202}, {Code: 202}},
		},
		Builds: Builds{Pod: PodReport{
			Threads:       ThreadReport{Started: 480, Refused: true},
			UserNamespace: true,
			Seccomp:       true,
			NoNewPrivs:    true,
			Dials:         map[string]string{TargetPod: "timeout", TargetAPIServer: "timeout", TargetMetadata: "timeout", TargetKubelet: "timeout"},
		}},
	}
}

// forksOf is a namespace for forks in which one thing is otherwise.
func forksOf(change func(*Builds)) *Builds {
	b := healthy().Builds
	b.Namespace = "yaci-forks"
	change(&b)
	return &b
}

func TestHealthy(t *testing.T) {
	all := Examine(healthy())
	for _, f := range all {
		if f.Level != Good || f.Summary == "" || f.Fix != "" {
			t.Errorf("%+v", f)
		}
	}
	if len(all) != 12 || Problems(all) != 0 {
		t.Errorf("%d findings, %d problems", len(all), Problems(all))
	}
}

// Each thing that can be wrong is found by one check, alone, with what to do.
func TestSick(t *testing.T) {
	for name, c := range map[string]struct {
		change       func(*Facts)
		check        string
		level        Level
		summary, fix string
	}{
		"a setting":     {func(f *Facts) { f.Settings = []string{"YACI_X is empty: set it."} }, "settings", Problem, "YACI_X is empty.", "Set it."},
		"no database":   {func(f *Facts) { f.Database.Err = errors.New("no such host") }, "database", Problem, "no such host", "YACI_DATABASE_URL"},
		"an old schema": {func(f *Facts) { f.Database.Version = 9 }, "database", Warning, "schema version is 9", "migrates"},
		"a newer one":   {func(f *Facts) { f.Database.Version = 99 }, "database", Problem, "newer YACI", "backup"},
		"H5":            {func(f *Facts) { f.Database.Skew = time.Hour }, "database", Warning, "differs from this machine's by 1h0m0s", "NTP"},
		"a new one":     {func(f *Facts) { f.Database = Database{New: true} }, "database", Good, "none yet", ""},
		"no GitHub":     {func(f *Facts) { f.GitHub = GitHub{Err: errors.New("401")} }, "GitHub", Problem, "401", "key"},
		"check runs":    {func(f *Facts) { f.GitHub.Checks, f.GitHub.Events = true, usedEvents(true) }, "App permissions", Problem, "lacks checks: write", "Add them"},
		"a token":       {func(f *Facts) { f.GitHub = GitHub{ClockKnown: true, Personal: true} }, "webhook", Unknown, "personal token", "App"},
		"a fast clock":  {func(f *Facts) { f.GitHub.Skew = time.Minute }, "clock", Problem, "1m0s", "NTP"},
		"a slow clock":  {func(f *Facts) { f.GitHub.Skew = -20 * time.Second }, "clock", Warning, "20s", "NTP"},
		"less permission": {func(f *Facts) {
			f.GitHub.Permissions = map[string]string{"contents": "write", "statuses": "read", "pull_requests": "write"}
		}, "App permissions", Problem, "lacks metadata: read, statuses: write", "Add"},
		"more permission": {func(f *Facts) { f.GitHub.Permissions["administration"] = "write" }, "App permissions", Warning, "administration: write", "Remove"},
		"S12: a name has passed on": {func(f *Facts) {
			f.Grants = []string{"secret KEY was granted to ada/hello when that was the repository with the id 7; it has the id 8 now, so whoever operates YACI must grant it anew: yaci secret grant s --repo ada/hello#8"}
		}, "secrets", Warning, "it has the id 8 now.", "yaci secret grant s --repo ada/hello#8"},
		"deaf": {func(f *Facts) { f.GitHub.Events = []string{"push", "issue_comment"} }, "App events", Problem, "pull_request, merge_group, repository, public", "Subscribe"},
		"no merge queues": {func(f *Facts) {
			f.GitHub.Events = []string{"push", "pull_request", "issue_comment", "repository", "public"}
		}, "App events", Warning, "not subscribed to merge_group: merge queues", "Subscribe"},
		"S7: no repository events": {func(f *Facts) {
			f.GitHub.Events = []string{"push", "pull_request", "issue_comment", "merge_group"}
			f.GitHub.Settings = "https://hub.test/settings/apps/yaci/permissions"
		}, "App events", Warning, "not subscribed to repository, public: names and visibility", "https://hub.test/settings/apps/yaci/permissions"},
		"no hook":        {func(f *Facts) { f.GitHub.Hook = "" }, "webhook", Problem, "no webhook", "/webhook"},
		"a wrong path":   {func(f *Facts) { f.GitHub.Hook = "https://ci.example.com/" }, "webhook", Problem, "not an address", "/webhook"},
		"another host":   {func(f *Facts) { f.GitHub.PublicURL = "https://other" }, "webhook", Warning, "https://other", "agree"},
		"silence":        {func(f *Facts) { f.GitHub.Sent = nil }, "webhook", Warning, "nothing", "push"},
		"a wrong secret": {func(f *Facts) { f.GitHub.Sent[0].Code = 401 }, "webhook", Problem, "ended with 401", "YACI_WEBHOOK_SECRET"},
		"no answer":      {func(f *Facts) { f.GitHub.Sent[0] = ci.HookDelivery{Status: "timed out"} }, "webhook", Problem, "no answer (timed out)", "reach"},
		"a stumble":      {func(f *Facts) { f.GitHub.Sent[1].Code = 503 }, "webhook", Warning, "ended with 503", "later"},
		"hook unseen":    {func(f *Facts) { f.GitHub.HookErr = errors.New("404") }, "webhook", Unknown, "404", "Advanced"},
		"no right": {func(f *Facts) {
			f.Cluster.Missing = []Permission{{"b", "batch", "jobs", "", "create"}, {"b", "", "pods", "log", "get"}}
		}, "cluster permissions", Problem, "create jobs.batch in b, get pods/log in b", "rbac.yaml"},
		"too much right": {func(f *Facts) { f.Cluster.Excessive = []Permission{{"", "", "nodes", "", "list"}} }, "cluster permissions", Warning, "list nodes", "permissions"},
		"open network":   {func(f *Facts) { f.Builds.Pod.Dials[TargetPod], f.Builds.Pod.Dials[TargetAPIServer] = Reached, Reached }, "network policy", Warning, "reaches another pod, the API server", "Calico"},
		"open metadata":  {func(f *Facts) { f.Builds.Pod.Dials[TargetMetadata] = Reached }, "network policy", Problem, "reaches the metadata address", "of your own"},
		"a proxy, open": {func(f *Facts) {
			f.Builds.Pod.Dials = map[string]string{TargetPod: Reached, TargetAPIServer: Reached, TargetUnassigned: Reached}
		}, "network policy", Warning, "reaches another pod.", "Calico"},
		"a proxy": {func(f *Facts) {
			f.Builds.Pod.Dials[TargetMetadata], f.Builds.Pod.Dials[TargetUnassigned] = Reached, Reached
		}, "network policy", Unknown, "A proxy that answers", "proxy"},
		"no peer":     {func(f *Facts) { delete(f.Builds.Pod.Dials, TargetPod) }, "network policy", Unknown, "no other pod", "again"},
		"node's root": {func(f *Facts) { f.Builds.Pod.UserNamespace = false }, "user namespaces", Warning, "root of the node", "YACI_USER_NAMESPACES"},
		"in vain":     {func(f *Facts) { f.Builds.Pod.UserNamespace, f.Builds.Settings.UserNamespaces = false, true }, "user namespaces", Problem, "is set, but", "Linux 6.3"},
		"soft": {func(f *Facts) {
			f.Builds.Pod.Seccomp = false
			f.Builds.Pod.NoNewPrivs = false
			f.Builds.Pod.Token = true
		}, "pod hardening", Problem, "no seccomp filter is in force and setuid programs gain privileges and a service account token is mounted", "webhook"},
		"S15: no limit on processes": {func(f *Facts) { f.Builds.Pod.Threads = ThreadReport{Started: 4096} }, "process limit", Warning, "4096 threads", "podPidsLimit"},
		"S15: not found out":         {func(f *Facts) { f.Builds.Pod.Threads = ThreadReport{Err: "killed"} }, "process limit", Unknown, "killed", "again"},
		"S15: an older image":        {func(f *Facts) { f.Builds.Pod.Threads = ThreadReport{} }, "process limit", Unknown, "older", "YACI_IMAGE"},
		"S15: for forks": {func(f *Facts) {
			f.Forks = forksOf(func(b *Builds) { b.Pod.Threads = ThreadReport{Started: 4096} })
		}, "forks: process limit", Warning, "4096 threads", "podPidsLimit"},
		"takes privileged": {func(f *Facts) { f.Builds.AllowsPrivileged = true }, "pod security", Warning, "accepts privileged pods", "kubectl label"},
		"no idea":          {func(f *Facts) { f.Builds.PrivilegedErr = errors.New("slow") }, "pod security", Unknown, "slow", "yaci doctor"},
		"no pod in one":    {func(f *Facts) { f.Builds.ProbeErr, f.Builds.Settings.UserNamespaces = errors.New("sandbox"), true }, "user namespaces", Problem, "is set, and", "Linux 6.3"},
		"users refused": {func(f *Facts) {
			f.Builds.ProbeErr = errors.New("can't set `spec.hostUsers: false`, runtime does not support user namespaces")
			f.Builds.Settings.UserNamespaces = true
		}, "user namespaces", Problem, "no pod starts: the container runtime", "containerd 2"},
		"no class": {func(f *Facts) {
			f.Builds.ProbeErr, f.Builds.Settings.RuntimeClass = errors.New(`pod rejected: RuntimeClass "gvisor" not found`), "gvisor"
		}, "runtime class", Problem, "no RuntimeClass gvisor", "YACI_RUNTIME_CLASS"},
		"no handler": {func(f *Facts) {
			f.Builds.ProbeErr, f.Builds.Settings.RuntimeClass = errors.New(`no runtime for "runsc" is configured`), "gvisor"
		}, "runtime class", Problem, "does not have the handler", "nodeSelector"},
		"a class unseen": {func(f *Facts) { f.Builds = Builds{Skipped: true, Settings: PodSettings{RuntimeClass: "gvisor"}} }, "runtime class", Unknown, "Not checked", "--no-probe"},
		"a class":        {func(f *Facts) { f.Builds.Settings.RuntimeClass = "gvisor" }, "runtime class", Good, "RuntimeClass gvisor", ""},
		"open for forks": {func(f *Facts) { f.Forks = forksOf(func(b *Builds) { b.Pod.Dials[TargetPod] = Reached }) }, "forks: network policy", Warning, "another pod", "Calico"},
		"soft for forks": {func(f *Facts) { f.Forks = forksOf(func(b *Builds) { b.AllowsPrivileged = true }) }, "forks: pod security", Warning, "yaci-forks accepts privileged", "namespace yaci-forks"},
		"forks are fine": {func(f *Facts) { f.Forks = forksOf(func(b *Builds) { b.Settings.RuntimeClass = "kata" }) }, "forks: runtime class", Good, "kata", ""},
		"forks' no class": {func(f *Facts) {
			f.Forks = forksOf(func(b *Builds) {
				b.ProbeErr, b.Settings.RuntimeClass = errors.New(`RuntimeClass "kata" not found`), "kata"
			})
		}, "forks: runtime class", Problem, "no RuntimeClass kata", "YACI_FORK_RUNTIME_CLASS"},
		"forks nowhere": {func(f *Facts) {
			f.Forks = forksOf(func(b *Builds) { b.ProbeErr = errors.New(`namespaces "yaci-forks" not found`) })
		}, "forks: network policy", Problem, "yaci-forks", "deploy/forks"},
		"no pod": {func(f *Facts) { f.Builds.ProbeErr = errors.New("ErrImagePull") }, "network policy", Problem, "ErrImagePull", "image"},
	} {
		f := healthy()
		f.GitHub.Permissions = requiredPermissions(false)
		c.change(&f)
		all := Examine(f)
		i := slices.IndexFunc(all, func(f Finding) bool { return f.Check == c.check })
		if i < 0 || all[i].Level != c.level || !strings.Contains(all[i].Summary, c.summary) ||
			!strings.Contains(all[i].Fix, c.fix) ||
			(c.level == Good) != (all[i].Fix == "") {
			t.Errorf("%s: %+v", name, all)
		}
		for _, f := range all {
			// it leads to the one that is looked for
			cause := strings.HasSuffix(f.Check, "network policy") && strings.Contains(f.Fix, "See the finding on")
			if f.Level == Problem && f.Check != c.check && name != "no pod in one" && !cause {
				t.Errorf("%s: also %+v", name, f)
			}
		}
	}
	all := Examine(Facts{Cluster: Cluster{Err: errors.New("refused")}})
	if all[len(all)-1].Check != "cluster" || all[len(all)-1].Level != Problem {
		t.Errorf("without a cluster: %+v", all)
	}
}

// What is asked for is what is installed.
func TestRequiredPermissionsAreTheRole(t *testing.T) {
	want := map[Permission]bool{}
	for _, file := range []string{"base/rbac.yaml", "forks/forks.yaml"} {
		text, err := os.ReadFile("../../deploy/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, doc := range strings.Split(string(text), "\n---\n") {
			var role rbacv1.Role
			if err := yaml.Unmarshal([]byte(doc), &role); err != nil {
				t.Fatal(err)
			}
			for _, rule := range role.Rules {
				for _, verb := range rule.Verbs {
					resource, sub, _ := strings.Cut(rule.Resources[0], "/")
					want[Permission{role.Namespace, rule.APIGroups[0], resource, sub, verb}] = true
				}
			}
		}
	}
	for _, r := range RequiredPermissions("yaci-builds", "yaci-forks") {
		if !want[r] {
			t.Errorf("the Role does not give %s", r)
		}
		delete(want, r)
	}
	for r := range want {
		t.Errorf("nobody looks whether there is %s", r)
	}
}

func TestWrite(t *testing.T) {
	all := []Finding{{"a", Good, "Fine <b>.", ""}, {"long check", Problem, "Bad.", "Do it."}}
	var table, text bytes.Buffer
	if err := Write(&table, all); err != nil {
		t.Fatal(err)
	}
	want := "CHECK       RESULT   SUMMARY\na           ok       Fine <b>.\nlong check  problem  Bad.\n                     -> Do it.\n"
	if table.String() != want {
		t.Errorf("%q, want\n%q", table.String(), want)
	}
	var got struct{ Findings []Finding }
	err := WriteJSON(&text, all)
	if err != nil || json.Unmarshal(text.Bytes(), &got) != nil || !slices.Equal(got.Findings, all) {
		t.Errorf("%v: %s", err, text.String())
	}
}

func TestInspectPod(t *testing.T) {
	answering := httptest.NewServer(http.NotFoundHandler())
	defer answering.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	s := InspectPod(
		t.Context(),
		map[string]string{
			"closed": "127.0.0.1:1",
			"silent": silent.Addr().String(),
			"open":   answering.Listener.Addr().String(),
		},
		func(context.Context) ThreadRun { return ThreadRun{Stdout: "1\n2\n"} },
	)
	if s.Dials["open"] != Reached || s.Dials["closed"] == Reached || s.Dials["silent"] != "connected, but no answer" ||
		s.Dials[TargetUnassigned] == "" ||
		s.Threads != (ThreadReport{Started: 2}) {
		t.Errorf("%+v", s)
	}
	for mapped, want := range map[string]bool{"         0          0 4294967295\n": false, "0 65536 65536\n": true, "": false, "1000 0 1\n": false} {
		if hasUserNamespace(mapped) != want {
			t.Errorf("%q: %v", mapped, !want)
		}
	}
	if statusField("Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t1\n", "Seccomp") != "2" {
		t.Error("the field of another name")
	}
}
