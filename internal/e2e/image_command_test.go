package e2e

import (
	"archive/tar"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	pusher "github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
)

const registryPassword = "robot:s3cret-of-the-registry"

// startRegistry starts a registry on loopback, which containerd pulls from by plain HTTP, and returns its host and
// port. A private one asks everybody but push for registryPassword.
func startRegistry(t *testing.T, private bool) string {
	t.Helper()
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	var filled atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if private && filled.Load() && user+":"+password != registryPassword {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	box := busyboxLayer(t)
	for image, config := range map[string]v1.Config{
		"team/echo:1": {Entrypoint: []string{"/bin/busybox", "echo", "entry"}, Cmd: []string{"cmd", "$HOME"}},
		"team/box:1":  {Entrypoint: []string{"busybox"}, Env: []string{"PATH=/bin"}},
		"team/show:1": {
			Entrypoint: []string{"./busybox", "sh", "-c", "pwd; cat README; id -u; echo $FROM_IMAGE; cat; exit 3"},
			WorkingDir: "/bin",
			User:       "1000",
			Env:        []string{"PATH=/bin", "FROM_IMAGE=yes"},
		},
		"team/nothing:1": {},
		"team/shell:1":   {Cmd: []string{"sh"}},
		"other/echo:1":   {Entrypoint: []string{"/bin/busybox", "echo"}},
	} {
		made := must(mutate.Config(must(mutate.AppendLayers(empty.Image, box))(t), config))(t)
		ref := must(name.ParseReference(host + "/" + image))(t)
		if err := pusher.Write(ref, made); err != nil {
			t.Fatal(err)
		}
	}
	filled.Store(true)
	return host
}

// busyboxLayer is a static busybox with a link for each command that the images use, and a page for its httpd.
func busyboxLayer(t *testing.T) v1.Layer {
	t.Helper()
	program := must(os.ReadFile("/bin/busybox"))(t)
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	put := func(h tar.Header, data []byte) {
		h.Size = int64(len(data))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	put(tar.Header{Name: "bin/busybox", Mode: 0o755, Typeflag: tar.TypeReg}, program)
	for _, command := range []string{"sh", "cat", "id", "pwd"} {
		put(tar.Header{Name: "bin/" + command, Linkname: "busybox", Typeflag: tar.TypeSymlink}, nil)
	}
	put(tar.Header{Name: "tmp/", Mode: 0o1777, Typeflag: tar.TypeDir}, nil)
	put(tar.Header{Name: "www/hello", Mode: 0o644, Typeflag: tar.TypeReg}, []byte("from the service\n"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return must(
		tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil }),
	)(
		t,
	)
}

// silentRegistry takes connections and never says a word.
func silentRegistry(t *testing.T) string {
	t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// pullSecret lets the pods of a namespace pull from the private registry, as an operator does.
func pullSecret(t *testing.T, client kubernetes.Interface, space, config string) {
	t.Helper()
	must(client.CoreV1().Secrets(space).Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "registry"},
		Type:       corev1.SecretTypeDockerConfigJson,
		Data:       map[string][]byte{corev1.DockerConfigJsonKey: []byte(config)},
	}, metav1.CreateOptions{}))(t)
	patch := []byte(`{"imagePullSecrets": [{"name": "registry"}]}`)
	must(
		client.CoreV1().
			ServiceAccounts(space).
			Patch(t.Context(), "default", types.StrategicMergePatchType, patch, metav1.PatchOptions{}),
	)(
		t,
	)
}

