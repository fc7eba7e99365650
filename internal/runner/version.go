package runner

import (
	"fmt"
	"strconv"
)

// Version is the version of what the server tells the runner: plan, variables and
// commands. The server passes it in VersionVariable to the clone container.
const (
	Version         = 1
	VersionVariable = "YACI_PROTOCOL"
)

// CheckVersion returns an error if the runner cannot carry out a job of a version.
// Jobs stored before there were versions have none, which is version 1.
func CheckVersion(version string) error {
	if version == "" {
		return nil
	}
	n, err := strconv.Atoi(version)
	if err != nil || n < 1 {
		return fmt.Errorf("%s is %q, which is not a version", VersionVariable, version)
	}
	if n > Version {
		return fmt.Errorf("YACI's server is newer than its image: the job needs protocol version %d, and the runner "+
			"has %d. Set YACI_IMAGE to the image of the server's version, and retry the run", n, Version)
	}
	return nil
}
