package e2e

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	discovery "k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
)

// shippedObjects are those of a file of deploy/base.
func shippedObjects(t *testing.T, file string) (all []unstructured.Unstructured) {
	t.Helper()
	docs := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(must(os.ReadFile("../../deploy/base/"+file+".yaml"))(t)), 4096)
	for {
		var o unstructured.Unstructured
		if err := docs.Decode(&o.Object); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, o)
	}
}

// relay leads every connection to where to says at that moment; "" is nowhere.
func relay(t *testing.T, l net.Listener, to func() string) {
	t.Helper()
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer in.Close()
				out, err := net.DialTimeout("tcp", to(), 10*time.Second)
				if err != nil {
					return
				}
				defer out.Close()
				go func() { io.Copy(out, in); out.(*net.TCPConn).CloseWrite() }()
				io.Copy(in, out)
			}()
		}
	}()
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
