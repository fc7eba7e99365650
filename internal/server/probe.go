package server

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
	probeTime = 2 * time.Minute // for a pod to come up, with its image pulled
	probePort = "7946"
	listening = "listening"
	nowhere   = "yaci.dev/doctor" // a label that no node has
)

// probe looks at builds from inside: two Jobs made as every build's is, of YACI's
// own image. One listens; the other says what it sees and can reach.
type probe struct {
	cluster *kube.Cluster
	op      pipeline.Operator
}

// builds is what a build meets.
func (p probe) builds(ctx context.Context, wanted doctor.Wanted) doctor.Builds {
	b := doctor.Builds{Namespace: p.cluster.Namespace, Wanted: wanted}
	b.Privileged, b.PodErr = p.privileged(ctx)
	b.Sight, b.Err = p.look(ctx)
	if items, err := p.cluster.LimitRanges(ctx, p.cluster.Namespace); err == nil { // otherwise the rights say why
		b.Limits = kube.DescribeLimits(items)
	}
	return b
}

func (p probe) look(ctx context.Context) (s doctor.Sight, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*probeTime)
	defer cancel()
	listener, remove, err := p.run(ctx, nil, "--listen", ":"+probePort)
	if err != nil {
		return s, err
	}
	defer remove()
	at, _, err := p.await(ctx, listener, func(at kube.PodStatus, log string) bool {
		return strings.Contains(log, listening) && at.IP != "" // the kubelet tells the address in its own time
	})
	if err != nil {
		return s, err
	}
	args := []string{"--dial", doctor.Metadata + "=169.254.169.254:80"}
	args = append(args, "--dial", doctor.Peer+"="+net.JoinHostPort(at.IP, probePort))
	if at.HostIP != "" {
		args = append(args, "--dial", doctor.Kubelet+"="+net.JoinHostPort(at.HostIP, "10250"))
	}
	looker, removeLooker, err := p.run(ctx, nil, args...)
	if err != nil {
		return s, err
	}
	defer removeLooker()
	_, log, err := p.await(ctx, looker, func(_ kube.PodStatus, log string) bool { return strings.Contains(log, "}") })
	if err != nil {
		return s, err
	}
	line := log[strings.Index(log, "{"):]
	if err := json.NewDecoder(strings.NewReader(line)).Decode(&s); err != nil {
		return s, fmt.Errorf("read what it saw: %w", err)
	}
	return s, nil
}

// privileged reports whether the namespace takes a privileged pod. The pod asks
// for a node that is nowhere, so it never starts.
func (p probe) privileged(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, doctorTime)
	defer cancel()
	name, remove, err := p.run(ctx, func(j *batchv1.Job) {
		yes := true
		spec := &j.Spec.Template.Spec
		spec.NodeSelector = map[string]string{nowhere: "never"}
		last := &spec.Containers[len(spec.Containers)-1]
		last.SecurityContext.Privileged, last.SecurityContext.AllowPrivilegeEscalation = &yes, &yes
	}, "--listen", ":"+probePort)
	if err != nil {
		return false, err
	}
	defer remove()
	for {
		at, err := p.cluster.PodStatus(ctx, name)
		switch {
		case err != nil:
			return false, err
		case at.Exists:
			return true, nil
		case strings.Contains(at.CreateError, "PodSecurity") || strings.Contains(at.CreateError, "rivileged"):
			return false, nil
		case at.CreateError != "":
			return false, fmt.Errorf("the cluster made no pod: %s", at.CreateError)
		}
		if err := pause(ctx); err != nil {
			return false, errors.New("the cluster neither made nor refused a pod in time")
		}
	}
}

