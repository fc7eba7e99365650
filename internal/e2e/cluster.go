package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// BuildNamespace is where servers under test create their Jobs, unless they are told another namespace.
const BuildNamespace = "yaci-builds"

// RESTConfig returns the configuration of the local cluster's administrator.
func RESTConfig(t *testing.T) *rest.Config {
	t.Helper()
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	return must(clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig())(t)
}

// Clientset returns a client with the rights of the local cluster's administrator. It skips the test if there is no
// cluster.
func Clientset(t *testing.T) kubernetes.Interface {
	t.Helper()
	if os.Getenv("YACI_IMAGE") == "" {
		t.Skip("no cluster: run make test")
	}
	cfg := RESTConfig(t)
	cfg.QPS, cfg.Burst = 100, 200
	return must(kubernetes.NewForConfig(cfg))(t)
}

// Namespace creates a namespace that exists until the test ends, and returns its name.
func Namespace(t *testing.T, client kubernetes.Interface, labels map[string]string) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "yaci-test-", Labels: labels}}
	ns = must(client.CoreV1().Namespaces().Create(t.Context(), ns, metav1.CreateOptions{}))(t)
	t.Cleanup(func() { client.CoreV1().Namespaces().Delete(context.Background(), ns.Name, metav1.DeleteOptions{}) })
	return ns.Name
}

// Cordon closes the only node to new pods, or opens it again.
func Cordon(t *testing.T, closed bool) {
	t.Helper()
	ctx := context.Background() // tests open the node again when their own context has ended
	nodes := Clientset(t).CoreV1().Nodes()
	name := must(nodes.List(ctx, metav1.ListOptions{}))(t).Items[0].Name
	patch := []byte(`{"spec": {"unschedulable": ` + strconv.FormatBool(closed) + `}}`)
	must(nodes.Patch(ctx, name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}))(t)
}

// APIProxy returns a proxy before the API server whose calls are made with the identity of cfg.
func APIProxy(t *testing.T, cfg *rest.Config) *httputil.ReverseProxy {
	t.Helper()
	target := must(url.Parse(cfg.Host))(t)
	return &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     must(rest.TransportFor(cfg))(t),
		FlushInterval: -1, // watches
	}
}

// kubeconfigOf is a kubeconfig for the API server at a URL, without credentials.
const kubeconfigOf = `
apiVersion: v1
kind: Config
current-context: x
contexts: [{name: x, context: {cluster: x, user: x}}]
users: [{name: x}]
clusters: [{name: x, cluster: {server: %q}}]
`

// ServeAPI serves h in the place of an API server until the test ends, and writes a kubeconfig that leads to it.
func ServeAPI(t *testing.T, h http.Handler, kubeconfig string) {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.CloseClientConnections)
	if err := os.WriteFile(kubeconfig, fmt.Appendf(nil, kubeconfigOf, srv.URL), 0o600); err != nil {
		t.Fatal(err)
	}
}
