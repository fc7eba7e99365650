package watch

import (
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

// keep reduces a scene to what the informers keep.
func (s *scene) keep(t *testing.T) {
	t.Helper()
	var objects []any
	if s.job != nil {
		objects = append(objects, s.job)
	}
	for _, pod := range s.pods {
		objects = append(objects, pod)
	}
	for _, obj := range objects {
		kept, err := slim(obj)
		if err != nil || kept != obj {
			t.Fatalf("%T became %T, %v", obj, kept, err)
		}
	}
}

func TestSlim(t *testing.T) {
	s := passed()
	fat := corev1.Container{
		Name:    "1-build",
		Image:   "golang",
		Env:     []corev1.EnvVar{{Name: "A"}},
		Command: []string{"x"},
	}
	s.job.Spec = batchv1.JobSpec{
		Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{fat}}},
	}
	s.pod().Spec.Containers, s.pod().Spec.Volumes = []corev1.Container{fat}, []corev1.Volume{{Name: "v"}}
	s.keep(t)
	c := s.pod().Spec.Containers[0]
	if c.Name != "1-build" || c.Image != "golang" || c.Env != nil || c.Command != nil || s.pod().Spec.Volumes != nil ||
		s.job.Spec.Template.Spec.Containers != nil {
		t.Errorf("kept %+v of the Job and %+v of the pod", s.job.Spec.Template, s.pod().Spec)
	}
}