// run launches yaci probe as a build, changed in some way, and returns how to remove it.
func (p probe) run(ctx context.Context, change func(*batchv1.Job), args ...string) (ci.JobName, func(), error) {
	words, err := json.Marshal(append([]string{path.Join(runner.ImageDir, runner.ServerProgram), "probe"}, args...))
	if err != nil {
		return "", nil, err
	}
	text := fmt.Sprintf(
		"image: %q\nclone: false\ntimeout: 10m\nsteps:\n  - {name: look, run: %s, quiet: true}\n",
		p.op.Image,
		words,
	)
	file, err := pipeline.Parse([]byte(text))
	if err != nil {
		return "", nil, err
	}
	id := strings.ReplaceAll(uuid.NewString(), "-", "")[:10]
	in := pipeline.Input{
		RunID:   "doctor-" + id,
		JobName: "yaci-doctor-" + id,
		Attempt: 1,
		Event:   "api",
	}
	op := p.op
	op.MaxTimeoutSeconds = 0
	compiled, err := pipeline.Compile(file, in, op)
	if err != nil || len(compiled) != 1 {
		return "", nil, errors.Join(err, errors.New("no Job for a probe"))
	}
	if change != nil {
		change(compiled[0].Job)
	}
	job := ci.Job{Name: ci.JobName(in.JobName), Run: ci.RunID(in.RunID)}
	if job.Manifest, err = json.Marshal(compiled[0].Job); err != nil {
		return "", nil, err
	}
	if job.Files, err = json.Marshal(compiled[0].Files); err != nil {
		return "", nil, err
	}
	remove := func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), doctorTime)
		defer cancel()
		p.cluster.DeleteAll(ctx, job.Name) //nolint:errcheck // yaci uninstall, and the namespace's quota, have what is left
	}
	if _, err := p.cluster.Launch(ctx, ci.Launch{Job: job}); err != nil {
		remove()
		return "", nil, err
	}
	return job.Name, remove, nil
}

// await waits until a probe has printed something.
func (p probe) await(
	ctx context.Context,
	name ci.JobName,
	done func(at kube.PodStatus, log string) bool,
) (at kube.PodStatus, log string, err error) {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	for {
		if at, err = p.cluster.PodStatus(ctx, name); err != nil {
			return at, "", err
		}
		if !at.Exists && at.CreateError != "" || doctor.Hopeless(at.WaitingFor) {
			return at, "", errors.New(at.CreateError + at.WaitingFor)
		}
		pods, err := p.cluster.Logs(ctx, name)
		if err != nil {
			return at, "", err
		}
		for _, pod := range pods {
			if log = pod.Log; done(at, log) {
				return at, log, nil
			}
		}
		if at.Ended {
			return at, log, fmt.Errorf("it ended with: %.300s", strings.TrimSpace(log))
		}
		if pause(ctx) != nil {
			why := at.WaitingFor
			if why == "" {
				why = at.CreateError
			}
			return at, log, fmt.Errorf("it was not done in %v: %s", probeTime, why)
		}
	}
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(200 * time.Millisecond):
		return nil
	}
}

// Probe is the other side, inside such a Job: it listens until it is ended, or
// prints what it sees as one line of JSON. fill runs a process that calls StartThreads.
func Probe(
	ctx context.Context,
	listen string,
	targets map[string]string,
	fill func(context.Context) Filled,
	out io.Writer,
) error {
	if listen != "" {
		l, err := net.Listen("tcp", listen)
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
	if host := os.Getenv("KUBERNETES_SERVICE_HOST"); host != "" {
		targets[doctor.API] = net.JoinHostPort(host, os.Getenv("KUBERNETES_SERVICE_PORT"))
	}
	return json.NewEncoder(out).Encode(doctor.Look(ctx, targets, fill))
}

// Filled is what the process of a probe that calls StartThreads came to.
type Filled = doctor.Filled

// ReserveThreads keeps threads for this process while another one calls StartThreads.
func ReserveThreads() { threads.Reserve(32) }

// StartThreads starts threads until the kernel refuses one, which ends the process.
func StartThreads(out io.Writer) error { return doctor.StartThreads(out) }
