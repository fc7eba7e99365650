package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	discovery "k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
)

// TestInstalled: what deploy/base installs, with the built image and inside the
// cluster, takes a push to its status. Two things are others: the local cluster
// has no storage to claim, and shows its API to pods only through the test.
func TestInstalled(t *testing.T) {
	client := clientset(t)
	cfg := must(
		clientcmd.NewNonInteractiveDeferredLoadingClientConfig(clientcmd.NewDefaultClientConfigLoadingRules(), nil).
			ClientConfig(),
	)(
		t,
	)
	host := os.Getenv("YACI_LOCAL_HOST")
	if host == "" {
		t.Skip("the cluster is not deploy/local's")
	}
	var pod atomic.Pointer[corev1.Pod]
	door := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: pod.Load().Status.PodIP + ":4000"})
	}})
	defer door.Close()
	w := &world{
		t:      t,
		dir:    t.TempDir(),
		log:    &lockedBuffer{},
		listen: strings.TrimPrefix(door.URL, "http://"),
	}
	w.github = citesttest.Start(
		t,
		citest.Options{Addr: host + ":0", HookURL: door.URL + "/webhook", HookSecret: hookSecret},
	)
	w.ada = w.github.CreateUser("ada")
	t.Cleanup(func() {
		p := pod.Load()
		if t.Failed() && p != nil {
			out, err := client.CoreV1().
				Pods(p.Namespace).
				GetLogs(p.Name, &corev1.PodLogOptions{}).
				DoRaw(citesttest.Context(t, time.Minute))
			t.Logf("the server's log: %s%v", out, err)
		}
		remove(t, client)
	})
	remove(t, client)
	install(t, cfg, map[string]string{
		"YACI_WEBHOOK_SECRET": hookSecret, "YACI_API_TOKEN": apiToken, "YACI_IMAGE": os.Getenv("YACI_IMAGE"),
		"YACI_GITHUB_API_URL": w.github.APIURL(), "YACI_GITHUB_APP_ID": fmt.Sprint(citest.AppID),
	}, w.github.AppKeyPEM(), forward(t, host, must(url.Parse(cfg.Host))(t).Host))
	w.until("the server is ready", func() bool {
		list := must(
			client.CoreV1().Pods("yaci").List(t.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=yaci"}),
		)(
			t,
		)
		for i, p := range list.Items {
			for _, c := range p.Status.Conditions {
				if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue && p.DeletionTimestamp == nil {
					pod.Store(&list.Items[i])
				}
			}
		}
		return pod.Load() != nil
	})
	r := w.repo("installed", true)
	sha := w.push(
		r,
		"image: IMAGE\nresources: {cpu: 50m, memory: 64Mi}\nsteps: [{name: read, run: 'test \"$(cat README)\" = hello'}]\n",
	)
	if st := w.final(r, sha); st.State != "success" {
		t.Errorf("%s: %s", st.State, st.Description)
	}
	code, body := w.call(http.MethodGet, "/api/v1/runs", "", apiToken)
	if code != http.StatusOK || !strings.Contains(body, sha) {
		t.Errorf("runs: %d %s", code, body)
	}
}

// remove takes the server away again, and the quota that other tests do not expect.
func remove(t *testing.T, client kubernetes.Interface) {
	t.Helper()
	ctx := citesttest.Context(t, time.Minute)
	now := int64(0)
	for _, err := range []error{
		client.AppsV1().Deployments("yaci").Delete(ctx, "yaci", metav1.DeleteOptions{}),
		client.CoreV1().Pods("yaci").DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &now}, metav1.ListOptions{}),
		client.CoreV1().ResourceQuotas(buildNamespace).Delete(ctx, "builds", metav1.DeleteOptions{}),
		client.CoreV1().LimitRanges(buildNamespace).Delete(ctx, "builds", metav1.DeleteOptions{}),
	} {
		if err != nil && !apierrors.IsNotFound(err) {
			t.Error(err)
		}
	}
}

