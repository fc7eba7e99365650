package bench

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/e2e"
	"github.com/yaci-ci/yaci/internal/kube"
	"github.com/yaci-ci/yaci/pipeline"
)

var benchSteps = flag.Int("bench-steps", 0, "measure how fast steps run, this often (make bench-steps)")

// service is the script of a service, which ends as soon as it is told to.
const service = "trap exit TERM; sleep 600 & wait"

// TestBenchSteps measures the same commands as YACI's Job and as pods without
// YACI, in turns, from the creation of the Job to its pod's success and to the
// Job's completion. After each round it prints the means so far, relative to a bare
// pod with one init container, whose containers hand over by files without a runner:
// 1.05 of that is the target. A pod without an init container and a chain of init
// containers are there for information. The same is done beside a service.
//
// The kubelet looks for ended containers once a second, so a Job's time depends on
// the part of a second in which it was created. All Jobs of a round are created in the
// same part, and the rounds divide the second evenly. Otherwise each Job would begin
// just after the kubelet's look that ended the Job before it.
func TestBenchSteps(t *testing.T) {
	if *benchSteps == 0 {
		t.Skip("make bench-steps")
	}
	client := e2e.Clientset(t)
	loads := []struct {
		name    string
		count   int
		command string
	}{{"1 x true", 1, "true"}, {"10 x true", 10, "true"}, {"10 x sleep 0.2", 10, "sleep 0.2"}}
	type maker func(t *testing.T, client kubernetes.Interface, name string, commands []string)
	plain := func(inits, services int) maker {
		return func(t *testing.T, client kubernetes.Interface, name string, commands []string) {
			bareContainers(t, client, name, commands, inits, services)
		}
	}
	variants := []struct {
		name string
		make maker
		base string // what it is held against
	}{
		{"YACI", yaciJob(""), "bare, 1 init"},
		{"bare, 1 init", plain(1, 0), "bare, 1 init"},
		{"bare", plain(0, 0), "bare, 1 init"},
		{"chain of inits", initChain, "bare, 1 init"},
		{
			"YACI, service",
			yaciJob("services: [{name: db, image: IMAGE, command: [sh, -c, '" + service + "']}]\n"),
			"bare, 1 init, service",
		},
		{"bare, 1 init, service", plain(1, 1), "bare, 1 init, service"},
	}
	type times struct{ pod, job []float64 }
	all := map[string]*times{}
	table := func(rounds int) {
		var out strings.Builder
		fmt.Fprintf(&out, "\nseconds, means of %d of %d          pod succeeded           Job complete\n", rounds, *benchSteps)
		for _, l := range loads {
			for _, v := range variants {
				x, base := all[l.name+v.name], all[l.name+v.base]
				fmt.Fprintf(&out, "%-15s %-22s %6.2f  (%.2f)           %6.2f  (%.2f of %s)\n", l.name, v.name,
					mean(x.pod), mean(x.pod)/mean(base.pod), mean(x.job), mean(x.job)/mean(base.job), v.base)
			}
		}
		t.Log(out.String())
	}
	for i := range *benchSteps + 1 { // the first round warms up
		for _, l := range loads {
			for _, v := range variants {
				key := l.name + v.name
				if all[key] == nil {
					all[key] = &times{}
				}
				name := fmt.Sprintf("bench-%d-%d", time.Now().UnixNano()%1e12, i)
				part := time.Second * time.Duration(i) / time.Duration(*benchSteps)
				start := time.Now().Truncate(time.Second).Add(time.Second + part)
				time.Sleep(time.Until(start))
				v.make(t, client, name, slices.Repeat([]string{l.command}, l.count))
				pod, job := finished(t, client, name, start)
				if i > 0 {
					all[key].pod, all[key].job = append(all[key].pod, pod), append(all[key].job, job)
				}
			}
		}
		if i > 0 {
			table(i)
		}
	}
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// finished waits for the pod and the Job, in seconds since start, and removes them.
func finished(t *testing.T, client kubernetes.Interface, name string, start time.Time) (pod, job float64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	jobs := client.BatchV1().Jobs(e2e.BuildNamespace)
	pods := client.CoreV1().Pods(e2e.BuildNamespace)
	ends := make(chan error, 1)
	go func() {
		ends <- until(ctx, metav1.ListOptions{LabelSelector: "batch.kubernetes.io/job-name=" + name}, pods.Watch, func(o runtime.Object) bool {
			p, ok := o.(*corev1.Pod)
			if ok && p.Status.Phase == corev1.PodSucceeded {
				pod = time.Since(start).Seconds()
			}
			return ok && (pod > 0 || p.Status.Phase == corev1.PodFailed)
		})
	}()
	err := until(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + name}, jobs.Watch, func(o runtime.Object) bool {
		j, ok := o.(*batchv1.Job)
		return ok && j.Status.Succeeded > 0 && j.Status.CompletionTime != nil
	})
	job = time.Since(start).Seconds()
	err = errors.Join(err, <-ends)
	if err != nil || pod == 0 {
		t.Fatalf("%s: the pod did not succeed: %v", name, err)
	}
	now := metav1.DeletePropagationBackground
	if err := client.BatchV1().Jobs(e2e.BuildNamespace).Delete(t.Context(), name, metav1.DeleteOptions{PropagationPolicy: &now}); err != nil {
		t.Fatal(err)
	}
	return pod, job
}

