package main

import (
	"fmt"
	"os"
	"runtime"
)

func main() {
	if err := do(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "local: "+err.Error())
		os.Exit(1)
	}
}

func do(args []string) error {
	checkout, err := os.Getwd()
	if err != nil {
		return err
	}
	n, err := newInstance(checkout, os.Getenv)
	if err != nil {
		return err
	}
	if len(args) != 1 {
		return fmt.Errorf("usage: local up | down | image | env")
	}
	if why := unable(); why != "" {
		return n.fallback(args[0], why)
	}
	if args[0] != "env" {
		unlock, err := lock(checkout)
		if err != nil {
			return err
		}
		defer unlock()
	}
	switch args[0] {
	case "up":
		if err := n.up(); err != nil {
			return fmt.Errorf("up: %w", err)
		}
		fmt.Println(n.kubeconfig())
	case "down":
		return n.down()
	case "image":
		if err := n.images(); err != nil {
			return fmt.Errorf("image: %w", err)
		}
	case "env":
		fmt.Printf(
			"export KUBECONFIG=%s\nexport YACI_LOCAL_HOST=%s\nexport YACI_IMAGE=%s\nexport YACI_RUN_IMAGE=%s\nexport YACI_TOOLS_IMAGE=%s\n"+
				"export YACI_UID_1000_IMAGE=%s\nexport YACI_UID_12345_IMAGE=%s\nexport YACI_OTHER_ARCHITECTURE_IMAGE=%s\n",
			n.kubeconfig(),
			n.host(),
			yaciImage,
			shellImage,
			toolsImage,
			userImage,
			uidImage,
			otherImage,
		)
	default:
		return fmt.Errorf("there is no command %q: use up, down, image or env", args[0])
	}
	return nil
}

// unable says why no cluster can be booted here; empty when it can.
func unable() string {
	switch {
	case runtime.GOOS != "linux":
		return "this is not Linux"
	case os.Geteuid() != 0:
		return "this is not root"
	}
	return ""
}

// fallback leaves the cluster to the current kube-context.
func (n instance) fallback(what, why string) error {
	kubeconfig := os.Getenv("KUBECONFIG")
	if kubeconfig == "" {
		kubeconfig = os.Getenv("HOME") + "/.kube/config"
	}
	switch what {
	case "up":
		fmt.Fprintf(
			os.Stderr,
			"No cluster is booted because %s: using the current kube-context of %s instead.\n",
			why,
			kubeconfig,
		)
		fmt.Println(kubeconfig)
	case "image":
		fmt.Fprintf(
			os.Stderr,
			"No image is loaded because %s: push deploy/Dockerfile's image to a registry and set YACI_IMAGE.\n",
			why,
		)
	}
	return nil
}
