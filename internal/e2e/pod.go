package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"

	"github.com/yaci-ci/yaci/internal/citest/citesttest"
)

// With YACI_TEST_IN_CLUSTER=1 (make test-installed) every world's server is a pod
// of the built image as deploy/base makes it: its account, security context,
// volumes, Pod Security and NetworkPolicies. The claim of its volume is bound to
// the test's own directory, so a test reads the database as otherwise; and as the
// node is this machine, it finds the server's process and sends it signals.
func inCluster() bool { return os.Getenv("YACI_TEST_IN_CLUSTER") == "1" }

// NeedsProcess skips a test whose server cannot be a pod, and says why.
func NeedsProcess(t *testing.T, why string) {
	t.Helper()
	if inCluster() {
		t.Skip("not inside the cluster: " + why)
	}
}

// podServer is a world's server as a pod. Each start is a pod of its own.
type podServer struct {
	t      *testing.T
	client kubernetes.Interface
	claim  string // the PersistentVolumeClaim
	api    net.Addr
	name   string                 // of the newest pod
	addr   atomic.Pointer[string] // of the newest pod, "" before the first has one
	starts int
}

// newPodServer makes the volume and leads what comes to l, and calls of the API server, to where they belong.
func newPodServer(t *testing.T, l net.Listener, dir string) *podServer {
	t.Helper()
	cfg := RESTConfig(t)
	p := &podServer{
		t:      t,
		client: Clientset(t),
		claim:  "e2e-" + strings.NewReplacer(".", "-", ":", "-").Replace(l.Addr().String()) + "-" + strconv.Itoa(os.Getpid()),
	}
	apply(t, cfg, "namespaces", nil)
	apply(t, cfg, "network", nil)
	relay(t, l, func() string {
		if a := p.addr.Load(); a != nil {
			return *a
		}
		return ""
	})
	p.api = forward(t, os.Getenv("YACI_LOCAL_HOST"), must(url.Parse(cfg.Host))(t).Host)
	p.volume(dir)
	return p
}

// volume is a volume that is a directory of this machine, as the server's user may write it.
func (p *podServer) volume(dir string) {
	p.t.Helper()
	size, none := corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("20Gi")}, ""
	modes := []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	must(
		p.client.CoreV1().
			PersistentVolumes().
			Create(p.t.Context(), &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: p.claim}, Spec: corev1.PersistentVolumeSpec{

				Capacity:                      size,
				AccessModes:                   modes,
				PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
				ClaimRef:                      &corev1.ObjectReference{Namespace: "yaci", Name: p.claim},
				PersistentVolumeSource:        corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: dir}},
			}}, metav1.CreateOptions{}),
	)(
		p.t,
	)
	must(
		p.client.CoreV1().
			PersistentVolumeClaims("yaci").
			Create(p.t.Context(), &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: p.claim}, Spec: corev1.PersistentVolumeClaimSpec{

				VolumeName:       p.claim,
				StorageClassName: &none,
				AccessModes:      modes,
				Resources:        corev1.VolumeResourceRequirements{Requests: size},
			}}, metav1.CreateOptions{}),
	)(
		p.t,
	)
	p.t.Cleanup(func() {
		ctx := citesttest.Context(p.t, time.Minute)
		if err := errors.Join(p.client.CoreV1().PersistentVolumeClaims("yaci").Delete(ctx, p.claim, metav1.DeleteOptions{}),
			p.client.CoreV1().PersistentVolumes().Delete(ctx, p.claim, metav1.DeleteOptions{})); err != nil {
			p.t.Error(err)
		}
	})
}

// start runs one pod, whose log goes to log, and returns when it has an address.
func (p *podServer) start(settings []string, dir string, log io.Writer) {
	p.t.Helper()
	p.starts++
	if err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		// the kubelet's fsGroup does nothing for a directory of the host
		return errors.Join(err, os.Lchown(path, 65532, 65532))
	}); err != nil {
		p.t.Fatal(err)
	}
	pod := p.pod(settings, dir)
	p.name = pod.Name
	pods := p.client.CoreV1().Pods("yaci")
	must(pods.Create(p.t.Context(), pod, metav1.CreateOptions{}))(p.t)
	p.t.Cleanup(func() { p.remove(pod.Name) })
	addr := p.await(func(pod *corev1.Pod) bool { return pod.Status.Phase != corev1.PodPending }).Status.PodIP + ":4000"
	p.addr.Store(&addr)
	stream := must(pods.GetLogs(pod.Name, &corev1.PodLogOptions{Follow: true}).Stream(p.t.Context()))(p.t)
	go io.Copy(log, stream)
}

