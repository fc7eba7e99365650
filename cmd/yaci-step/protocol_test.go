package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/kube"
	"github.com/yaci-ci/yaci/internal/runner"
	"github.com/yaci-ci/yaci/internal/watch"
	"github.com/yaci-ci/yaci/pipeline"
)

// protocolFile makes use of everything that a plan can say. %d is a port on which something
// listens, %s a path that is not there and longer than a record.
// All steps have one cgroup here, so the one that is "killed" runs after those that fail by themselves.
const protocolFile = `
image: tools
clone: {depth: 0}
services:
  - {name: db, image: db, ready: {tcp: %d, timeout: 20s}}
steps:
  - name: build
    env: {HOME: /nowhere, GOGC: "50"}
    secrets: [TOKEN]
    timeout: 1m
    retry: {attempts: 3, on_exit: [7]}
    run: |
      mkdir -p sub
      echo "token $TOKEN, home $HOME, gogc $GOGC, try $YACI_ATTEMPT"
      test -e tried || { touch tried; exit 7; }
      i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done
  - {name: allowed, working_directory: sub, image: other, allow_failure: true, quiet: true, retry: {attempts: 2, on_exit: [7]}, run: "pwd; exit 3"}
  - {name: image, image: ready-made, args: [from the image]}
  - {name: slow, needs: [build], timeout: 1s, run: [sleep, "60"]}
  - {name: after slow, run: "true"}
  - {name: clean up, when: {status: always}, needs: [slow], run: echo cleaned}
  - {name: on failure, when: {status: failure}, needs: [slow], run: echo told}
  - {name: no failure, when: {status: failure}, needs: [build], run: "true"}
  - {name: short secret, needs: [build], secrets: [SHORT], run: "true"}
  - {name: killed, when: {status: always}, needs: [slow], run: "printf 'oom_kill 1\\n' > \"$CGROUP\"; exit 137", env: {CGROUP: memory.events}}
  - {name: lost, needs: [build], working_directory: %s, run: "true"}
  - {name: stopped, needs: [build], run: "echo waits; exec sleep 60"}
`