// until watches until an object is as it is wanted; a watch that ends begins anew with what is there.
func until(
	ctx context.Context,
	of metav1.ListOptions,
	begin func(context.Context, metav1.ListOptions) (watch.Interface, error),
	ok func(runtime.Object) bool,
) error {
	for {
		w, err := begin(ctx, of)
		if err != nil {
			return err
		}
		for e := range w.ResultChan() {
			if ok(e.Object) {
				w.Stop()
				return nil
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// yaciJob goes the server's way: parse, compile, launch. keys are further ones of the file.
func yaciJob(keys string) func(t *testing.T, client kubernetes.Interface, name string, commands []string) {
	return func(t *testing.T, client kubernetes.Interface, name string, commands []string) {
		t.Helper()
		image := os.Getenv("YACI_RUN_IMAGE")
		text := "image: " + image + "\nclone: false\n" + strings.ReplaceAll(
			keys,
			"IMAGE",
			image,
		) + "steps: ['" + strings.Join(
			commands,
			"', '",
		) + "']\n"
		file := must(pipeline.Parse([]byte(text)))(t)
		op := config.Pods{
			Image:         os.Getenv("YACI_IMAGE"),
			Timeout:       time.Minute,
			KeepJobs:      time.Minute,
			CPURequest:    "50m",
			MemoryRequest: "32Mi",
			MemoryLimit:   "1Gi",
			DiskLimit:     "1Gi",
		}.Operator()
		compiled := must(pipeline.Compile(file, pipeline.Input{
			RunID:   name,
			JobName: name,
			Attempt: 1,
			Event:   "push",
			Branch:  "main",
		}, op))(t)
		job := ci.JobWithSpec{
			Job: ci.Job{Name: ci.JobName(name), Run: ci.RunID(name)},
			JobSpec: ci.JobSpec{
				Manifest: must(json.Marshal(compiled[0].Job))(t),
				Files:    must(json.Marshal(compiled[0].Files))(t),
			},
		}
		cluster := must(kube.New(client, kube.Config{Namespace: e2e.BuildNamespace}))(t)
		must(cluster.Launch(t.Context(), ci.Launch{JobWithSpec: job}))(t)
		t.Cleanup(func() { _ = cluster.DeleteJobSecret(t.Context(), job.Name) })
	}
}

// initChain has each step but the last as an init container.
func initChain(t *testing.T, client kubernetes.Interface, name string, commands []string) {
	spec := corev1.PodSpec{}
	for i, c := range commands {
		spec.InitContainers = append(spec.InitContainers, bare(i, c))
	}
	last := len(commands) - 1
	spec.Containers, spec.InitContainers = spec.InitContainers[last:], spec.InitContainers[:last]
	create(t, client, name, spec)
}

// bareContainers start together and look for the file of the one before, every
// 20 ms. Before them come init containers that do nothing, and services.
func bareContainers(t *testing.T, client kubernetes.Interface, name string, commands []string, inits, services int) {
	spec := corev1.PodSpec{
		Volumes: []corev1.Volume{{Name: "sync", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}},
	}
	for i := range inits {
		b := bare(i, "true")
		b.Name = "init" + b.Name
		spec.InitContainers = append(spec.InitContainers, b)
	}
	for i := range services {
		b, always := bare(i, ""), corev1.ContainerRestartPolicyAlways
		b.Name, b.RestartPolicy = "service"+b.Name, &always
		b.Command = []string{"sh", "-c", service}
		spec.InitContainers = append(spec.InitContainers, b)
	}
	for i, c := range commands {
		script := fmt.Sprintf("%s && touch /sync/%d", c, i)
		if i > 0 {
			script = fmt.Sprintf("while ! test -e /sync/%d; do sleep 0.02; done; %s", i-1, script)
		}
		b := bare(i, script)
		b.VolumeMounts = []corev1.VolumeMount{{Name: "sync", MountPath: "/sync"}}
		spec.Containers = append(spec.Containers, b)
	}
	create(t, client, name, spec)
}

func bare(i int, script string) corev1.Container {
	return corev1.Container{
		Name:    fmt.Sprintf("c%d", i),
		Image:   os.Getenv("YACI_RUN_IMAGE"),
		Command: []string{"sh", "-e", "-c", script},
	}
}

func create(t *testing.T, client kubernetes.Interface, name string, spec corev1.PodSpec) {
	t.Helper()
	spec.RestartPolicy = corev1.RestartPolicyNever
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       batchv1.JobSpec{BackoffLimit: new(int32), Template: corev1.PodTemplateSpec{Spec: spec}},
	}
	must(client.BatchV1().Jobs(e2e.BuildNamespace).Create(t.Context(), job, metav1.CreateOptions{}))(t)
}

// must is for calls that a test cannot go on without.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
