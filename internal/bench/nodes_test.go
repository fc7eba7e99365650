package bench

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
	"github.com/yaci-ci/yaci/internal/e2e"
)

var benchNodes = flag.Int(
	"bench-nodes",
	0,
	"measure the server with so many jobs through 500 slots, on the nodes of kwok (make bench-nodes)",
)

// TestBenchNodes: the real API server, scheduler and Job controller, and nodes of
// kwok, which says of each pod what a kubelet would, without running it. So many jobs
// show what the server takes of memory and CPU, and that none is lost.
func TestBenchNodes(t *testing.T) {
	if *benchNodes == 0 {
		t.Skip("make bench-nodes")
	}
	const slots, cells = 500, 50
	client := e2e.Clientset(t)
	e2e.Cordon(t, true)
	t.Cleanup(func() { e2e.Cordon(t, false) })
	fakeNodes(t, client, 10)
	w := e2e.NewWorld(t, fmt.Sprintf("YACI_MAX_RUNNING=%d", slots))
	r := w.Repo("nodes", false)
	var matrix []string
	for i := range cells {
		matrix = append(matrix, strconv.Quote(strconv.Itoa(i)))
	}
	var shas []string
	for i := range *benchNodes / cells {
		content := e2e.Files("image: IMAGE\nclone: false\nmatrix: {n: [" + strings.Join(matrix, ", ") + "]}\nsteps: ['true']\n")
		content["README"] = strconv.Itoa(i)
		shas = append(shas, must(r.Commit(fmt.Sprintf("b%d", i), "Change", content, w.Ada))(t))
	}
	begun := time.Now()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for _, sha := range shas {
			st, err := r.WaitStatus(citesttest.Context(t, 30*time.Minute), sha, "yaci", citest.Finished)
			if err != nil || st.State != "success" {
				t.Errorf("%s: %+v, %v", sha, st, err)
			}
		}
	}()
	most := sample(w, begun, ended)
	if most > slots {
		t.Errorf("%d jobs were launched and not ended at once, more than %d", most, slots)
	}
	if got, want := w.Stored("SELECT count(*) FROM jobs WHERE state = 'success'"), strconv.Itoa(len(shas)*cells); got != want {
		t.Errorf("%s jobs have succeeded, want %s", got, want)
	}
	_, peak := memory(t, w.Cmd.Process.Pid)
	t.Logf(
		"%d jobs in %s, at most %d at once; the server took at most %d MiB and %.1f s of CPU",
		len(shas)*cells,
		time.Since(begun).Round(time.Second),
		most,
		peak>>10,
		cpu(t, w.Cmd.Process.Pid),
	)
}

// sample says how the server grows, until the end, and returns the most jobs that ran at once.
func sample(w *e2e.World, begun time.Time, ended <-chan struct{}) (most int) {
	w.T.Helper()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for next := 0; ; {
		select {
		case <-ended:
			return most
		case <-tick.C:
		}
		done := must(strconv.Atoi(w.Stored("SELECT count(*) FROM jobs WHERE state = 'success'")))(w.T)
		running := must(
			strconv.Atoi(
				w.Stored("SELECT count(*) FROM jobs WHERE uid <> '' AND state NOT IN ('success', 'failure', 'error', 'cancelled')"),
			),
		)(
			w.T,
		)
		most = max(most, running)
		if done >= next {
			now, _ := memory(w.T, w.Cmd.Process.Pid)
			w.T.Logf(
				"%4.0f s: %5d done, %3d running, %3d MiB, %5.1f s of CPU",
				time.Since(begun).Seconds(),
				done,
				running,
				now>>10,
				cpu(w.T, w.Cmd.Process.Pid),
			)
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

// fakeNodes makes nodes and has kwok play their kubelets, to the end of the test.
func fakeNodes(t *testing.T, client kubernetes.Interface, count int) {
	t.Helper()
	room := corev1.ResourceList{
		"cpu":               resource.MustParse("64"),
		"memory":            resource.MustParse("256Gi"),
		"ephemeral-storage": resource.MustParse("9Ti"),
		"pods":              resource.MustParse("110"),
	}
	kwok := exec.Command(os.Getenv("YACI_KWOK"), "--kubeconfig", os.Getenv("KUBECONFIG"), "--config", "testdata/kwok.yaml",
		"--manage-nodes-with-label-selector", "type=kwok", "--node-lease-duration-seconds", "40")
	said := &e2e.LockedBuffer{}
	kwok.Stdout, kwok.Stderr = said, said
	if err := kwok.Start(); err != nil {
		t.Fatalf("%v: run make bench-nodes", err)
	}
	t.Cleanup(func() {
		kwok.Process.Kill()
		kwok.Wait()
		if t.Failed() {
			t.Logf("kwok's log:\n%.4000s", said)
		}
		if err := client.CoreV1().Nodes().DeleteCollection(context.Background(), metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "type=kwok"}); err != nil {
			t.Error(err)
		}
	})
	for i := range count {
		name := fmt.Sprintf("fake-%d", i)
		must(client.CoreV1().Nodes().Create(t.Context(), &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kubernetes.io/hostname": name, "type": "kwok"}},
			Status:     corev1.NodeStatus{Capacity: room, Allocatable: room},
		}, metav1.CreateOptions{}))(t)
	}
}