// TestProtocol has the runner carry out what the server has compiled, and the server
// judge what the runner has left. Every field of the plan is set by the server, and
// every field of the record by the runner and read by the server.
func TestProtocol(t *testing.T) {
	service, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	compiled := compileProtocol(
		t,
		fmt.Sprintf(protocolFile, service.Addr().(*net.TCPAddr).Port, strings.Repeat("no/", 300)),
		protocolInput(),
	)
	err = kube.UseImages(compiled.Job, []ci.Image{{
		Name:       "ready-made",
		Pinned:     "ready-made@sha256:1",
		Entrypoint: []string{"echo"},
		Cmd:        []string{"-"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	p := protocolPod{pod: pod{t, t.TempDir()}, job: compiled.Job}
	p.prepare(compiled.Files)
	p.run()
	plans := checkPlan(t, compiled)
	checkMounts(t, compiled.Job)

	if err := service.(*net.TCPListener).SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := service.Accept(); err != nil {
		t.Errorf("no step asked whether the service is ready: %v", err)
	}
	for _, fact := range []string{adoptedFact, userFact} { // steps of several classes
		if _, err := readPublished(layoutIn(p.dir), 0, fact); err != nil {
			t.Error(err)
		}
	}

	job := p.observe(compiled)
	var records []reflect.Value
	cut := false
	for i := range p.statuses {
		message := p.statuses[i].State.Terminated.Message
		if len(message) > plans[i].RecordBytes {
			t.Errorf("step %d left a record of %d bytes, of %d", i, len(message), plans[i].RecordBytes)
		}
		cut = cut || len(message) > plans[i].RecordBytes-3 && strings.HasSuffix(message, "…")
		r, err := runner.ParseRecord(message)
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		records = append(records, reflect.ValueOf(r))
		checkStep(t, job.Steps[i], r)
		if output := runner.StepOutput([]byte(p.outputs[i])); r.Bytes != int64(len(output)) {
			t.Errorf("step %d counted %d bytes of %q", i, r.Bytes, output)
		}
	}
	if !cut {
		t.Error("no record was as long as the plan allows")
	}
	note := runner.Record{Note: "only the clone container leaves one; see TestProtocolNote"}
	checkEveryField(t, append(records, reflect.ValueOf(note)))
	var steps []reflect.Value
	for _, step := range job.Steps {
		step.Limit = 1 // is not of the record
		steps = append(steps, reflect.ValueOf(step))
	}
	checkEveryField(t, steps)

	want := map[string]struct {
		state  ci.State
		exit   int
		output string
	}{
		"build":        {ci.Success, 0, "token ***, home /nowhere, gogc 50, try 1\n"},
		"allowed":      {ci.Failure, 3, "/workspace/sub\n"},
		"image":        {ci.Success, 0, "from the image\n"},
		"slow":         {ci.Failure, 124, "timed out after 1s"},
		"after slow":   {ci.Skipped, 0, ""},
		"clean up":     {ci.Success, 0, "cleaned\n"},
		"on failure":   {ci.Success, 0, "told\n"},
		"no failure":   {ci.Skipped, 0, ""},
		"short secret": {ci.Error, 1, "secret SHORT has fewer than 4 characters"},
		"killed":       {ci.Error, 137, ""},
		"lost":         {ci.Failure, 1, "does not exist in the workspace"},
		"stopped":      {ci.Error, 143, "waits\n"},
	}
	for i, step := range job.Steps {
		w, ok := want[step.Name]
		if !ok || step.State != w.state || step.Exit != w.exit || !strings.Contains(p.outputs[i], w.output) {
			t.Errorf(
				"step %s: %s, exit %d, %q; want %+v; output %q",
				step.Name,
				step.State,
				step.Exit,
				step.Reason,
				w,
				p.outputs[i],
			)
		}
	}
	once := job.Steps[1]
	if once.Attempts != 1 || strings.Contains(p.outputs[1], runner.ScriptGroup) {
		t.Errorf("on_exit or quiet did not hold: %+v; output %q", once, p.outputs[1])
	}
	if job.State != ci.Failure || !strings.HasPrefix(job.Message, "slow failed") {
		t.Errorf("the job is %s: %s", job.State, job.Message)
	}
}

func protocolInput() pipeline.Input {
	return pipeline.Input{
		RunID:   "r1",
		JobName: "yaci-r1",
		Attempt: 1,
		Event:   "push",
		Branch:  "main",
		Ref:     "refs/heads/main",
		SHA:     strings.Repeat("a", 40),
		Secrets: map[string]pipeline.SecretRef{"TOKEN": {Name: "s", Key: "token"}, "SHORT": {Name: "s", Key: "short"}},
	}
}

func compileProtocol(t *testing.T, text string, in pipeline.Input) *pipeline.Compiled {
	t.Helper()
	file, err := pipeline.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := pipeline.Compile(file, in, pipeline.Operator{
		Image:          "yaci:1",
		TimeoutSeconds: 600,
		CPURequest:     "1",
		MemoryRequest:  "1Gi",
		MemoryLimit:    "1Gi",
		DiskLimit:      "1Gi",
	})
	if err != nil || len(compiled) != 1 {
		t.Fatalf("%d jobs, %v", len(compiled), err)
	}
	return compiled[0]
}

// protocolPod is a kubelet with one pod: it runs containers as their Job says.
type protocolPod struct {
	pod
	job      *batchv1.Job
	clone    corev1.ContainerStatus
	statuses []corev1.ContainerStatus
	outputs  []string
}

// container returns the process of a container.
func (p *protocolPod) container(c corev1.Container, name, program string) *exec.Cmd {
	if c.Command[0] != program {
		p.t.Fatalf("container %s runs %v", c.Name, c.Command)
	}
	cmd := exec.Command(os.Args[0], slices.Concat(c.Command[1:], unescaped(c.Args))...)
	cmd.Dir = filepath.Join(p.dir, "workspace")
	values := map[string]string{"token": "hush-hush", "short": "abc"}
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "YACI_STEP_TEST_ROOT=" + p.dir, "YACI_STEP_TEST_NAME=" + name}
	for _, v := range c.Env {
		switch {
		case v.ValueFrom != nil:
			v.Value = values[v.ValueFrom.SecretKeyRef.Key]
		case v.Name == "CGROUP":
			v.Value = filepath.Join(p.dir, "cgroup", v.Value)
		}
		cmd.Env = append(cmd.Env, v.Name+"="+strings.ReplaceAll(v.Value, "$$", "$"))
	}
	return cmd
}

func unescaped(words []string) (list []string) {
	for _, word := range words {
		list = append(list, strings.ReplaceAll(word, "$$", "$"))
	}
	return list
}

// prepare runs the clone container with the files of the job.
func (p *protocolPod) prepare(files map[string]string) {
	p.t.Helper()
	for _, dir := range []string{"bin", "sync", "seed", "workspace", "cgroup"} {
		if err := os.Mkdir(filepath.Join(p.dir, dir), 0o777); err != nil {
			p.t.Fatal(err)
		}
	}
	for name, text := range files {
		p.write("seed/"+name, text)
	}
	c := p.job.Spec.Template.Spec.InitContainers[0]
	cmd := p.container(c, "clone", "/usr/local/bin/yaci-step")
	out, err := cmd.CombinedOutput()
	p.clone = p.status(c.Name, "clone", cmd)
	if err != nil {
		p.t.Fatalf("prepare: %v: %s", err, out)
	}
}

// run runs the containers of all steps at once. It stops the last one, as a node does
// that shuts down, when that one has begun.
func (p *protocolPod) run() {
	p.t.Helper()
	containers := p.job.Spec.Template.Spec.Containers
	cmds := make([]*exec.Cmd, len(containers))
	p.outputs = make([]string, len(containers))
	outputs := make([]io.ReadCloser, len(containers))
	for i, c := range containers {
		var err error
		cmds[i] = p.container(c, strconv.Itoa(i), "/yaci/bin/yaci-step")
		if outputs[i], err = cmds[i].StdoutPipe(); err != nil {
			p.t.Fatal(err)
		}
		if err := cmds[i].Start(); err != nil {
			p.t.Fatal(err)
		}
	}
	last := len(containers) - 1
	for i := range containers {
		var text strings.Builder
		buf := make([]byte, 4096)
		for stopped := false; ; {
			n, err := outputs[i].Read(buf)
			text.Write(buf[:n])
			if i == last && !stopped && strings.Contains(text.String(), "\nwaits\n") {
				stopped = true
				if err := cmds[i].Process.Signal(syscall.SIGTERM); err != nil {
					p.t.Error(err)
				}
			}
			if err != nil {
				break
			}
		}
		p.outputs[i] = text.String()
	}
	for i, c := range containers {
		_ = cmds[i].Wait() // its status says how it ended
		p.statuses = append(p.statuses, p.status(c.Name, strconv.Itoa(i), cmds[i]))
	}
}

// status returns what the kubelet reports of a container.
func (p *protocolPod) status(container, name string, cmd *exec.Cmd) corev1.ContainerStatus {
	p.t.Helper()
	message, err := os.ReadFile(filepath.Join(p.dir, "termination-"+name))
	if err != nil {
		p.t.Fatal(err)
	}
	return corev1.ContainerStatus{
		Name: container,
		State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			ExitCode: int32(cmd.ProcessState.ExitCode()),
			Reason:   "Completed",
			Message:  string(message),
		}},
	}
}

// observe returns the job as the server sees it.
func (p *protocolPod) observe(compiled *pipeline.Compiled) ci.Job {
	p.t.Helper()
	files, err := json.Marshal(compiled.Files)
	if err != nil {
		p.t.Fatal(err)
	}
	stored := ci.Job{
		Name:    "yaci-r1",
		UID:     "u",
		State:   ci.Running,
		Started: time.Now(),
	}
	for _, step := range compiled.Steps {
		stored.Steps = append(stored.Steps, ci.Step{Name: step.Name, Container: step.Container, State: ci.Queued})
	}
	job := p.job.DeepCopy()
	job.UID = "u"
	seen := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: job.Spec.Template.Spec}
	seen.Status = corev1.PodStatus{
		Phase:                 corev1.PodFailed,
		InitContainerStatuses: []corev1.ContainerStatus{p.clone},
		ContainerStatuses:     p.statuses,
	}
	return watch.Observe(watch.Observation{
		Files:  files,
		Stored: stored,
		Job:    job,
		Pods:   []*corev1.Pod{seen},
		Now:    time.Now(),
	}).Job
}

