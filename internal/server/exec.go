package server

import (
	"context"
	"io"
	"os"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/exec"
	"github.com/yaci-ci/yaci/internal/kube"
	"github.com/yaci-ci/yaci/internal/registry"
	"github.com/yaci-ci/yaci/internal/terminal"
	"github.com/yaci-ci/yaci/pipeline"
)

// Execution is what yaci exec runs, and where.
type Execution struct {
	Kubeconfig, Namespace string
	config.Pods
	File *pipeline.File
	Dir  string // in the working tree

	Secrets map[string]string // name to value
	JSON    bool              // on standard output
}

// Exec runs a working tree with the rights of who calls it, and returns how it went.
func Exec(ctx context.Context, e Execution, stdout, stderr io.Writer) (state ci.State, err error) {
	klog.SetLogger(logr.Discard()) // client-go prints what it returns too, in the midst of the steps' output
	cluster, err := kube.Connect(e.Kubeconfig, kube.Config{Namespace: e.Namespace})
	if err != nil {
		return "", err
	}
	errs := terminal.New(stderr, os.Getenv)
	tree, err := exec.TakeSnapshot(ctx, e.Dir)
	if err != nil {
		return "", err
	}
	defer func() {
		if gone := tree.Close(); err == nil {
			err = gone
		}
	}()
	errs.Say("%s", errs.Paint(terminal.Dim, tree.String()))
	r, err := exec.New(exec.Config{
		Cluster:        cluster,
		Operator:       Operator(e.Pods),
		PendingTimeout: e.PendingTimeout,
		Out:            terminal.New(stdout, os.Getenv),
		Errs:           errs,
		Secrets:        e.Secrets,
		JSON:           e.JSON,
		Registry:       registry.NewLocal(),
	})
	if err != nil {
		return "", err
	}
	return r.Run(ctx, e.File, tree)
}
