package config

import (
	"fmt"
	"regexp"
)

// Registries has the settings for reading from container registries which command an image runs, for steps without run.
type Registries struct {
	Registries     []string `env:"YACI_REGISTRIES" placeholder:"HOST:PORT" help:"Registries in private networks that the server may read the commands of images from, as host or host:port, or http://host:port without TLS. Public registries need no entry."`
	RegistryConfig string   `env:"YACI_REGISTRY_CONFIG" help:"File with credentials for registries in the format of a pull Secret (.dockerconfigjson). They are never used for pull requests from forks."`
}

var registryAddress = regexp.MustCompile(`^(https?://)?([A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?$`)

func (r Registries) problems() (ps []string) {
	for _, entry := range r.Registries {
		if !registryAddress.MatchString(entry) {
			ps = append(
				ps,
				fmt.Sprintf(
					"YACI_REGISTRIES has %q: write a host like registry.internal:5000, or http://registry.internal:5000 for one without TLS.",
					entry,
				),
			)
		}
	}
	return ps
}