// checkStep holds a step of the server against the record that the runner left.
func checkStep(t *testing.T, step ci.Step, r runner.Record) {
	t.Helper()
	got := []any{
		step.Exit,
		step.Reason,
		step.Bytes,
		step.Lines,
		step.Memory,
		step.CPU,
		step.OOM,
		step.Attempts,
		step.Finished.UnixMilli(),
		step.Allowed,
	}
	want := []any{
		r.Exit,
		r.Why(),
		r.Bytes,
		r.Lines,
		r.Memory,
		r.CPU,
		r.OOM,
		r.Attempts,
		r.Finished,
		r.Allowed && step.State == ci.Failure,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("step %s: %v, want %v", step.Name, got, want)
	}
	started := step.Started.IsZero()
	if started != (r.Started == 0) || !started && step.Started.UnixMilli() != r.Started {
		t.Errorf("step %s started %v, the record says %d", step.Name, step.Started, r.Started)
	}
}

// checkPlan returns the plan, of which the server must set every field in some step.
func checkPlan(t *testing.T, compiled *pipeline.Compiled) []runner.StepPlan {
	t.Helper()
	plans, err := runner.ParsePlan([]byte(compiled.Files[runner.PlanFile]))
	if err != nil {
		t.Fatal(err)
	}
	var steps []reflect.Value
	for _, plan := range plans {
		steps = append(steps, reflect.ValueOf(plan))
		for _, ready := range plan.Ready {
			checkEveryField(t, []reflect.Value{reflect.ValueOf(ready)})
		}
	}
	checkEveryField(t, steps)
	return plans
}

