package config

import (
	"fmt"
	"net/url"
)

// Pages is what people see in a browser.
type Pages struct {
	PublicURL    string `name:"public-url" env:"YACI_PUBLIC_URL" help:"Where people reach this server, as https://ci.example.com. Commit statuses then link to the page of their run."`
	PrivatePages bool   `name:"private-pages" env:"YACI_PRIVATE_PAGES" help:"Show private repositories, and commands of POST /run, to everybody who reaches this server. For installations that only their owners can reach."`
}

func (p Pages) problems() []string {
	if p.PublicURL == "" {
		return nil
	}
	u, err := url.Parse(p.PublicURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return []string{fmt.Sprintf("YACI_PUBLIC_URL is %q: write scheme and host alone, like https://ci.example.com.", p.PublicURL)}
	}
	return nil
}