// install applies deploy/base with its two Secrets.
func install(t *testing.T, cfg *rest.Config, settings map[string]string, key []byte, apiServer net.Addr) {
	t.Helper()
	client := must(kubernetes.NewForConfig(cfg))(t)
	for _, file := range []string{"namespaces", "rbac", "builds", "network", "server"} {
		apply(t, cfg, file, func(o unstructured.Unstructured) (unstructured.Unstructured, bool) {
			if o.GetKind() == "Deployment" {
				secrets(t, client, settings, key)
				o = locally(t, o, apiServer)
			}
			return o, o.GetKind() != "PersistentVolumeClaim"
		})
	}
}

// apply applies the objects of a file of deploy/base; change, when there is one,
// says how an object is here, and whether it is at all.
func apply(
	t *testing.T,
	cfg *rest.Config,
	file string,
	change func(unstructured.Unstructured) (unstructured.Unstructured, bool),
) {
	t.Helper()
	dyn := must(dynamic.NewForConfig(cfg))(t)
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(
		discovery.NewMemCacheClient(must(kubernetes.NewForConfig(cfg))(t).Discovery()),
	)
	for _, o := range shippedObjects(t, file) {
		if change != nil {
			var here bool
			if o, here = change(o); !here {
				continue
			}
		}
		kind := o.GroupVersionKind()
		m := must(mapper.RESTMapping(kind.GroupKind(), kind.Version))(t)
		var at dynamic.ResourceInterface = dyn.Resource(m.Resource)
		if o.GetNamespace() != "" {
			at = dyn.Resource(m.Resource).Namespace(o.GetNamespace())
		}
		must(at.Apply(t.Context(), o.GetName(), &o, metav1.ApplyOptions{FieldManager: "install", Force: true}))(t)
	}
}

func secrets(t *testing.T, client kubernetes.Interface, settings map[string]string, key []byte) {
	t.Helper()
	for _, s := range []*corev1.Secret{
		{ObjectMeta: metav1.ObjectMeta{Name: "yaci-config"}, StringData: settings},
		{ObjectMeta: metav1.ObjectMeta{Name: "yaci-app"}, Data: map[string][]byte{"app.pem": key}},
	} {
		err := client.CoreV1().Secrets("yaci").Delete(t.Context(), s.Name, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			t.Fatal(err)
		}
		must(client.CoreV1().Secrets("yaci").Create(t.Context(), s, metav1.CreateOptions{}))(t)
	}
}

// forward lets pods reach what listens on loopback alone, as the API server does.
func forward(t *testing.T, host, to string) net.Addr {
	t.Helper()
	l := must(net.Listen("tcp", host+":0"))(t)
	relay(t, l, func() string { return to })
	return l.Addr()
}

// locally is the Deployment with the image that was built, and what the local cluster has.
func locally(t *testing.T, o unstructured.Unstructured, apiServer net.Addr) unstructured.Unstructured {
	t.Helper()
	host, port, _ := net.SplitHostPort(apiServer.String())
	var d appsv1.Deployment
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &d); err != nil {
		t.Fatal(err)
	}
	pod := &d.Spec.Template.Spec
	pod.Containers[0].Image, pod.Containers[0].ImagePullPolicy = os.Getenv("YACI_IMAGE"), corev1.PullNever
	pod.Containers[0].Env = append(
		pod.Containers[0].Env,
		corev1.EnvVar{Name: "KUBERNETES_SERVICE_HOST", Value: host},
		corev1.EnvVar{Name: "KUBERNETES_SERVICE_PORT", Value: port},
	)
	for i, v := range pod.Volumes {
		if v.PersistentVolumeClaim != nil {
			pod.Volumes[i].VolumeSource = corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
		}
	}
	return unstructured.Unstructured{Object: must(runtime.DefaultUnstructuredConverter.ToUnstructured(&d))(t)}
}