// checkEveryField fails for each field of a struct that is zero in all of its values.
func checkEveryField(t *testing.T, values []reflect.Value) {
	t.Helper()
	for i := range values[0].NumField() {
		if !slices.ContainsFunc(values, func(v reflect.Value) bool { return !v.Field(i).IsZero() }) {
			t.Errorf("%s.%s is set nowhere: one side has forgotten it", values[0].Type(), values[0].Type().Field(i).Name)
		}
	}
}

// checkMounts: what the server mounts is where the runner looks.
func checkMounts(t *testing.T, job *batchv1.Job) {
	t.Helper()
	paths := defaultPaths()
	mountPaths := func(c corev1.Container) (list []string) {
		for _, m := range c.VolumeMounts {
			list = append(list, m.MountPath)
		}
		return list
	}
	spec := job.Spec.Template.Spec
	if got, want := mountPaths(spec.InitContainers[0]), []string{paths.bin, paths.sync, paths.volume, paths.payload}; !slices.Equal(
		got,
		want,
	) {
		t.Errorf("the clone container has %v, want %v", got, want)
	}
	for i, c := range spec.Containers {
		if got, want := mountPaths(c), []string{paths.bin, paths.sync, paths.own, paths.workspace, paths.homes}; !slices.Equal(got, want) {
			t.Errorf("step %d has %v, want %v", i, got, want)
		}
		if own := filepath.Join(paths.sync, c.VolumeMounts[2].SubPath); own != stepDir(paths, i) {
			t.Errorf("step %d writes to %s, and the others look in %s", i, own, stepDir(paths, i))
		}
	}
}

