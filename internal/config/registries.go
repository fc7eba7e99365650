package config

import (
	"fmt"
	"regexp"
)

// Registries is what the server may use to ask container registries what images of steps without run are made to run.
type Registries struct {
	Registries     []string `env:"YACI_REGISTRIES" placeholder:"HOST:PORT" help:"Registries in private networks that the server may ask what images run, as host or host:port, or http://host:port for one without TLS. Public ones need no entry."`
	RegistryConfig string   `env:"YACI_REGISTRY_CONFIG" help:"File with credentials for registries, as a pull Secret has it (.dockerconfigjson). Never used for pull requests from forks."`
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
