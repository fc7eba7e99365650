package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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

// TestOwnFile: this repository's own file is good, and what it makes can be made.
func TestOwnFile(t *testing.T) {
	makefile := string(must(os.ReadFile("../../Makefile"))(t))
	own := ownFile(t)
	stdout, stderr, err := cli(t, own, "lint")
	if err != nil || !strings.Contains(stdout, "is good: 1 job, 2 steps") {
		t.Errorf("lint: %v %s%s", err, stdout, stderr)
	}
	targets := regexp.MustCompile(`\bmake ([a-z-]+)`).FindAllStringSubmatch(own, -1)
	if len(targets) != 2 {
		t.Errorf("its targets: %q", targets)
	}
	for _, m := range targets {
		if !regexp.MustCompile(`(?m)^` + m[1] + `:`).MatchString(makefile) {
			t.Errorf("the Makefile has no target %s", m[1])
		}
	}
}

// TestSelf: YACI builds and tests itself on the cluster, as its own file says. The image is
// one with this machine's Go, and modules come from this machine's cache.
func TestSelf(t *testing.T) {
	if *self == "" {
		t.Skip("takes many minutes: make self")
	}
	w := newWorld(t)
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
	r := w.repo("yaci", false)
	sha := must(must(r.Clone(t.TempDir(), w.ada))(t).Push("Everything", files))(t)
	w.drain()
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
