package admin

import (
	"context"
	"errors"
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

// ExecOptions are the options of yaci exec.
type ExecOptions struct {
	Kubeconfig string // empty: ~/.kube/config
	Namespace  string
	Pods       config.Pods
	File       *pipeline.File
	Dir        string            // a directory of the working tree
	Secrets    map[string]string // values by name
	JSON       bool              // write JSON lines to stdout
}

// Exec runs a working tree in the cluster with the rights of the caller, and returns the state of the worst job. The
// error is the context's if it was cancelled.
func Exec(ctx context.Context, opts ExecOptions, stdout, stderr io.Writer) (state ci.State, err error) {
	klog.SetLogger(logr.Discard()) // client-go logs the errors that it returns, in between the steps' output
	cluster, err := kube.Connect(opts.Kubeconfig, kube.Config{Namespace: opts.Namespace})
	if err != nil {
		return "", err
	}
	tree, err := exec.TakeSnapshot(ctx, opts.Dir)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, tree.Close()) }()

	messages := terminal.New(stderr, os.Getenv)
	messages.Say("%s", messages.Paint(terminal.Dim, tree.String()))
	r, err := exec.New(exec.Config{
		Cluster:        cluster,
		Operator:       opts.Pods.Operator(),
		PendingTimeout: opts.Pods.PendingTimeout,
		Out:            terminal.New(stdout, os.Getenv),
		Errs:           messages,
		Secrets:        opts.Secrets,
		JSON:           opts.JSON,
		Registry:       registry.NewLocal(),
	})
	if err != nil {
		return "", err
	}
	return r.Run(ctx, opts.File, tree)
}
