package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path"
	"strings"
	"time"

	"github.com/google/uuid"
	batchv1 "k8s.io/api/batch/v1"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/doctor"
	"github.com/yaci-ci/yaci/internal/kube"
	"github.com/yaci-ci/yaci/internal/runner"
	"github.com/yaci-ci/yaci/internal/threads"
	"github.com/yaci-ci/yaci/pipeline"
)

const (
	probeTimeout  = 2 * time.Minute // for a pod to start, including the pull of its image
	probeInterval = 200 * time.Millisecond
	probePort     = "7946"
	listening     = "listening" // what a probe prints when it accepts connections

	metadataAddress = "169.254.169.254:80"
	kubeletPort     = "10250"

	// noNodeLabel selects no node, so that a pod which asks for it never starts.
	noNodeLabel = "yaci.dev/doctor"
	// reservedThreads is how many threads this process keeps while another one uses up the limit.
	reservedThreads = 32
)

// probe inspects the pods of builds from inside. It launches Jobs that are made like those of builds, with YACI's own
// image: one listens, another one reports what it sees and whether it can reach the first.
type probe struct {
	cluster  *kube.Cluster
	operator pipeline.Operator
}

// inspect returns what pods of builds meet in the cluster's namespace.
func (p probe) inspect(ctx context.Context, settings doctor.PodSettings) doctor.Builds {
	b := doctor.Builds{Namespace: p.cluster.Namespace, Settings: settings}
	b.AllowsPrivileged, b.PrivilegedErr = p.allowsPrivileged(ctx)
	b.Pod, b.ProbeErr = p.report(ctx)
	items, err := p.cluster.LimitRanges(ctx, p.cluster.Namespace)
	if err == nil { // a missing permission has a finding of its own
		b.Limits = kube.DescribeLimits(items)
	}
	return b
}

// report runs both Jobs and returns what the second one printed.
func (p probe) report(ctx context.Context) (report doctor.PodReport, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*probeTimeout)
	defer cancel()
	listener, removeListener, err := p.launch(ctx, nil, "--listen", ":"+probePort)
	if err != nil {
		return report, err
	}
	defer removeListener()
	status, _, err := p.await(ctx, listener, func(s kube.PodStatus, log string) bool {
		return strings.Contains(log, listening) && s.IP != "" // the kubelet reports the address with a delay
	})
	if err != nil {
		return report, err
	}

	args := []string{"--dial", doctor.TargetMetadata + "=" + metadataAddress}
	args = append(args, "--dial", doctor.TargetPod+"="+net.JoinHostPort(status.IP, probePort))
	if status.HostIP != "" {
		args = append(args, "--dial", doctor.TargetKubelet+"="+net.JoinHostPort(status.HostIP, kubeletPort))
	}
	inspector, removeInspector, err := p.launch(ctx, nil, args...)
	if err != nil {
		return report, err
	}
	defer removeInspector()
	_, log, err := p.await(ctx, inspector, func(_ kube.PodStatus, log string) bool { return strings.Contains(log, "}") })
	if err != nil {
		return report, err
	}
	start := max(0, strings.Index(log, "{"))
	if err := json.NewDecoder(strings.NewReader(log[start:])).Decode(&report); err != nil {
		return report, fmt.Errorf("read the report of the probe: %w", err)
	}
	return report, nil
}

// allowsPrivileged reports whether the namespace accepts a privileged pod. The pod selects a node that does not exist,
// so it never starts.
func (p probe) allowsPrivileged(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	name, remove, err := p.launch(ctx, makePrivileged, "--listen", ":"+probePort)
	if err != nil {
		return false, err
	}
	defer remove()
	for {
		status, err := p.cluster.PodStatus(ctx, name)
		switch {
		case err != nil:
			return false, err
		case status.Exists:
			return true, nil
		case strings.Contains(status.CreateError, "PodSecurity") || strings.Contains(status.CreateError, "rivileged"):
			return false, nil
		case status.CreateError != "":
			return false, fmt.Errorf("the cluster created no pod: %s", status.CreateError)
		}
		if err := pause(ctx); err != nil {
			return false, errors.New("the cluster neither created nor refused a pod in time")
		}
	}
}

func makePrivileged(j *batchv1.Job) {
	yes := true
	spec := &j.Spec.Template.Spec
	spec.NodeSelector = map[string]string{noNodeLabel: "never"}
	last := &spec.Containers[len(spec.Containers)-1]
	last.SecurityContext.Privileged = &yes
	last.SecurityContext.AllowPrivilegeEscalation = &yes
}