// await is the newest pod once it is as it should be.
func (p *podServer) await(ok func(*corev1.Pod) bool) *corev1.Pod {
	p.t.Helper()
	var pod *corev1.Pod
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		var err error
		pod, err = p.client.CoreV1().Pods("yaci").Get(p.t.Context(), p.name, metav1.GetOptions{})
		if err == nil && ok(pod) {
			return pod
		}
		if time.Now().After(end) {
			p.t.Fatalf("the server's pod: %v: %+v", err, pod.Status)
		}
	}
}

// pod is the one of deploy/base's Deployment with the settings of a world.
func (p *podServer) pod(settings []string, dir string) *corev1.Pod {
	p.t.Helper()
	var d appsv1.Deployment
	for _, o := range shippedObjects(p.t, "server") {
		if o.GetKind() == "Deployment" {
			local := locally(p.t, o, p.api)
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(local.Object, &d); err != nil {
				p.t.Fatal(err)
			}
		}
	}
	spec := d.Spec.Template.Spec
	// a server that a test has killed stays so until the test starts the next
	spec.RestartPolicy = corev1.RestartPolicyNever
	for i, v := range spec.Volumes {
		if v.Name == "data" {
			spec.Volumes[i].VolumeSource = corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: p.claim},
			}
		}
	}
	env := map[string]string{}
	for _, e := range spec.Containers[0].Env {
		env[e.Name] = e.Value
	}
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		env[name] = strings.ReplaceAll(value, dir, "/var/lib/yaci")
	}
	delete(env, "KUBECONFIG") // it has its account
	env["YACI_LISTEN"], env["YACI_IMAGE"], env["YACI_RUN_IMAGE"] = ":4000", os.Getenv(
		"YACI_IMAGE",
	), os.Getenv(
		"YACI_RUN_IMAGE",
	)
	spec.Containers[0].EnvFrom, spec.Containers[0].Env = nil, nil
	for _, name := range slices.Sorted(maps.Keys(env)) {
		spec.Containers[0].Env = append(spec.Containers[0].Env, corev1.EnvVar{Name: name, Value: env[name]})
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", p.claim, p.starts), Labels: d.Spec.Template.Labels},
		Spec:       spec,
	}
}

// remove ends a pod's process, so that its directory can go, and takes the pod away.
func (p *podServer) remove(name string) {
	ctx, now := citesttest.Context(p.t, time.Minute), int64(0)
	if pid := serverPID(name); pid != 0 {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	if err := p.client.CoreV1().Pods("yaci").Delete(ctx, name, metav1.DeleteOptions{GracePeriodSeconds: &now}); err != nil {
		p.t.Error(err)
	}
}

// signal sends a signal to the process of the newest pod.
func (p *podServer) signal(s syscall.Signal) error {
	pid := serverPID(p.name)
	if pid == 0 {
		return fmt.Errorf("no process of pod %s", p.name)
	}
	return syscall.Kill(pid, s)
}

// kill is kill -9, and returns when the process is gone.
func (p *podServer) kill() {
	for serverPID(p.name) != 0 {
		p.signal(syscall.SIGKILL)
		time.Sleep(10 * time.Millisecond)
	}
}

// wait returns when the newest pod has ended, and what it ended with when that is not 0.
func (p *podServer) wait() error {
	pod := p.await(func(pod *corev1.Pod) bool {
		return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	})
	if pod.Status.Phase != corev1.PodSucceeded {
		return fmt.Errorf("the pod ended with %+v", pod.Status.ContainerStatuses)
	}
	return nil
}

// serverPID is the process of a pod's server on this machine, or 0: the runtime gives it the pod's name as HOSTNAME.
func serverPID(pod string) int {
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range all {
		dir := filepath.Dir(file)
		exe, err := os.Readlink(filepath.Join(dir, "exe"))
		if err != nil || filepath.Base(exe) != "yaci" {
			continue
		}
		env, err := os.ReadFile(file)
		if err == nil &&
			slices.ContainsFunc(bytes.Split(env, []byte{0}), func(v []byte) bool { return string(v) == "HOSTNAME="+pod }) {
			pid, _ := strconv.Atoi(filepath.Base(dir))
			return pid
		}
	}
	return 0
}