// TestC19ImageCommand: steps without run, and args of steps and services, with images that both the server and the node
// get from registries.
func TestC19ImageCommand(t *testing.T) {
	NeedsProcess(t, "it asks registries on this machine's loopback address")
	t.Parallel()
	if os.Getenv("YACI_LOCAL_HOST") == "" {
		t.Skip("no cluster")
	}
	public := startRegistry(t, false)
	private := startRegistry(t, true)
	unlisted := startRegistry(t, false)
	silent := silentRegistry(t)
	client := Clientset(t)
	space := Namespace(t, client, nil)
	config := fmt.Sprintf(
		`{"auths": {"%s/team": {"auth": %q}}}`,
		private,
		base64.StdEncoding.EncodeToString([]byte(registryPassword)),
	)
	file := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	w := NewWorld(t, "YACI_NAMESPACE="+space, "YACI_REGISTRY_CONFIG="+file,
		fmt.Sprintf("YACI_REGISTRIES=http://%s,http://%s,http://%s", public, private, silent))
	w.Until("the namespace has a service account", func() bool {
		_, err := client.CoreV1().ServiceAccounts(space).Get(t.Context(), "default", metav1.GetOptions{})
		return err == nil
	})
	pullSecret(t, client, space, config)

	waiting := w.Repo("c19-silent", false)
	waitingSHA := w.push(waiting, "steps: [{ image: "+silent+"/team/echo:1 }]\n")

	r := w.Repo("c19-runs", false)
	sha := w.push(r, strings.NewReplacer("PUBLIC", public, "PRIVATE", private).Replace(`
services:
  - { name: web, image: "PUBLIC/team/box:1", args: [httpd, -f, -p, "8080", -h, /www], ready: { tcp: 8080 } }
steps:
  - { image: "PUBLIC/team/echo:1" }
  - { image: "PUBLIC/team/echo:1", args: [a b, "$HOME", "$(id)"] }
  - { image: "PUBLIC/team/show:1", allow_failure: true }
  - { image: "PUBLIC/team/box:1", args: [wget, -q, -O, "-", "http://127.0.0.1:8080/hello"] }
  - { image: "PRIVATE/team/echo:1", args: [private] }
`))
	if st := w.Final(r, sha); st.State != "success" {
		t.Fatalf("%s: %s", st.State, st.Description)
	}
	for step, want := range map[int]string{
		1: "\nentry cmd $HOME\n", 2: "\nentry a b $HOME $(id)\n", 3: "\n/workspace\nhello\n1000\nyes\n", 4: "\nfrom the service\n", 5: "\nentry private\n",
	} {
		if log := w.wholeLog(step); !strings.Contains(log, want) {
			t.Errorf("step %d prints %q, want %q", step, log, want)
		}
	}
	jobs := must(client.BatchV1().Jobs(space).List(t.Context(), metav1.ListOptions{}))(t)
	for _, j := range jobs.Items {
		for _, c := range j.Spec.Template.Spec.Containers {
			if !strings.Contains(c.Image, "@sha256:") {
				t.Errorf("container %s runs %s, whose tag may move", c.Name, c.Image)
			}
		}
	}
	w.end([]ending{
		{
			"c19-forbidden",
			"steps: [{ image: " + private + "/other/echo:1 }]\n",
			"error",
			`Image .*/other/echo:1: not found, or YACI has no permission.*`,
			time.Minute,
		},
		{
			"c19-unlisted",
			"steps: [{ image: " + unlisted + "/team/echo:1 }]\n",
			"error",
			`Image .* registry .* is not at a public address.*`,
			time.Minute,
		},
		{
			"c19-missing",
			"steps: [{ image: " + public + "/team/missing:1 }]\n",
			"error",
			`Image .*/team/missing:1: registry .* has no such image.*`,
			time.Minute,
		},
		{
			"c19-nothing",
			"steps: [{ image: " + public + "/team/nothing:1 }]\n",
			"error",
			`Image .*/team/nothing:1 has no ENTRYPOINT or CMD: set run on the step\.`,
			time.Minute,
		},
		{
			"c19-shell",
			"steps: [{ image: " + public + "/team/shell:1 }]\n",
			"error",
			`Image .*/team/shell:1 runs sh, which does nothing without input.*`,
			time.Minute,
		},
	})
	// All the while, the registry that does not answer has kept its own job waiting and no other.
	told := func(s citest.Status) bool { return strings.Contains(s.Description, "did not answer in time") }
	st := must(waiting.WaitStatus(citesttest.Context(t, time.Minute), waitingSHA, "yaci", told))(t)
	if st.State != "pending" || !strings.Contains(st.Description, "looking up its image again: registry "+silent) {
		t.Errorf("a silent registry: %s: %s", st.State, st.Description)
	}
}
