package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
)

var benchNodes = flag.Int("bench-nodes", 0, "measure the server with so many jobs through 500 slots, on nodes without a kubelet (make bench-nodes)")

// TestBenchNodes: the real API server, scheduler and Job controller, and nodes
// that say of each pod what a kubelet would, without running it. So many jobs
// show what the server takes of memory and CPU, and that none is lost.
func TestBenchNodes(t *testing.T) {
	if *benchNodes == 0 {
		t.Skip("make bench-nodes")
	}
	const slots, cells = 500, 50
	client := clientset(t)
	cordon(t, true)
	t.Cleanup(func() { cordon(t, false) })
	fakeNodes(t, client, 10)
	w := newWorld(t, fmt.Sprintf("YACI_MAX_RUNNING=%d", slots))
	r := w.repo("nodes", false)
	var matrix []string
	for i := range cells {
		matrix = append(matrix, strconv.Quote(strconv.Itoa(i)))
	}
	var shas []string
	for i := range *benchNodes / cells {
		content := files("image: IMAGE\nclone: false\nmatrix: {n: [" + strings.Join(matrix, ", ") + "]}\nsteps: ['true']\n")
		content["README"] = strconv.Itoa(i)
		shas = append(shas, must(r.Commit(fmt.Sprintf("b%d", i), "Change", content, w.ada))(t))
	}
	begun := time.Now()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for _, sha := range shas {
			if st, err := r.WaitStatus(citesttest.Context(t, 30*time.Minute), sha, "yaci", citest.Finished); err != nil || st.State != "success" {
				t.Errorf("%s: %+v, %v", sha, st, err)
			}
		}
	}()
	most := w.sample(begun, ended)
	if most > slots {
		t.Errorf("%d jobs were launched and not ended at once, more than %d", most, slots)
	}
	if got, want := w.stored("SELECT count(*) FROM jobs WHERE state = 'success'"), strconv.Itoa(len(shas)*cells); got != want {
		t.Errorf("%s jobs have succeeded, want %s", got, want)
	}
	_, peak := memory(t, w.cmd.Process.Pid)
	t.Logf("%d jobs in %s, at most %d at once; the server took at most %d MiB and %.1f s of CPU", len(shas)*cells, time.Since(begun).Round(time.Second), most, peak>>10, cpu(t, w.cmd.Process.Pid))
}

// sample says how the server grows, until the end, and returns the most jobs that ran at once.
func (w *world) sample(begun time.Time, ended <-chan struct{}) (most int) {
	w.t.Helper()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for next := 0; ; {
		select {
		case <-ended:
			return most
		case <-tick.C:
		}
		done := must(strconv.Atoi(w.stored("SELECT count(*) FROM jobs WHERE state = 'success'")))(w.t)
		running := must(strconv.Atoi(w.stored("SELECT count(*) FROM jobs WHERE uid <> '' AND state NOT IN ('success', 'failure', 'error', 'cancelled')")))(w.t)
		most = max(most, running)
		if done >= next {
			now, _ := memory(w.t, w.cmd.Process.Pid)
			w.t.Logf("%4.0f s: %5d done, %3d running, %3d MiB, %5.1f s of CPU", time.Since(begun).Seconds(), done, running, now>>10, cpu(w.t, w.cmd.Process.Pid))
			next = done + 500
		}
	}
}

// cpu is what a process has used, in seconds (proc_pid_stat(5), fields 14 and 15, in hundredths).
func cpu(t *testing.T, pid int) float64 {
	t.Helper()
	stat := string(must(os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)))(t))
	f := strings.Fields(stat[strings.LastIndex(stat, ")")+2:])
	return float64(must(strconv.Atoi(f[11]))(t)+must(strconv.Atoi(f[12]))(t)) / 100
}

