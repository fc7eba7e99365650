package pipeline_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/runner"
	"github.com/yaci-ci/yaci/pipeline"
)

var files = flag.Int("files", 5000, "random files to hold against the invariants")

// TestInvariants: whatever a valid file says, the final object keeps the pod's rules.
func TestInvariants(t *testing.T) {
	valid := 0
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
		in.Branch = pick(r, "main", `zzz";echo${IFS}"hello";#`, "--upload-pack=x")
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
			if broken := invariants(c.Job); broken != "" {
				t.Fatalf("seed %d: %s\n%s", i, broken, text)
			}
		}
	}
	if valid < *files/4 {
		t.Errorf("only %d Jobs from %d files", valid, *files)
	}
}

var label = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// invariants is the first rule that a Job breaks, or empty.
func invariants(j *batchv1.Job) string {
	p := j.Spec.Template.Spec
	switch {
	case !label.MatchString(j.Name):
		return "name " + j.Name
	case *j.Spec.BackoffLimit != 0 || *j.Spec.ActiveDeadlineSeconds < 1 || *j.Spec.ActiveDeadlineSeconds > 6*3600:
		return "backoff or deadline"
	case p.RestartPolicy != corev1.RestartPolicyNever || p.HostNetwork || p.HostPID || p.HostIPC || p.NodeName != "" || len(p.NodeSelector) > 0 ||
		p.Affinity != nil || len(p.Tolerations) > 0 || p.PriorityClassName != "" || len(p.ImagePullSecrets) > 0 || p.ShareProcessNamespace != nil:
		return "pod spec"
	case *p.AutomountServiceAccountToken || *p.EnableServiceLinks || p.ServiceAccountName != "default":
		return "service account"
	case p.SecurityContext.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault:
		return "seccomp"
	}
	for _, v := range p.Volumes {
		d := v.EmptyDir
		if d != nil && (d.SizeLimit == nil || d.SizeLimit.Sign() <= 0) ||
			d == nil && (v.Name != "seed" || v.Secret == nil || v.Secret.SecretName != j.Name) {
			return "volume " + v.Name
		}
	}
	if len(p.InitContainers) == 0 {
		return "no init container"
	}
	names := map[string]bool{}
	for i, c := range append(p.InitContainers, p.Containers...) {
		broken := container(c, i == 0, i-len(p.InitContainers))
		if broken != "" || names[c.Name] {
			return fmt.Sprintf("container %s: %s", c.Name, broken)
		}
		names[c.Name] = true
	}
	return ""
}

// capabilities are all that a container may have.
func capabilities(clone bool) []corev1.Capability {
	if clone {
		return nil
	}
	return []corev1.Capability{
		"CHOWN",
		"DAC_OVERRIDE",
		"FOWNER",
		"FSETID",
		"KILL",
		"NET_BIND_SERVICE",
		"SETFCAP",
		"SETGID",
		"SETUID",
	}
}

// container checks one container; step is the index of its step, or negative.
func container(c corev1.Container, clone bool, step int) string {
	s := c.SecurityContext
	switch {
	case !label.MatchString(c.Name):
		return "name"
	case *s.Privileged || *s.AllowPrivilegeEscalation || len(s.Capabilities.Drop) != 1 || s.Capabilities.Drop[0] != "ALL" || !slices.Equal(s.Capabilities.Add, capabilities(clone)) || s.SeccompProfile != nil || s.ProcMount != nil:
		return "security"
	case c.Resources.Limits.Memory().Sign() <= 0 || c.Resources.Limits.StorageEphemeral().Sign() <= 0:
		return "limits"
	case len(c.Ports) > 0 || c.Lifecycle != nil || len(c.VolumeDevices) > 0 || len(c.EnvFrom) > 0:
		return "fields"
	case clone != (c.Name == runner.CloneContainer):
		return "the first container is clone, and no other"
	}
	for _, m := range c.VolumeMounts {
		own := step >= 0 && (m.Name == "sync" && m.SubPath == strconv.Itoa(step) ||
			m.Name == "workspace" && (m.SubPath == "workspace" || m.SubPath == "home"))
		if m.Name == "seed" && !clone || m.SubPath != "" && !own || m.SubPathExpr != "" ||
			(m.Name == "bin" || m.Name == "sync") && !clone && !own && !m.ReadOnly {
			return "mount " + m.Name
		}
	}
	seen := map[string]bool{}
	for _, e := range c.Env {
		if clone && !strings.HasPrefix(e.Name, "YACI_") && e.Name != "HOME" || seen[e.Name] {
			return "variable " + e.Name
		}
		seen[e.Name] = true
		if e.ValueFrom != nil && (clone || e.ValueFrom.SecretKeyRef == nil || e.ValueFrom.SecretKeyRef.Name != "granted") {
			return "variable from " + e.Name
		}
		// Kubernetes must not expand anything: every $ is doubled.
		if strings.Contains(strings.ReplaceAll(e.Value, "$$", ""), "$") {
			return "value of " + e.Name
		}
	}
	return ""
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
