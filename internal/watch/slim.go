package watch

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

// slim takes off an object, as it comes from the API server and before it is
// kept, what nobody here reads, which is most of it: a cluster holds the Jobs of
// the last minutes, and they may be thousands.
func slim(obj any) (any, error) {
	switch o := obj.(type) {
	case *batchv1.Job:
		o.ManagedFields, o.Annotations = nil, nil
		o.Spec.Template = corev1.PodTemplateSpec{}
	case *corev1.Pod:
		o.ManagedFields, o.Annotations = nil, nil
		o.Spec.Volumes = nil
		o.Spec.Tolerations = nil
		o.Spec.Affinity = nil
		slimContainers(o.Spec.InitContainers)
		slimContainers(o.Spec.Containers)
	}
	return obj, nil
}

func slimContainers(all []corev1.Container) {
	for i, c := range all {
		all[i] = corev1.Container{
			Name:          c.Name,
			Image:         c.Image,
			Resources:     c.Resources,
			RestartPolicy: c.RestartPolicy,
		}
	}
}
