package pipeline_test

import (
	"testing"

	"github.com/yaci-ci/yaci/pipeline"
)

func TestIsolation(t *testing.T) {
	file, err := pipeline.Parse([]byte("image: a\nsteps: [x]\n"))
	if err != nil {
		t.Fatal(err)
	}
	op := operator()
	op.Namespace = "forks"
	op.RuntimeClass = "gvisor"
	op.UserNamespace = true
	jobs, err := pipeline.Compile(file, input(), op)
	if err != nil {
		t.Fatal(err)
	}
	j := jobs[0].Job
	p := j.Spec.Template.Spec
	if j.Namespace != "forks" || p.RuntimeClassName == nil || *p.RuntimeClassName != "gvisor" || p.HostUsers == nil ||
		*p.HostUsers {
		t.Errorf("namespace %q, runtime class %v, host users %v", j.Namespace, p.RuntimeClassName, p.HostUsers)
	}
}
