package e2e

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
)

var self = flag.String("self", "", "packages that TestSelf checks and tests in a pod, like ./...; empty skips it")

// ownFile is the .yaci.yml of this repository.
func ownFile(t *testing.T) string {
	t.Helper()
	return string(must(os.ReadFile("../../.yaci.yml"))(t))
}

// TestSelf: YACI builds and tests itself on the cluster, as its own file says. The image is
// one with this machine's Go, and modules come from this machine's cache.
func TestSelf(t *testing.T) {
	if *self == "" {
		t.Skip("takes many minutes: make self")
	}
	w := NewWorld(t)
	image := "image: " + os.Getenv(
		"YACI_TOOLS_IMAGE",
	) + "\nenv: {GOPROXY: \"" + moduleProxy(
		t,
	) + "\", GOSUMDB: \"off\", PKGS: \"" + *self + "\"}\n"
	files := tracked(t)
	files[".yaci.yml"] = strings.Replace(ownFile(t), "image: golang:1.26\n", image, 1)
	if !strings.HasPrefix(files[".yaci.yml"], image) {
		t.Fatalf(".yaci.yml does not begin with its image:\n%s", ownFile(t))
	}
	r := w.Repo("yaci", false)
	sha := must(must(r.Clone(t.TempDir(), w.Ada))(t).Push("Everything", files))(t)
	w.Drain()
	st := must(r.WaitStatus(citesttest.Context(t, 40*time.Minute), sha, "yaci", citest.Finished))(t)
	for step := range 2 {
		log := w.wholeLog(step + 1)
		t.Logf("step %d ends with:\n%s", step+1, log[max(0, len(log)-4000):])
	}
	if st.State != "success" {
		t.Errorf("%s: %s", st.State, st.Description)
	}
	t.Log(st.Description)
}

// tracked are the files of this repository, by their paths.
func tracked(t *testing.T) map[string]string {
	t.Helper()
	list := exec.Command("git", "ls-files", "-z")
	list.Dir = "../.."
	files := map[string]string{}
	for path := range strings.SplitSeq(strings.TrimSuffix(string(must(list.Output())(t)), "\x00"), "\x00") {
		files[path] = string(must(os.ReadFile(filepath.Join("../..", path)))(t))
	}
	return files
}

// moduleProxy serves the modules that this machine has to pods (go.dev/ref/mod, "Module proxies").
func moduleProxy(t *testing.T) string {
	t.Helper()
	cache := strings.TrimSpace(string(must(exec.Command("go", "env", "GOMODCACHE").Output())(t)))
	l := must(net.Listen("tcp", os.Getenv("YACI_LOCAL_HOST")+":0"))(t)
	server := &http.Server{
		Handler:           http.FileServer(http.Dir(filepath.Join(cache, "cache", "download"))),
		ReadHeaderTimeout: time.Minute,
	}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return fmt.Sprintf("http://%s", l.Addr())
}
