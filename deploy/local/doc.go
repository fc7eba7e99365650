// Command local boots a real one-node Kubernetes on this machine, for laptops,
// tests and CI: etcd, API server, controller manager, scheduler, its own
// containerd and a kubelet. It is a Go module of its own, so that Kubernetes'
// own dependencies stay out of YACI's.
//
//	local up      boot what is not running and print the kubeconfig's path
//	local down    end it and leave nothing behind but the caches
//	local image   build and load YACI's image and the step images (needs bin/)
//	local env     print what tests need to know, as shell assignments
//
// Everything listens on loopback; pods reach the host at the address of the
// instance's own bridge. The instance is named after the checkout's path, and
// ports, bridge and subnet follow from the name, so two checkouts do not fight;
// YACI_LOCAL_NAME, YACI_LOCAL_PORT_BASE and YACI_LOCAL_SUBNET change them.
//
// Invariant: only processes, mounts and interfaces of this instance are touched.
package main