// TestProtocolClone: the server sets every field of a request to clone for some job, and the runner reads it.
func TestProtocolClone(t *testing.T) {
	in := protocolInput()
	in.Repo, in.CloneURL, in.RevokeURL = "a/b", "https://github.com/a/b.git", "https://api.github.com/installation/token"
	in.Event = "pull_request"
	in.Fork = true
	in.PR = 7
	in.PRBase, in.PRBaseSHA = "main", strings.Repeat("b", 40)
	tag, pack := in, in
	tag.Event = "tag"
	tag.Tag = "v1"
	tag.PRBase = ""
	tag.PRBaseSHA = ""
	pack.Pack = true
	var requests []reflect.Value
	for _, c := range []struct {
		in   pipeline.Input
		text string
	}{
		{in, "image: a\nclone: {depth: 5, tags: true, submodules: true, lfs: true, merge: true}\nuser: 1000\nsteps: " +
			"[make]\n"},
		{tag, "image: a\non: {push: {tags: [\"*\"]}}\nsteps: [make]\n"},
		{pack, "image: a\nsteps: [make]\n"},
	} {
		env := map[string]string{}
		for _, v := range compileProtocol(t, c.text, c.in).Job.Spec.Template.Spec.InitContainers[0].Env {
			env[v.Name] = v.Value
		}
		if got := env[runner.VersionVariable]; got != strconv.Itoa(runner.Version) {
			t.Errorf("the version is %q", got)
		}
		requests = append(requests, reflect.ValueOf(runner.ParseClone(func(name string) string { return env[name] })))
	}
	checkEveryField(t, requests)
}

// TestProtocolVersion: a runner that is older than the job starts nothing, and the server says why.
func TestProtocolVersion(t *testing.T) {
	compiled := compileProtocol(t, "image: a\nclone: false\nsteps: [make]\n", protocolInput())
	clone := &compiled.Job.Spec.Template.Spec.InitContainers[0]
	for i := range clone.Env {
		if clone.Env[i].Name == runner.VersionVariable {
			clone.Env[i].Value = strconv.Itoa(runner.Version + 1)
		}
	}
	p := protocolPod{pod: pod{t, t.TempDir()}, job: compiled.Job}
	cmd := p.container(*clone, "clone", "/usr/local/bin/yaci-step")
	cmd.Dir = p.dir
	if out, err := cmd.CombinedOutput(); err == nil {
		t.Errorf("prepared: %s", out)
	}
	p.clone = p.status(clone.Name, "clone", cmd)
	job := p.observe(compiled)
	if job.State != ci.Error || !strings.Contains(job.Message, "Set YACI_IMAGE to the image of the server's version") {
		t.Errorf("%s: %s", job.State, job.Message)
	}
}

// TestProtocolNote: what the clone container notes is for the server's log.
func TestProtocolNote(t *testing.T) {
	r := runner.Record{Finished: 1, Note: "fetched again"}
	status := corev1.ContainerStatus{Name: runner.CloneContainer, State: corev1.ContainerState{
		Terminated: &corev1.ContainerStateTerminated{Message: r.Encode(0)},
	}}
	seen := &corev1.Pod{
		Status: corev1.PodStatus{Phase: corev1.PodRunning, InitContainerStatuses: []corev1.ContainerStatus{status}},
	}
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{UID: "u"}}
	got := watch.Observe(watch.Observation{
		Stored: ci.Job{UID: "u"},
		Job:    job,
		Pods:   []*corev1.Pod{seen},
		Now:    time.Now(),
	})
	if !got.Cloned || got.Note != r.Note {
		t.Errorf("cloned %v, note %q", got.Cloned, got.Note)
	}
}
