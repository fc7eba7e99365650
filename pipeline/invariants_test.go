package pipeline_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/pipeline"
)

var files = flag.Int("files", 5000, "random files to hold against the invariants")

// TestInvariants: whatever a valid file says, the final object keeps the pod's rules.
func TestInvariants(t *testing.T) {
	valid := 0
	broken := map[string]string{} // by the name of a rule, the first file that broke it
	for i := range *files {
		r := rand.New(rand.NewPCG(uint64(i), 7))
		text := randomFile(r)
		file, err := pipeline.Parse([]byte(text))
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", i, err, text)
		}
		in := input()
		in.Event = pick(r, "push", "pull_request", "tag", "merge_group")
		in.PR = 7
		in.PRBase = "main"
		in.Branch = pick(r, "main", `zzz";echo${IFS}"hello";#`, optionBranch)
		in.Secrets = map[string]pipeline.SecretRef{"TOKEN": {Name: "granted", Key: "value"}}
		jobs, err := pipeline.Compile(file, in, operator())
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", i, err, text)
		}
		names := map[string]bool{}
		for n, c := range jobs {
			valid++
			if names[c.Job.Name] {
				t.Fatalf("seed %d: two Jobs are called %s", i, c.Job.Name)
			}
			names[c.Job.Name] = true
			for _, need := range c.Needs {
				if need < 0 || need >= len(jobs) || need == n {
					t.Fatalf("seed %d: job %d needs %d", i, n, need)
				}
			}
			for _, r := range rules() {
				if why := r.broken(c.Job); why != "" && broken[r.name] == "" {
					broken[r.name] = fmt.Sprintf("seed %d: %s\n%s", i, why, text)
				}
			}
		}
	}
	if valid < *files/4 {
		t.Errorf("only %d Jobs from %d files", valid, *files)
	}
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			if broken[r.name] != "" {
				t.Error(broken[r.name])
			}
			file, err := pipeline.Parse([]byte("image: a\nsteps: [b]\n"))
			if err != nil {
				t.Fatal(err)
			}
			job := compiles(t, file, input())[0].Job
			r.attack(job)
			if r.broken(job) == "" {
				t.Error("the rule does not notice a Job that breaks it")
			}
		})
	}
}

func pick(r *rand.Rand, words ...string) string { return words[r.IntN(len(words))] }

// randomFile is a valid file with any keys.
func randomFile(r *rand.Rand) string {
	var b strings.Builder
	if r.IntN(3) == 0 {
		b.WriteString(
			pick(
				r,
				"on: [push, pull_request]\n",
				"on: {push: {branches: ['**'], tags: [v1]}, merge_group: }\n",
				"on: {pull_request: {branches: [main]}}\n",
			),
		)
	}
	b.WriteString("image: " + pick(r, "golang:1.26", "gcr.io/a/b@sha256:abc", "UPPER") + "\n")
	b.WriteString(
		pick(r, "", "timeout: 90s\n", "clone: false\n", "clone: {depth: 0, merge: true, lfs: true, submodules: true}\n"),
	)
	if r.IntN(3) > 0 {
		randomJob(r, &b, "", true)
		return b.String()
	}
	b.WriteString("jobs:\n")
	for i := range 1 + r.IntN(3) {
		fmt.Fprintf(&b, "  %q:\n", fmt.Sprintf("%s %d", pick(r, "Ünit", "🚀", "a", "clone"), i))
		randomJob(r, &b, "    ", false)
	}
	return b.String()
}

func randomJob(r *rand.Rand, b *strings.Builder, indent string, top bool) {
	line := func(s string) { b.WriteString(indent + s + "\n") }
	if r.IntN(3) == 0 {
		line(pick(r, `matrix: {go: ["1", "2"], os: [a]}`, `matrix: {x-y: [a, b], include: [{z: q}]}`))
	}
	if !top && r.IntN(2) == 0 {
		line(pick(r, "timeout: 10m", "concurrency: {group: $YACI_BRANCH}", "shell: bash"))
	}
	if r.IntN(2) == 0 {
		line(
			pick(
				r,
				`env: {A: "$(B) $$", LD_PRELOAD: x, PATH: /x, GIT_CONFIG_COUNT: "9", HTTP_PROXY: y, BASH_ENV: z}`,
				`resources: {cpu: 100m, memory: 1Gi}`,
			),
		)
	}
	if r.IntN(3) == 0 {
		line(`services:`)
		line(
			pick(
				r,
				`  - {name: db, image: x, env: {A: "$$(X)"}, ready: {tcp: 1}}`,
				`  - {name: clone, image: y, command: [a, $(B)], resources: {memory: 1Mi}}`,
			),
		)
	}
	line("steps:")
	for i := range 1 + r.IntN(6) {
		if r.IntN(3) == 0 {
			line("  - " + pick(r, "make", `"echo $(date)"`, `'x: "y"'`))
			continue
		}
		keys := []string{
			fmt.Sprintf("name: %q", fmt.Sprintf("%s-%d", pick(r, "clone", "🎉", strings.Repeat("x", 200), "A b"), i)),
			"run: " + pick(r, "make", "[a, $(b)]"),
		}
		for _, k := range []string{"image: b", "timeout: 5s", "retry: {attempts: 2}", "allow_failure: true", "secrets: [TOKEN]", "needs: []", "shell: [python3]",
			"resources: {cpu: 2, disk: 1Gi}", "when: {status: always}", "when2: {event: push}", "env: {X: '${X}'}"} {
			if r.IntN(5) == 0 && !strings.HasPrefix(k, "when2") {
				keys = append(keys, k)
			}
		}
		line("  - {" + strings.Join(keys, ", ") + "}")
	}
}

func TestIsolation(t *testing.T) {
	file, err := pipeline.Parse([]byte("image: a\nsteps: [x]\n"))
	if err != nil {
		t.Fatal(err)
	}
	op := operator()
	op.Namespace = "forks"
	op.RuntimeClass = "gvisor"
	op.UserNamespace = true
	jobs, err := pipeline.Compile(file, input(), op)
	if err != nil {
		t.Fatal(err)
	}
	j := jobs[0].Job
	p := j.Spec.Template.Spec
	if j.Namespace != "forks" || p.RuntimeClassName == nil || *p.RuntimeClassName != "gvisor" || p.HostUsers == nil ||
		*p.HostUsers {
		t.Errorf("namespace %q, runtime class %v, host users %v", j.Namespace, p.RuntimeClassName, p.HostUsers)
	}
}