// fakeNodes makes nodes and keeps them alive to the end of the test.
func fakeNodes(t *testing.T, client kubernetes.Interface, count int) {
	t.Helper()
	room := corev1.ResourceList{"cpu": resource.MustParse("64"), "memory": resource.MustParse("256Gi"), "ephemeral-storage": resource.MustParse("9Ti"), "pods": resource.MustParse("110")}
	ctx, stop := context.WithCancel(context.Background())
	var names []string
	for i := range count {
		names = append(names, fmt.Sprintf("fake-%d", i))
	}
	t.Cleanup(func() {
		stop()
		for _, name := range names {
			_ = client.CoreV1().Nodes().Delete(context.Background(), name, metav1.DeleteOptions{})
		}
	})
	status, _ := json.Marshal(map[string]any{"status": corev1.NodeStatus{Capacity: room, Allocatable: room, Conditions: []corev1.NodeCondition{
		{Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastHeartbeatTime: metav1.Now(), LastTransitionTime: metav1.Now()}}}})
	for _, name := range names {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kubernetes.io/hostname": name}}}
		must(client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}))(t)
		must(client.CoreV1().Nodes().Patch(ctx, name, types.StrategicMergePatchType, status, metav1.PatchOptions{}, "status"))(t)
	}
	go beat(ctx, client, names)
	go pretend(ctx, client)
}

// beat renews the nodes' leases, by which the node controller knows that they live.
func beat(ctx context.Context, client kubernetes.Interface, names []string) {
	leases := client.CoordinationV1().Leases("kube-node-lease")
	for ; ctx.Err() == nil; time.Sleep(5 * time.Second) {
		for _, name := range names {
			now, length := metav1.NowMicro(), int32(40)
			lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: coordinationv1.LeaseSpec{HolderIdentity: &name, LeaseDurationSeconds: &length, RenewTime: &now}}
			if _, err := leases.Update(ctx, lease, metav1.UpdateOptions{}); err != nil {
				_, _ = leases.Create(ctx, lease, metav1.CreateOptions{})
			}
		}
	}
}

// pretend says of each pod on the fake nodes that it has run and passed.
func pretend(ctx context.Context, client kubernetes.Interface) {
	pods := client.CoreV1().Pods(buildNamespace)
	work := make(chan *corev1.Pod, 1000)
	for range 8 {
		go func() {
			for p := range work {
				_, _ = pods.UpdateStatus(ctx, passed(p), metav1.UpdateOptions{})
			}
		}()
	}
	defer close(work)
	for ctx.Err() == nil {
		w, err := pods.Watch(ctx, metav1.ListOptions{})
		if err != nil {
			time.Sleep(time.Second)
			continue
		}
		for e := range w.ResultChan() {
			if p, ok := e.Object.(*corev1.Pod); ok && strings.HasPrefix(p.Spec.NodeName, "fake-") && p.Status.Phase == corev1.PodPending && p.DeletionTimestamp == nil {
				work <- p
			}
		}
	}
}

// passed is a pod whose containers have all ended well, with the records that their runners leave.
func passed(p *corev1.Pod) *corev1.Pod {
	p, now := p.DeepCopy(), metav1.Now()
	record, _ := json.Marshal(map[string]any{"exit": 0, "started": now.UnixMilli() - 10, "finished": now.UnixMilli(), "attempts": 1, "bytes": 0, "lines": 0})
	ends := func(list []corev1.Container) (all []corev1.ContainerStatus) {
		for _, c := range list {
			all = append(all, corev1.ContainerStatus{Name: c.Name, Image: c.Image, ImageID: c.Image, ContainerID: "fake://" + string(p.UID) + "/" + c.Name,
				State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed", Message: string(record), StartedAt: now, FinishedAt: now}}})
		}
		return all
	}
	p.Status.Phase, p.Status.StartTime = corev1.PodSucceeded, &now
	p.Status.InitContainerStatuses, p.Status.ContainerStatuses = ends(p.Spec.InitContainers), ends(p.Spec.Containers)
	return p
}