// launch starts "yaci probe" with some arguments in a Job like that of a build. change may modify the Job; nil leaves
// it unchanged. The returned function removes the Job.
func (p probe) launch(ctx context.Context, change func(*batchv1.Job), args ...string) (ci.JobName, func(), error) {
	job, err := p.compile(change, args)
	if err != nil {
		return "", nil, err
	}
	remove := func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), doctorTimeout)
		defer cancel()
		p.cluster.DeleteAll(ctx, job.Name) //nolint:errcheck // what is left expires, and yaci uninstall removes it
	}
	if _, err := p.cluster.Launch(ctx, ci.Launch{JobWithSpec: job}); err != nil {
		remove()
		return "", nil, err
	}
	return job.Name, remove, nil
}

// compile returns the Job of a probe.
func (p probe) compile(change func(*batchv1.Job), args []string) (ci.JobWithSpec, error) {
	program := path.Join(runner.ImageDir, runner.ServerProgram)
	command, err := json.Marshal(append([]string{program, "probe"}, args...))
	if err != nil {
		return ci.JobWithSpec{}, err
	}
	const format = "image: %q\nclone: false\ntimeout: 10m\nsteps:\n  - {name: look, run: %s, quiet: true}\n"
	file, err := pipeline.Parse(fmt.Appendf(nil, format, p.operator.Image, command))
	if err != nil {
		return ci.JobWithSpec{}, err
	}

	id := strings.ReplaceAll(uuid.NewString(), "-", "")[:10]
	in := pipeline.Input{
		RunID:   "doctor-" + id,
		JobName: "yaci-doctor-" + id,
		Attempt: 1,
		Event:   "api",
	}
	op := p.operator
	op.MaxTimeoutSeconds = 0
	compiled, err := pipeline.Compile(file, in, op)
	if err != nil {
		return ci.JobWithSpec{}, err
	}
	if len(compiled) != 1 {
		return ci.JobWithSpec{}, fmt.Errorf("the probe has %d Jobs", len(compiled))
	}
	if change != nil {
		change(compiled[0].Job)
	}
	job := ci.JobWithSpec{Job: ci.Job{Name: ci.JobName(in.JobName), Run: ci.RunID(in.RunID)}}
	job.Manifest, err = json.Marshal(compiled[0].Job)
	if err != nil {
		return ci.JobWithSpec{}, err
	}
	job.Files, err = json.Marshal(compiled[0].Files)
	return job, err
}

// await waits until done returns true for the status of a Job's pod and its log so far, and returns both.
func (p probe) await(
	ctx context.Context, name ci.JobName, done func(s kube.PodStatus, log string) bool,
) (status kube.PodStatus, log string, err error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	for {
		status, err = p.cluster.PodStatus(ctx, name)
		if err != nil {
			return status, "", err
		}
		refused := !status.Exists && status.CreateError != ""
		if refused || doctor.NeverStarts(status.WaitingFor) {
			return status, "", errors.New(status.CreateError + status.WaitingFor)
		}
		pods, err := p.cluster.Logs(ctx, name)
		if err != nil {
			return status, "", err
		}
		for _, pod := range pods {
			log = pod.Log
			if done(status, log) {
				return status, log, nil
			}
		}
		if status.Ended {
			return status, log, fmt.Errorf("it ended with: %.300s", strings.TrimSpace(log))
		}
		if pause(ctx) != nil {
			reason := status.WaitingFor
			if reason == "" {
				reason = status.CreateError
			}
			return status, log, fmt.Errorf("not within %v: %s", probeTimeout, reason)
		}
	}
}

// pause waits a moment. The error is the context's.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(probeInterval):
		return nil
	}
}

// ServeProbe is what a listening probe does in its pod: it answers connections until ctx ends.
func ServeProbe(ctx context.Context, address string, out io.Writer) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { l.Close() })()
	fmt.Fprintln(out, listening)
	for {
		c, err := l.Accept()
		if err != nil {
			return ctx.Err()
		}
		io.WriteString(c, "HTTP/1.0 204 No Content\r\n\r\n")
		c.Close()
	}
}

// Inspect is what an inspecting probe does in its pod: it prints what it sees as one line of JSON. targets maps names
// to host:port and may be nil. startThreads runs a process that calls doctor.StartThreads.
func Inspect(
	ctx context.Context, targets map[string]string, startThreads func(context.Context) doctor.ThreadRun, out io.Writer,
) error {
	all := map[string]string{}
	for name, address := range targets {
		all[name] = address
	}
	if host := os.Getenv("KUBERNETES_SERVICE_HOST"); host != "" {
		all[doctor.TargetAPIServer] = net.JoinHostPort(host, os.Getenv("KUBERNETES_SERVICE_PORT"))
	}
	reserving := func(ctx context.Context) doctor.ThreadRun {
		threads.Reserve(reservedThreads)
		return startThreads(ctx)
	}
	return json.NewEncoder(out).Encode(doctor.InspectPod(ctx, all, reserving))
}
